"""A full disk under everything: the stages wait, say so, and go on when there is room."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.command import start_tocsin
from tests.ledger import Ledger, records_of_files
from tests.small_disk import small_disk_at
from tests.windows_events import flat_lines

pytestmark = pytest.mark.slow

_EVENTS = 120_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    with small_disk_at(tmp_path / "disk", 24) as folder:
        yield folder


def test_a_full_disk_stops_nothing_for_good_and_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(flat_lines(_EVENTS)))
    data = small_disk / "data"
    run = start_tocsin("run", "--input", path, "--data", data, cwd=tmp_path)
    output = tmp_path / "output.txt"
    deadline = time.monotonic() + 120
    while "is full" not in output.read_text():
        assert run.poll() is None, output.read_text()
        assert time.monotonic() < deadline, "the disk never filled"
        time.sleep(0.2)
    time.sleep(3)
    assert run.poll() is None, output.read_text()
    subprocess.run(["mount", "-o", "remount,size=600m", small_disk], check=True)
    assert run.wait(timeout=200) == 0, output.read_text()
    Ledger.of(data).check(records_of_files([path]))
