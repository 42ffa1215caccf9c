"""What only the embedded bus does: several processes on one file, kills, torn logs, full disks, damage."""

import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from tests.small_disk import small_disk_at
from tocsin.bus.database import Database
from tocsin.bus.embedded import FAILPOINTS, ConsumerSettings, EmbeddedBus
from tocsin.errors import ConfigError, DeliveryError
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings

Connect = Callable[[], EmbeddedBus]
Start = Callable[..., "subprocess.Popen[str]"]

# Commits batches without end: three outputs each, an offset and a position; prints the number of each one acknowledged.
_WRITER = """
import sys
from pathlib import Path
from tocsin.bus.embedded import EmbeddedBus
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings
bus = EmbeddedBus(Path(sys.argv[1]))
bus.ensure_topics({"in": TopicSettings(partitions=1), "out": TopicSettings(partitions=2)}, {"g": ["in"]})
done = bus.committed("g")["in", 0]
committer = bus.committer(group="g", owner="o")
for number in range(done + 1, done + 1 + int(sys.argv[2])):
    outputs = {"out": [Record(b"%d/%d" % (number, part), key=b"%d" % part) for part in range(3)]}
    committer.commit(outputs, Batch(offsets={("in", 0): number}, positions={"file": b"%d" % number}))
    print(number, flush=True)
"""


def _values(bus: EmbeddedBus, topic: str) -> list[bytes]:
    values = []
    for partition, (first, end) in bus.ends(topic).items():
        while first < end:
            records = bus.read_from(topic, partition, first, end - first)
            values += [record.value for record in records]
            first += len(records)
    return values


def _assert_whole(bus: EmbeddedBus, acknowledged: int) -> int:
    """Everything acknowledged is there, once; outputs, offsets and positions fit each other. Return the last number."""
    last = bus.committed("g")["in", 0]
    assert last in (acknowledged, acknowledged + 1)
    assert bus.positions("o") == ({"file": b"%d" % last} if last else {})
    assert sorted(_values(bus, "out")) == sorted(b"%d/%d" % (n, part) for n in range(1, last + 1) for part in range(3))
    return last


def _last_printed(process: "subprocess.Popen[str]") -> int:
    return max((int(line) for line in process.communicate(timeout=60)[0].split()), default=0)


@pytest.mark.parametrize("name", FAILPOINTS)
def test_a_kill_at_a_fail_point_leaves_a_commit_whole_or_not_at_all(
    folder: Path, connect: Connect, start: Start, name: str
) -> None:
    process = start(_WRITER, folder, 10, TOCSIN_FAILPOINT=f"{name}:4")
    acknowledged = _last_printed(process)
    assert (acknowledged, process.returncode) == (3, -signal.SIGKILL)
    assert _assert_whole(connect(), 3) == (4 if name == "bus.after_commit" else 3)
    assert _last_printed(start(_WRITER, folder, 2)) == _assert_whole(connect(), _last_number(connect()))


def _last_number(bus: EmbeddedBus) -> int:
    return bus.committed("g")["in", 0]


@pytest.mark.slow
def test_kills_at_any_time_lose_and_double_nothing(folder: Path, connect: Connect, start: Start) -> None:
    dice = random.Random(5)
    acknowledged = 0
    for _ in range(12):
        process = start(_WRITER, folder, 1_000_000)
        assert process.stdout is not None
        first = int(process.stdout.readline())
        time.sleep(dice.uniform(0, 0.3))
        process.kill()
        acknowledged = max(first, _last_printed(process))
        _assert_whole(connect(), acknowledged)
    assert acknowledged > 100


_NUMBERED_WRITER = """
import sys
from pathlib import Path
from tocsin.bus.embedded import EmbeddedBus
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings
bus = EmbeddedBus(Path(sys.argv[1]))
bus.ensure_topics({"raw": TopicSettings()}, {})
committer = bus.committer(owner=sys.argv[2])
for batch in range(40):
    numbers = range(batch * 10, batch * 10 + 10)
    records = [Record(b"%s %d" % (sys.argv[2].encode(), n), key=b"%d" % (n % 5)) for n in numbers]
    committer.commit({"raw": records}, Batch(positions={"p": b"%d" % batch}))
"""


