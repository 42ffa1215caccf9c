"""A live stream goes on while the bus is away: it is kept on disk, and goes over in order, each record once."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.command import tocsin
from tests.kafka.broker import Cluster
from tests.small_disk import small_disk_at
from tests.windows_events import flat_lines

from tocsin.bus.embedded import EmbeddedBus
from tocsin.bus.kafka import KafkaBus, KafkaSettings
from tocsin.errors import DeliveryError
from tocsin.event import RAW_EVENTS, Record
from tocsin.flow import Batch
from tocsin.pipeline.spool import Spooled, SpoolEntry, SpoolSettings, SpoolSource, waiting


class _NoStream:
    def read(self) -> Batch | None:
        return Batch()

    def close(self) -> None: ...


class _Clock:
    """Lets the spool look at itself each time."""

    @pytest.fixture(autouse=True)
    def _always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tocsin.pipeline.spool._LOOK_SECONDS", 0.0)


class TestSpool(_Clock):
    """On its own, with no bus behind it."""

    def entry(self, folder: Path, told: list[Spooled], **settings: object) -> SpoolEntry:
        return SpoolEntry(folder, SpoolSettings(**settings), _NoStream(), told.append)  # type: ignore[arg-type]

    def test_what_was_kept_comes_out_in_order_and_goes_on_where_the_bus_says(self, tmp_path: Path) -> None:
        entry = self.entry(tmp_path, [])
        for first in (0, 10):
            entry.commit({RAW_EVENTS: [Record(b"%d" % number) for number in range(first, first + 10)]}, Batch())
        source = SpoolSource(tmp_path, {}, lambda: True)
        batch = source.read()
        assert batch is not None
        assert [record.value for record in batch.records] == [b"%d" % number for number in range(20)]
        source.close()  # killed before it could say that all went over
        again = SpoolSource(tmp_path, batch.positions, lambda: True)
        assert waiting(tmp_path) == 20
        _end(again)
        again.close()
        entry.close()
        assert waiting(tmp_path) == 0, "the bus has said that all went over"

    def test_what_was_read_and_not_committed_is_still_there(self, tmp_path: Path) -> None:
        entry = self.entry(tmp_path, [])
        entry.commit({RAW_EVENTS: [Record(b"one")]}, Batch())
        source = SpoolSource(tmp_path, {}, lambda: True)
        assert source.read() is not None
        source.close()
        again = SpoolSource(tmp_path, {}, lambda: True)
        batch = again.read()
        assert batch is not None
        assert [record.value for record in batch.records] == [b"one"]
        again.close()
        entry.close()

    def test_what_went_over_is_kept_until_nothing_can_undo_that(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tocsin.pipeline.spool._LOOK_SECONDS", 0.0)
        entry = self.entry(tmp_path, [])
        source = SpoolSource(tmp_path, {}, lambda: False)
        left = []
        for number in range(3):  # a commit begins only when the one before is settled
            entry.commit({RAW_EVENTS: [Record(b"%d" % number)]}, Batch())
            batch = source.read()
            assert batch is not None
            assert not batch.is_tick
            left.append(waiting(tmp_path))
        for _ in range(2):  # and a tick settles the last one
            batch = source.read()
            assert batch is not None
            assert batch.is_tick
            left.append(waiting(tmp_path))
        source.close()
        entry.close()
        assert left == [1, 2, 2, 1, 0]

    def test_a_full_spool_lets_the_stream_wait_until_there_is_room(self, tmp_path: Path) -> None:
        entry = self.entry(tmp_path, [], max_bytes=1)
        entry.commit({RAW_EVENTS: [Record(b"first")]}, Batch())
        with pytest.raises(DeliveryError, match="spool is full"):
            entry.commit({RAW_EVENTS: [Record(b"second")]}, Batch())
        source = SpoolSource(tmp_path, {}, lambda: True)
        assert source.read() is not None
        _end(source)  # so the first one went over
        entry.commit({RAW_EVENTS: [Record(b"second")]}, Batch())
        source.close()
        entry.close()

    def test_a_full_spool_that_may_drop_counts_what_it_drops(self, tmp_path: Path) -> None:
        told: list[Spooled] = []
        entry = self.entry(tmp_path, told, max_bytes=1, is_dropping=True)
        entry.commit({RAW_EVENTS: [Record(b"first")]}, Batch())
        for _ in range(3):
            entry.commit({RAW_EVENTS: [Record(b"lost")] * 2}, Batch())
        entry.close()
        assert told[-1].dropped == 6
        assert waiting(tmp_path) == 1

    def test_a_disk_with_little_room_left_lets_the_stream_wait_even_where_it_may_drop(self, tmp_path: Path) -> None:
        told: list[Spooled] = []
        entry = self.entry(tmp_path, told, is_dropping=True, spare_bytes=1 << 62)
        with pytest.raises(DeliveryError, match=r"the disk of .* is full"):
            entry.commit({RAW_EVENTS: [Record(b"kept in the pipe")]}, Batch())
        entry.close()
        assert waiting(tmp_path) == 0

    def test_what_cannot_be_removed_yet_stops_nothing_until_all_went_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = self.entry(tmp_path, [])
        source = SpoolSource(tmp_path, {}, lambda: True)

        def fail(_: int) -> int:
            raise DeliveryError("database or disk is full")

        with monkeypatch.context() as full:
            full.setattr(source._bus, "retain", fail)
            for number in range(3):
                entry.commit({RAW_EVENTS: [Record(b"%d" % number)]}, Batch())
                batch = source.read()
                assert batch is not None
                assert [record.value for record in batch.records] == [b"%d" % number]
            with pytest.raises(DeliveryError, match="is full"):
                source.read()
        _end(source)
        source.close()
        entry.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk_at(tmp_path / "disk", 48) as folder:
        yield folder


def _filled(entry: SpoolEntry) -> int:
    """Commit until there is no room; return how many records were kept."""
    records = 0
    with pytest.raises(DeliveryError, match="is full"):
        while True:
            entry.commit({RAW_EVENTS: [Record(os.urandom(1500)) for _ in range(500)]}, Batch())
            records += 500
    return records


def _end(source: SpoolSource) -> None:
    """Read on where all went over, until the source says so."""
    while (batch := source.read()) is not None:
        assert batch.is_tick


def _drained(source: SpoolSource) -> int:
    """Return how many records go over until all of them did."""
    records = 0
    while batch := source.read():
        records += len(batch.records)
    return records


@pytest.mark.slow
class TestFullDisk(_Clock):
    def test_a_spool_that_fills_its_disk_is_drained_and_has_room_again(self, small_disk: Path) -> None:
        folder = small_disk / "spool"
        entry = SpoolEntry(folder, SpoolSettings(spare_bytes=20 << 20), _NoStream(), lambda _: None)
        for _ in range(3):
            assert _filled(entry) > 5_000
            source = SpoolSource(folder, {}, lambda: True)
            assert _drained(source) > 5_000
            source.close()
        entry.close()

    def test_what_waits_goes_over_though_others_have_filled_the_disk(self, small_disk: Path) -> None:
        folder = small_disk / "spool"
        entry = SpoolEntry(folder, SpoolSettings(spare_bytes=20 << 20), _NoStream(), lambda _: None)
        kept = _filled(entry)
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 65_536)
        source = SpoolSource(folder, {}, lambda: True)
        records = 0
        while records < kept:
            batch = source.read()
            assert batch is not None
            records += len(batch.records)
        filler.unlink()
        _end(source)
        source.close()
        entry.close()
        assert waiting(folder) == 0


def _bus(cluster: Cluster, folder: Path) -> KafkaBus:
    return KafkaBus(KafkaSettings(cluster.servers, folder / "reader"))


def _arrived(cluster: Cluster, folder: Path) -> Iterator[bytes]:
    bus = _bus(cluster, folder)
    try:
        for partition in range(bus.partitions(RAW_EVENTS)):
            offset = 0
            while records := bus.read_from(RAW_EVENTS, partition, offset, 10_000):
                yield from (record.value for record in records)
                offset = records[-1].offset + 1
    finally:
        bus.close()


def _spooled_so_far(folder: Path) -> int:
    bus = EmbeddedBus(folder)
    try:
        return bus.ends(RAW_EVENTS)[0][1]
    finally:
        bus.close()


class _Produce:
    """`tocsin produce --input -` with a pipe that a thread of the test writes to."""

    def __init__(self, folder: Path, url: str, *options: object) -> None:
        command = [sys.executable, "-m", "tocsin", "produce", "--input", "-", "--bus", url, "--data", "data"]
        with (folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [*command, *map(str, options)], cwd=folder, stdin=subprocess.PIPE, stdout=output, stderr=output
            )

    def write(self, lines: list[bytes]) -> None:
        assert self.process.stdin is not None
        for line in lines:
            self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self, seconds: float = 90) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(seconds)


@pytest.mark.slow
def test_a_stream_is_taken_while_the_broker_is_away_and_all_arrives_in_order_once(tmp_path: Path) -> None:
    lines = flat_lines(6_000, seed=5)
    with Cluster(tmp_path / "kafka") as cluster:
        made = tocsin("topics", "create", "--bus", cluster.url, "--data", "data", "--partitions", 1, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        produce = _Produce(tmp_path, cluster.url)
        produce.write(lines[:1000])
        while sum(1 for _ in _arrived(cluster, tmp_path)) < 1000:
            time.sleep(0.2)
        cluster.nodes[0].kill()
        writing = threading.Thread(target=produce.write, args=(lines[1000:5000],))
        writing.start()
        writing.join(20)
        assert not writing.is_alive(), "the stream was blocked by a broker that is away"
        deadline = time.monotonic() + 30
        while _spooled_so_far(tmp_path / "data" / "spool") < 5000:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        produce.kill()  # what the spool has is not lost with the process
        produce = _Produce(tmp_path, cluster.url)  # begins while Kafka is away
        produce.write(lines[5000:])
        time.sleep(1.0)
        cluster.nodes[0].start()
        cluster.wait_until_ready()
        assert produce.end() == 0, (tmp_path / "output.txt").read_text()[-3000:]
        assert list(_arrived(cluster, tmp_path)) == lines
        assert waiting(tmp_path / "data" / "spool") == 0


@pytest.mark.slow
def test_a_stop_while_the_broker_is_away_loses_nothing_of_a_stream_that_has_ended(tmp_path: Path) -> None:
    lines = flat_lines(1_000, seed=7)
    spool = tmp_path / "data" / "spool"
    with Cluster(tmp_path / "kafka") as cluster:
        made = tocsin("topics", "create", "--bus", cluster.url, "--data", "data", "--partitions", 1, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        produce = _Produce(tmp_path, cluster.url)
        produce.write(lines[:500])
        while sum(1 for _ in _arrived(cluster, tmp_path)) < 500:
            time.sleep(0.2)
        cluster.nodes[0].kill()
        produce.write(lines[500:])
        assert produce.process.stdin is not None
        produce.process.stdin.close()
        while _spooled_so_far(spool) < 1000:
            time.sleep(0.1)
        time.sleep(2.0)  # what is in hand cannot be committed
        produce.process.terminate()
        assert produce.process.wait(60) == 0, (tmp_path / "output.txt").read_text()[-3000:]
        cluster.nodes[0].start()
        cluster.wait_until_ready()
        assert _Produce(tmp_path, cluster.url).end() == 0
        assert list(_arrived(cluster, tmp_path)) == lines
        assert waiting(spool) == 0


@pytest.mark.slow
def test_a_full_spool_drops_only_where_it_may_and_what_arrives_and_what_was_dropped_is_all(
    tmp_path: Path, kafka: Cluster
) -> None:
    lines = flat_lines(20_000, seed=6)
    tight = ("--config", "tight.toml")
    (tmp_path / "tight.toml").write_text('[produce]\nspool_gb = 0.0001\nspool_full = "drop"\n')
    try:
        made = tocsin("topics", "create", "--bus", kafka.url, "--data", "data", cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        produce = _Produce(tmp_path, kafka.url, *tight)
        produce.write(lines)
        assert produce.end() == 0, (tmp_path / "output.txt").read_text()[-3000:]
        said = (tmp_path / "output.txt").read_text()
        dropped = next(
            (int(line.split()[1].replace(",", "")) for line in said.splitlines() if "were dropped: " in line), 0
        )
        arrived = list(_arrived(kafka, tmp_path))
        assert len(arrived) == len(set(arrived)) == len(lines) - dropped
    finally:
        kafka.empty()
