"""A process is killed before its log was synced, another one goes on, and then the power goes."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.powerloss.disk import Disk
from tests.powerloss.trace import traced
from tests.services import needed
from tocsin.bus.embedded import EmbeddedBus

pytestmark = pytest.mark.slow

_COMMIT = """
import sys
from pathlib import Path
from tocsin.bus.embedded import EmbeddedBus
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings
bus = EmbeddedBus(Path("place/bus"))
bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {})
bus.committer(owner="me").commit({"raw": [Record(b"a record")]}, Batch(positions={"file": b"1"}))
bus.close()
"""
_LOOK = """
import os
from pathlib import Path
from tocsin.bus.embedded import EmbeddedBus
bus = EmbeddedBus(Path("place/bus"))
os.write(1, str(bus.ends("raw")[0][1]).encode())
os._exit(0)
"""
_SYNC_OF_COMMIT = "fdatasync:error=EIO:signal=KILL:when=3"  # before: of the header of the log, and of its name


def test_what_a_process_has_seen_on_the_bus_is_there_after_a_loss_of_power(tmp_path: Path) -> None:
    needed("strace")
    (tmp_path / "place").mkdir()
    disk = Disk(tmp_path / "place", tmp_path)
    seen: list[bytes] = []
    for code, fault in ((_COMMIT, ""), (_COMMIT, _SYNC_OF_COMMIT), (_LOOK, "")):
        command = ["env", "-C", str(tmp_path), sys.executable, "-c", code]
        seen += [written for call in traced(command, tmp_path, fault) if (written := disk.take(call)) is not None]
    assert seen[-1] == b"2", "the second process was to be killed when its commit was written, but not synced"
    disk.rebuild(tmp_path / "after", seed=None)
    with closing(EmbeddedBus(tmp_path / "after" / "bus")) as bus:
        assert bus.ends("raw")[0] == (0, 2)
        assert bus.positions("me") == {"file": b"1"}