def test_several_writers_at_once_lose_and_double_nothing_and_keep_their_order(
    folder: Path, connect: Connect, start: Start
) -> None:
    writers = [start(_NUMBERED_WRITER, folder, name) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    bus = connect()
    seen: dict[bytes, list[int]] = {b"a": [], b"b": [], b"c": []}
    for partition, (first, end) in bus.ends("raw").items():
        records = bus.read_from("raw", partition, first, end - first)
        assert [record.offset for record in records] == list(range(first, end))
        in_partition: dict[bytes, list[int]] = {}
        for record in records:
            writer, number = record.value.split()
            in_partition.setdefault(writer, []).append(int(number))
        for writer, numbers in in_partition.items():
            assert numbers == sorted(numbers)
            seen[writer] += numbers
    assert {writer: sorted(numbers) for writer, numbers in seen.items()} == {key: list(range(400)) for key in seen}


def test_a_new_folder_may_be_opened_by_many_at_once(folder: Path, start: Start) -> None:
    barrier = Barrier(6)
    ids: list[str] = []

    def open_one(number: int) -> None:
        barrier.wait()
        bus = EmbeddedBus(folder)
        bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {})
        bus.committer(owner="o").commit({"raw": [Record(b"%d" % number)]}, Batch())
        ids.append(bus.id)
        bus.close()

    processes = [start(_WRITER, folder, 1) for _ in range(2)]
    threads = [Thread(target=open_one, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0, 0]
    bus = EmbeddedBus(folder)
    assert (len(ids), set(ids)) == (6, {bus.id})
    assert sorted(_values(bus, "raw")) == [b"%d" % number for number in range(6)]
    bus.close()


def test_readers_go_on_while_a_writer_is_inside_a_transaction(folder: Path, bus: EmbeddedBus) -> None:
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {"g": ["raw"]})
    bus.committer().commit({"raw": [Record(b"before")]}, Batch())
    writer = Database(folder)
    started = time.monotonic()
    with writer.transaction() as connection:
        connection.execute("UPDATE partitions SET next_offset = 7")
        assert [record.value for record in bus.read_from("raw", 0, 0, 9)] == [b"before"]
        assert bus.ends("raw") == {0: (0, 1)}
        assert bus.lag("g")[0].records == 1
    assert time.monotonic() - started < 1
    writer.close()


def test_a_reader_inside_a_transaction_holds_up_no_writer(folder: Path, bus: EmbeddedBus) -> None:
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {})
    reader = sqlite3.connect(folder / "bus.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM blocks").fetchone() == (0,)
    started = time.monotonic()
    for _ in range(20):
        bus.committer().commit({"raw": [Record(b"v")]}, Batch())
    assert time.monotonic() - started < 5
    assert reader.execute("SELECT count(*) FROM blocks").fetchone() == (0,)
    reader.close()
    assert bus.ends("raw") == {0: (0, 20)}


