"""Retention removes what every group has read, and the space comes back."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tocsin.bus import retention
from tocsin.bus.database import Database
from tocsin.bus.embedded import ConsumerSettings, EmbeddedBus
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings

Connect = Callable[[], EmbeddedBus]

_HOUR_US = 3_600_000_000


def _now_us() -> int:
    return time.time_ns() // 1000


def _append(bus: EmbeddedBus, blocks: int, size: int = 100, key: bytes = b"") -> None:
    """Append blocks of 10 records of incompressible bytes."""
    dice = random.Random(blocks)
    for _ in range(blocks):
        bus.committer().commit({"raw": [Record(dice.randbytes(size), key) for _ in range(10)]}, Batch())


def _read(bus: EmbeddedBus, group: str, offset: int, partition: int = 0) -> None:
    bus.committer(group=group).commit({}, Batch(offsets={("raw", partition): offset}))


def _topic(bus: EmbeddedBus, *groups: str, partitions: int = 1, seconds: int = 1 << 30, size: int = 1 << 40) -> None:
    settings = TopicSettings(partitions, retention_seconds=seconds, retention_bytes=size)
    bus.ensure_topics({"raw": settings}, {group: ["raw"] for group in groups})


def test_nothing_young_and_small_is_removed(bus: EmbeddedBus) -> None:
    _topic(bus)
    _append(bus, 5)
    assert bus.retain(_now_us()) == 0
    assert bus.ends("raw") == {0: (0, 50)}


def test_old_blocks_are_removed_and_young_ones_stay(bus: EmbeddedBus) -> None:
    _topic(bus, seconds=3600)
    _append(bus, 3)
    time.sleep(0.01)
    between = _now_us()
    _append(bus, 2)
    assert bus.retain(between + _HOUR_US) == 30
    assert bus.ends("raw") == {0: (30, 50)}
    assert [record.offset for record in bus.read_from("raw", 0, 0, 100)] == list(range(30, 50))


def test_what_is_too_much_is_removed_oldest_first(bus: EmbeddedBus) -> None:
    _topic(bus, size=3500)  # a block takes some 1,030 bytes
    _append(bus, 10)
    assert bus.retain(_now_us()) == 70
    assert bus.ends("raw") == {0: (70, 100)}


def test_the_size_is_that_of_the_whole_topic_though_all_lies_in_one_partition(bus: EmbeddedBus) -> None:
    _topic(bus, partitions=4, size=5500)
    _append(bus, 5, key=b"the only host")
    assert bus.retain(_now_us()) == 0
    _append(bus, 5, key=b"the only host")
    assert bus.retain(_now_us()) == 50


def test_retention_takes_new_settings_at_the_next_start(bus: EmbeddedBus, connect: Connect) -> None:
    _topic(bus)
    _append(bus, 4)
    _topic(connect(), size=2500)
    assert bus.retain(_now_us()) == 20


def test_what_any_registered_group_has_not_read_stays(bus: EmbeddedBus) -> None:
    _topic(bus, "fast", "slow", "registered only", seconds=0)
    _append(bus, 5)
    _read(bus, "fast", 50)
    _read(bus, "slow", 25)
    assert bus.retain(_now_us() + _HOUR_US) == 0
    _read(bus, "registered only", 50)
    assert bus.retain(_now_us() + _HOUR_US) == 20
    assert bus.ends("raw") == {0: (20, 50)}
    _read(bus, "slow", 50)
    assert bus.retain(_now_us() + _HOUR_US) == 30
    assert bus.ends("raw") == {0: (50, 50)}


def test_an_unread_partition_holds_up_no_other(bus: EmbeddedBus) -> None:
    _topic(bus, "g", partitions=2, seconds=0)
    _append(bus, 4)
    _read(bus, "g", 20, partition=1)
    assert bus.retain(_now_us() + _HOUR_US) == 20
    assert bus.ends("raw") == {0: (0, 20), 1: (20, 20)}


def test_offsets_go_on_after_everything_was_removed(bus: EmbeddedBus) -> None:
    _topic(bus, seconds=0)
    _append(bus, 2)
    bus.retain(_now_us() + _HOUR_US)
    _append(bus, 1)
    assert [record.offset for record in bus.read_from("raw", 0, 0, 100)] == list(range(20, 30))
    batch = bus.consumer("new", ["raw"], ConsumerSettings(idle_seconds=0)).read()
    assert batch is not None
    assert batch.offsets == {("raw", 0): 30}


def test_the_file_shrinks_to_about_what_is_kept(folder: Path, bus: EmbeddedBus) -> None:
    _topic(bus, size=2 << 20)
    _append(bus, 40, size=50_000)
    bus.retain(_now_us() - _HOUR_US)
    size = (folder / "bus.sqlite").stat().st_size
    assert 2 << 20 < size < 8 << 20
    assert sum(len(record.value) for record in bus.read_from("raw", 0, 0, 1000)) > 1 << 20
    assert bus._database.rows("PRAGMA integrity_check") == [("ok",)]


_BUSY_WRITER = """
import random, sys
from pathlib import Path
from tocsin.bus.embedded import EmbeddedBus
from tocsin.event import Record
from tocsin.flow import Batch
bus = EmbeddedBus(Path(sys.argv[1]))
for number in range(60):
    records = [Record(b"%d " % (number * 10 + i) + random.randbytes(20_000)) for i in range(10)]
    bus.committer().commit({"raw": records}, Batch())
