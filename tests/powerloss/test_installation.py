"""What a data directory is known by on a shared bus is there after a loss of power."""

import sys
from pathlib import Path

import pytest

from tests.powerloss.disk import Disk
from tests.powerloss.trace import traced
from tests.services import needed

pytestmark = pytest.mark.slow

_CODE = """
import os
from pathlib import Path
from tocsin.bus.kafka.installation import installation_of
os.write(1, b"id " + installation_of(Path("place/data/kafka")).encode())
"""


def test_an_id_that_was_given_is_there_after_a_loss_of_power_and_one_is_never_empty(tmp_path: Path) -> None:
    needed("strace")
    (tmp_path / "place").mkdir()
    disk = Disk(tmp_path / "place", tmp_path)
    given = b""
    for number, call in enumerate(traced(["env", "-C", str(tmp_path), sys.executable, "-c", _CODE], tmp_path)):
        is_below = disk.is_below(call)
        written = disk.take(call)
        if written is not None and written.startswith(b"id "):
            given = written.removeprefix(b"id ")
        for seed in (None, *range(5)) if is_below or written is not None else ():
            path = tmp_path / f"after-{number}-{seed}"
            disk.rebuild(path, seed)
            kept = path / "data" / "kafka" / "installation"
            assert kept.exists() or not given
            assert not kept.exists() or len(kept.read_bytes()) == 16
    assert len(given) == 16