_OWNER = """
import os, sys
from pathlib import Path
from tocsin.bus.embedded import ConsumerSettings, EmbeddedBus
from tocsin.flow import TopicSettings
bus = EmbeddedBus(Path(sys.argv[1]))
bus.ensure_topics({"raw": TopicSettings(partitions=4)}, {})
lock = bus.own("classify")
reader = bus.consumer("classify", ["raw"], ConsumerSettings(workers=2))
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_second_owner_of_a_group_is_refused_and_told_the_pid_until_the_first_is_killed(
    folder: Path, connect: Connect, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = start(_OWNER, folder)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "ready\n"
    bus = connect()
    with pytest.raises(ConfigError, match=f"group `classify` .* owned by the process with pid {owner.pid};"):
        bus.own("classify")
    bus.own("store").release()
    monkeypatch.setattr("tocsin.bus.consumer._HANDOVER_SECONDS", 0.05)
    with pytest.raises(ConfigError, match=f"partition 0 of `raw` is still being read by .* pid {owner.pid};"):
        bus.consumer("classify", ["raw"], ConsumerSettings())
    bus.consumer("classify", ["raw"], ConsumerSettings(worker=1, workers=2)).close()
    owner.kill()
    owner.wait()
    bus.own("classify").release()
    bus.consumer("classify", ["raw"], ConsumerSettings()).close()


def test_names_of_groups_are_no_paths(bus: EmbeddedBus) -> None:
    bus.own("../../a/b").release()


def test_a_newer_version_is_refused(folder: Path) -> None:
    EmbeddedBus(folder).close()
    _edit(folder, "PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match=r"newer Tocsin \(format 99, this one knows 1\)"):
        EmbeddedBus(folder)


def test_a_file_that_is_no_database_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "bus.sqlite").write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(ConfigError, match=r"bus\.sqlite` is damaged \(file is not a database\)"):
        EmbeddedBus(folder)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/bus` cannot be made: .*Not a directory"):
        EmbeddedBus(tmp_path / "file" / "bus")


def test_a_file_that_cannot_be_opened_is_named(folder: Path) -> None:
    (folder / "bus.sqlite").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"bus\.sqlite` cannot be opened: unable to open database file"):
        EmbeddedBus(folder)


def test_a_damaged_block_is_an_error_that_says_where(folder: Path, bus: EmbeddedBus) -> None:
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {})
    for _ in range(2):
        bus.committer().commit({"raw": [Record(b"value %d" % n) for n in range(10)]}, Batch())
    ((packed,),) = _rows(folder, "SELECT records FROM blocks WHERE id = 2")
    _edit(folder, "UPDATE blocks SET records = ? WHERE id = 2", packed[:-1] + bytes([packed[-1] ^ 1]))
    assert len(bus.read_from("raw", 0, 0, 10)) == 10
    with pytest.raises(
        ConfigError, match="`raw` partition 0, the block at or after offset 10 is damaged: its checksum"
    ):
        bus.read_from("raw", 0, 10, 10)


def test_damaged_pages_of_the_file_are_an_error_and_no_records(folder: Path) -> None:
    bus = EmbeddedBus(folder)
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {})
    bus.committer().commit({"raw": [Record(random.Random(1).randbytes(200_000))]}, Batch())
    bus.close()
    file = folder / "bus.sqlite"
    whole = file.read_bytes()
    for page in range(1, len(whole) // 16_384):
        for left in folder.glob("bus.sqlite*"):
            left.unlink()
        file.write_bytes(whole[: page * 16_384] + bytes(16_384) + whole[(page + 1) * 16_384 :])
        with pytest.raises((ConfigError, DeliveryError)):
            _read_and_write(folder)


def _read_and_write(folder: Path) -> None:
    with closing(EmbeddedBus(folder)) as bus:
        bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {"g": ["raw"]})
        with closing(bus.consumer("g", ["raw"], ConsumerSettings(idle_seconds=0))) as reader:
            batch = reader.read()
        assert batch is not None
        assert [len(record.value) for record in batch.records] == [200_000]
        bus.committer(group="g", owner="o").commit({}, Batch(offsets=batch.offsets, positions={"p": b"1"}))
        bus.positions("o")
        if bus._database.rows("PRAGMA integrity_check") != [("ok",)]:
            raise ConfigError("only a full check shows this damage")


def test_records_gone_unread_are_counted_when_a_consumer_starts(folder: Path, bus: EmbeddedBus) -> None:
    _three_blocks(bus)
    _edit(folder, "DELETE FROM blocks WHERE id = 1")
    _edit(folder, "UPDATE partitions SET first_offset = 5")
    with pytest.raises(ConfigError, match=r"group `g`: 5 records of `raw` partition 0 are gone .*\(offsets 0 to 4\)"):
        bus.consumer("g", ["raw"], ConsumerSettings())


@pytest.mark.parametrize(("block", "offsets"), [(1, "0 to 4"), (2, "5 to 9"), (3, "10 to 14")])
def test_records_gone_unread_are_counted_while_a_consumer_runs(
    folder: Path, bus: EmbeddedBus, block: int, offsets: str
) -> None:
    _three_blocks(bus)
    reader = bus.consumer("g", ["raw"], ConsumerSettings(idle_seconds=0, max_records=1))
    _edit(folder, "DELETE FROM blocks WHERE id = ?", block)
    with pytest.raises(
        ConfigError, match=f"group `g`: 5 records of `raw` partition 0 are gone .* \\(offsets {offsets}\\)"
    ):
        while True:
            reader.read()


def test_a_position_beyond_the_end_is_refused(folder: Path, bus: EmbeddedBus) -> None:
    _three_blocks(bus)
    _edit(folder, "UPDATE offsets SET next_offset = 99")
    with pytest.raises(ConfigError, match="its position 99 in `raw` partition 0 lies beyond the end 15"):
        bus.consumer("g", ["raw"], ConsumerSettings())


def test_a_consumer_that_was_refused_holds_no_partition(folder: Path, connect: Connect, bus: EmbeddedBus) -> None:
    _three_blocks(bus)
    _edit(folder, "UPDATE offsets SET next_offset = 99")
    with pytest.raises(ConfigError):
        bus.consumer("g", ["raw"], ConsumerSettings())
    _edit(folder, "UPDATE offsets SET next_offset = 15")
    connect().consumer("g", ["raw"], ConsumerSettings()).close()


def test_a_large_batch_is_cut_into_blocks_that_readers_can_hold(folder: Path, bus: EmbeddedBus) -> None:
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {})
    sizes = [10] * 2_500 + [1 << 20] * 20 + [9 << 20] + [10]
    bus.committer().commit({"raw": [Record(bytes(size)) for size in sizes]}, Batch())
    counts = _rows(folder, "SELECT count FROM blocks ORDER BY id")
    assert [count for (count,) in counts] == [500, 500, 500, 500, 500, 8, 8, 4, 1, 1]
    assert [len(value) for value in _values(bus, "raw")] == sizes


def test_large_records_are_all_read_though_they_come_in_several_batches(bus: EmbeddedBus) -> None:
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {})
    bus.committer().commit({"raw": [Record(bytes(1 << 20)) for _ in range(40)]}, Batch())
    reader = bus.consumer("g", ["raw"], ConsumerSettings(idle_seconds=0))
    sizes = []
    while (batch := reader.read()) is not None and not batch.is_tick:
        sizes.append(len(batch.records))
    assert sizes == [16, 16, 8]


def test_a_torn_write_ahead_log_keeps_what_was_acknowledged_before_the_tear(folder: Path, bus: EmbeddedBus) -> None:
    bus.ensure_topics({"in": TopicSettings(partitions=1), "out": TopicSettings(partitions=2)}, {"g": ["in"]})
    wal = folder / "bus.sqlite-wal"
    ends = [wal.stat().st_size]
    for number in range(1, 9):
        outputs = {"out": [Record(b"%d/%d" % (number, part), key=b"%d" % part) for part in range(3)]}
        bus.committer(group="g", owner="o").commit(
            outputs, Batch(offsets={("in", 0): number}, positions={"file": b"%d" % number})
        )
        ends.append(wal.stat().st_size)
    whole = wal.read_bytes()
    dice = random.Random(3)
    cuts = {end + more for end in ends for more in (-1, 0, 24)} | {dice.randrange(ends[0], ends[-1]) for _ in range(40)}
    for cut in sorted(cuts):
        expected = max(number for number, end in enumerate([0, *ends[1:]]) if end <= cut)
        if cut >= ends[0]:
            _assert_torn(folder, whole[:cut], expected)
            _assert_torn(folder, whole[:cut] + dice.randbytes(5_000), expected)


def _assert_torn(folder: Path, wal: bytes, expected: int) -> None:
    copy = folder.parent / "copy"
    (copy / "locks").mkdir(parents=True)
    shutil.copy(folder / "bus.sqlite", copy)
    (copy / "bus.sqlite-wal").write_bytes(wal)
    torn = EmbeddedBus(copy)
    assert torn._database.rows("PRAGMA integrity_check") == [("ok",)]
    assert _assert_whole(torn, expected) == expected
    torn.committer(group="g").commit({"out": [Record(b"goes on")]}, Batch())
    torn.close()
    shutil.rmtree(copy)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    with small_disk_at(tmp_path / "small", 48) as place:
        yield place


@pytest.mark.slow
def test_a_full_disk_commits_nothing_and_goes_on_once_there_is_room(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(20 << 20))
    bus = EmbeddedBus(small_disk / "bus")
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {"g": ["raw"]})
    written = _fill(bus)
    for _ in range(3):
        with pytest.raises(DeliveryError, match=r"full|disk I/O"):
            _commit_number(bus, written)
        assert _numbers(bus) == list(range(written))
    filler.unlink()
    _commit_number(bus, written)
    assert _numbers(bus) == list(range(written + 1))
    bus.close()
    reopened = EmbeddedBus(small_disk / "bus")
    assert _numbers(reopened) == list(range(written + 1))
    assert reopened.positions("o") == {"p": b"%d" % written}
    reopened.close()


@pytest.mark.slow
def test_a_bus_on_a_full_disk_can_be_opened_and_read_and_retained_once_there_is_a_little_room(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(16 << 20))
    bus = EmbeddedBus(small_disk / "bus")
    bus.ensure_topics({"raw": TopicSettings(partitions=1, retention_bytes=1 << 20)}, {"g": ["raw"]})
    written = _fill(bus)
    bus.close()
    bus = EmbeddedBus(small_disk / "bus")
    assert _numbers(bus) == list(range(written))
    filler.unlink()
    bus.committer(group="g").commit({}, Batch(offsets={("raw", 0): written}))
    assert bus.retain(time.time_ns() // 1000) > written - 6
    assert sum(file.stat().st_size for file in (small_disk / "bus").glob("bus.sqlite")) < 6 << 20
    for number in range(written, written + 10):
        _commit_number(bus, number)
    bus.close()


def test_a_file_that_may_not_grow_is_a_delivery_error_and_nothing_half(folder: Path, bus: EmbeddedBus) -> None:
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {"g": ["raw"]})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, hard))
    try:
        written = _fill(bus)
        assert _numbers(bus) == list(range(written))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    _commit_number(bus, written)
    assert _numbers(bus) == list(range(written + 1))
    assert bus._database.rows("PRAGMA integrity_check") == [("ok",)]


# Stands before fsync and fdatasync, which fail while the file named in FAIL_SYNC exists.
_FAILING_SYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int pass(const char *name, int file) {
    if (access(getenv("FAIL_SYNC"), F_OK) == 0) { errno = EIO; return -1; }
    return ((int (*)(int)) dlsym(RTLD_NEXT, name))(file);
}
int fsync(int file) { return pass("fsync", file); }
int fdatasync(int file) { return pass("fdatasync", file); }
"""