"""

_BUSY_READER = """
import sys
from pathlib import Path
from tocsin.bus.database import Database
from tocsin.bus.embedded import ConsumerSettings, EmbeddedBus
bus = EmbeddedBus(Path(sys.argv[1]))
reader = bus.consumer("g", ["raw"], ConsumerSettings(max_records=50))
seen = []
while len(seen) < 1200:
    batch = reader.read()
    if not batch.is_tick:
        seen += [int(record.value.split(b" ", 1)[0]) for record in batch.records]
        bus.committer(group="g").commit({}, batch)
print(sorted(seen) == sorted([*range(600), *range(600)]))
"""


def test_writers_and_readers_go_on_while_space_is_given_back(
    folder: Path, bus: EmbeddedBus, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    _topic(bus, "g", partitions=2, size=1 << 20)
    reader = start(_BUSY_READER, folder)
    writers = [start(_BUSY_WRITER, folder) for _ in range(2)]
    removed = 0
    while reader.poll() is None:
        removed += bus.retain(_now_us())
        time.sleep(0.05)
    assert reader.communicate()[0] == "True\n"
    assert [writer.wait() for writer in writers] == [0, 0]
    removed += bus.retain(_now_us())
    assert removed > 1000
    assert sum(end - first for first, end in bus.ends("raw").values()) == 1200 - removed
    assert (folder / "bus.sqlite").stat().st_size < 10 << 20
    assert bus._database.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_group_that_registers_while_blocks_are_being_removed_loses_nothing(
    bus: EmbeddedBus, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    _topic(bus, seconds=0)
    _append(bus, 3)
    other = connect()
    steps = retention._steps

    def register_first(blocks: Sequence[retention._Block]) -> Iterator[list[retention._Block]]:
        other.ensure_topics({}, {"new": ["raw"]})
        return steps(blocks)

    monkeypatch.setattr(retention, "_steps", register_first)
    assert bus.retain(_now_us() + _HOUR_US) == 0
    assert bus.ends("raw") == {0: (0, 30)}


def test_a_block_removed_by_another_process_takes_no_newer_one_with_it(
    bus: EmbeddedBus, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite gives the number of a removed row to the next one, which may be of another topic."""
    old = TopicSettings(1, retention_seconds=3600, retention_bytes=1 << 40)
    bus.ensure_topics({"alerts": old, "raw": TopicSettings(1, 1 << 30, 1 << 40)}, {})
    bus.committer().commit({"alerts": [Record(b"old")]}, Batch())
    other = connect()
    steps = retention._steps

    def be_overtaken(blocks: Sequence[retention._Block]) -> Iterator[list[retention._Block]]:
        monkeypatch.setattr(retention, "_steps", steps)
        assert other.retain(_now_us() + 2 * _HOUR_US) == 1
        other.committer().commit({"raw": [Record(b"new")]}, Batch())
        return steps(blocks)

    monkeypatch.setattr(retention, "_steps", be_overtaken)
    assert bus.retain(_now_us() + 2 * _HOUR_US) == 0
    assert [record.value for record in bus.read_from("raw", 0, 0, 10)] == [b"new"]
    assert (bus.ends("alerts"), bus.ends("raw")) == ({0: (1, 1)}, {0: (0, 1)})


def test_many_blocks_are_removed_in_many_looks_and_steps_oldest_first(
    bus: EmbeddedBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_LOOK_BLOCKS", 3)
    monkeypatch.setattr(retention, "_STEP_BLOCKS", 2)
    _topic(bus, partitions=2, size=5500)  # a block takes some 1,030 bytes
    _append(bus, 20, key=b"always here")
    _append(bus, 20)
    assert bus.retain(_now_us()) == 350
    assert sorted(bus.ends("raw").values()) == [(70, 100), (280, 300)]


def test_one_step_of_giving_space_back_moves_many_pages(folder: Path, bus: EmbeddedBus) -> None:
    _topic(bus)
    _append(bus, 10, size=50_000)
    database = Database(folder)
    with database.transaction() as connection:
        connection.execute("DELETE FROM blocks")
    before = database.rows("PRAGMA freelist_count")[0][0]
    database.vacuum(100)
    assert (before > 200, before - database.rows("PRAGMA freelist_count")[0][0]) == (True, 100)
    database.close()