_SYNC_WRITER = """
import os, sys
from pathlib import Path
from tocsin.bus.embedded import EmbeddedBus
from tocsin.errors import DeliveryError
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings
bus = EmbeddedBus(Path(sys.argv[1]))
bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {})
switch = Path(os.environ["FAIL_SYNC"])
def seen():
    return [int(record.value) for record in bus.read_from("raw", 0, 0, 1000)]
for number in range(30):
    outputs = {"raw": [Record(b"%d" % number)]}
    if number % 3 == 0:
        switch.touch()
        for _ in range(3):
            try:
                bus.committer(owner="o").commit(outputs, Batch(positions={"p": b"%d" % number}))
            except DeliveryError:
                assert seen() == list(range(number))
            else:
                sys.exit("a failed fsync was taken for a commit")
        switch.unlink()
    bus.committer(owner="o").commit(outputs, Batch(positions={"p": b"%d" % number}))
    assert seen() == list(range(number + 1))
print(bus._database.rows("PRAGMA integrity_check"))
"""


@pytest.mark.slow
def test_a_failed_fsync_is_no_commit_and_the_next_try_is_one(tmp_path: Path, start: Start, folder: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler and LD_PRELOAD")
    (tmp_path / "sync.c").write_text(_FAILING_SYNC)
    library = tmp_path / "sync.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "sync.c", "-ldl"], check=True)
    writer = start(_SYNC_WRITER, folder, LD_PRELOAD=str(library), FAIL_SYNC=str(tmp_path / "fail"))
    assert (writer.communicate(timeout=60)[0], writer.returncode) == ("[('ok',)]\n", 0)


def _fill(bus: EmbeddedBus) -> int:
    """Commit numbered batches until one is refused; return the number of that one."""
    for number in range(1_000):
        try:
            _commit_number(bus, number)
        except DeliveryError:
            return number
    pytest.fail("never full")


def _commit_number(bus: EmbeddedBus, number: int) -> None:
    value = b"%06d" % number + random.Random(number).randbytes(200_000)
    bus.committer(group="g", owner="o").commit({"raw": [Record(value)]}, Batch(positions={"p": b"%d" % number}))


def _numbers(bus: EmbeddedBus) -> list[int]:
    return [int(value[:6]) for value in _values(bus, "raw")]


def _three_blocks(bus: EmbeddedBus) -> None:
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {"g": ["raw"]})
    for _ in range(3):
        bus.committer().commit({"raw": [Record(b"v")] * 5}, Batch())


def _rows(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "bus.sqlite")) as connection:
        return connection.execute(query).fetchall()


def _edit(folder: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(folder / "bus.sqlite", isolation_level=None)
    connection.execute(statement, values)
    connection.close()


def test_groups_lists_all_that_are_registered(bus: EmbeddedBus) -> None:
    bus.ensure_topics({"raw": TopicSettings(), "out": TopicSettings(1)}, {})
    bus.ensure_topics({}, {"store": ["out"], "classify": ["raw"]})
    assert bus.groups() == ["classify", "store"]


def test_a_group_that_exists_keeps_its_offsets(bus: EmbeddedBus) -> None:
    bus.ensure_topics({"out": TopicSettings(1)}, {})
    bus.committer(owner="test").commit({"out": [Record(b"x")] * 3}, Batch())
    bus.ensure_topics({}, {"g": ["out"]})
    bus.committer(group="g").commit({}, Batch(offsets={("out", 0): 2}))
    bus.ensure_topics({}, {"g": ["out"]})
    assert bus.committed("g") == {("out", 0): 2}
