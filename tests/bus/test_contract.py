"""What every bus does. A new bus joins by one more branch of `connect`."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tocsin.bus.embedded import ConsumerSettings, EmbeddedBus
from tocsin.errors import ConfigError, DeliveryError
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings

Connect = Callable[[], EmbeddedBus]


@pytest.fixture(params=["embedded"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connect]:
    """Open one more client of one and the same bus."""
    opened: list[EmbeddedBus] = []

    def open_one() -> EmbeddedBus:
        opened.append({"embedded": lambda: EmbeddedBus(tmp_path / "bus")}[request.param]())
        return opened[-1]

    yield open_one
    for bus in opened:
        bus.close()


@pytest.fixture
def bus(connect: Connect) -> EmbeddedBus:
    bus = connect()
    bus.ensure_topics({"raw": TopicSettings(partitions=4), "out": TopicSettings(partitions=1)}, {})
    return bus


def append(bus: EmbeddedBus, topic: str, *records: Record) -> None:
    bus.committer(owner="test").commit({topic: records}, Batch())


def numbered(count: int, first: int = 0) -> list[Record]:
    return [Record(b"%d" % number) for number in range(first, first + count)]


def consumer(bus: EmbeddedBus, group: str = "g", topics: Sequence[str] = ("raw",), **settings: Any) -> Any:
    return bus.consumer(group, topics, ConsumerSettings(**{"idle_seconds": 0.0, **settings}))


def read_all(bus: EmbeddedBus, topic: str) -> list[Record]:
    return [
        record
        for partition, (first, end) in bus.ends(topic).items()
        for record in bus.read_from(topic, partition, first, max(1, end - first))
    ]


def test_offsets_of_a_partition_follow_one_another(bus: EmbeddedBus) -> None:
    for batch in range(3):
        append(bus, "out", *numbered(5, batch * 5))
    found = bus.read_from("out", 0, 0, 100)
    assert [(record.offset, record.value) for record in found] == [(n, b"%d" % n) for n in range(15)]
    assert bus.ends("out") == {0: (0, 15)}


def test_reading_begins_at_any_offset_and_ends_at_the_asked_number(bus: EmbeddedBus) -> None:
    append(bus, "out", *numbered(10))
    append(bus, "out", *numbered(10, 10))
    assert [record.offset for record in bus.read_from("out", 0, 7, 6)] == [7, 8, 9, 10, 11, 12]
    assert bus.read_from("out", 0, 20, 5) == []


def test_a_key_always_goes_to_the_same_partition(connect: Connect, bus: EmbeddedBus) -> None:
    keyed = [Record(b"v", key=b"host-%d" % (n % 20)) for n in range(200)]
    append(bus, "raw", *keyed)
    append(connect(), "raw", *keyed)
    places = {(record.key, record.partition) for record in read_all(bus, "raw")}
    assert len(places) == 20
    assert len({partition for _, partition in places}) > 1


def test_records_without_key_stay_together_in_a_batch_and_batches_take_turns(bus: EmbeddedBus) -> None:
    for _ in range(8):
        append(bus, "raw", *numbered(3))
    assert bus.ends("raw") == {0: (0, 6), 1: (0, 6), 2: (0, 6), 3: (0, 6)}


def test_records_without_key_take_turns_beside_records_with_one(bus: EmbeddedBus) -> None:
    for _ in range(4):
        append(bus, "raw", Record(b"none"), Record(b"some", key=b"host"))
    partitions = [record.partition for record in read_all(bus, "raw") if not record.key]
    assert sorted(partitions) == [0, 1, 2, 3]


def test_the_order_of_a_partition_is_the_order_of_writing(bus: EmbeddedBus) -> None:
    append(bus, "raw", *[Record(b"%d" % n, key=b"k%d" % (n % 7)) for n in range(100)])
    for key in {record.key for record in read_all(bus, "raw")}:
        values = [int(record.value) for record in read_all(bus, "raw") if record.key == key]
        assert values == sorted(values)


@pytest.mark.parametrize(
    "record",
    [
        Record(b""),
        Record(b"", key=b"\x00"),
        Record(b"\xff\x00\xfe", key=b"\xff", headers=(("a", b"1"), ("a", b"2"), ("", b"")), timestamp_us=1),
        Record(
            b"v", headers=(("tocsin", bytes(25)), ("traceparent", b"00-1-2-00")), timestamp_us=1_767_225_600_000_001
        ),
        Record(b"before 1970", timestamp_us=-5),
        Record(bytes(range(256)) * 4096, headers=(("size", b"1 MiB"),)),
    ],
    ids=["empty", "empty with key", "bytes", "stamped", "negative time", "1 MiB"],
)
def test_a_record_comes_back_as_it_was(bus: EmbeddedBus, record: Record) -> None:
    append(bus, "out", Record(b"another", headers=(("x", b"y"),)), record)
    found = bus.read_from("out", 0, 1, 1)[0]
    assert (found.value, found.key, found.headers, found.timestamp_us) == (
        record.value,
        record.key,
        record.headers,
        record.timestamp_us,
    )
    assert (found.topic, found.partition, found.offset) == ("out", 0, 1)


def test_a_new_group_begins_at_the_earliest_record(bus: EmbeddedBus) -> None:
    append(bus, "raw", *numbered(3))
    batch = consumer(bus).read()
    assert [record.value for record in batch.records] == [b"0", b"1", b"2"]
    assert batch.offsets == {("raw", 0): 3}


def test_outputs_offsets_and_positions_are_there_together(connect: Connect, bus: EmbeddedBus) -> None:
    append(bus, "raw", *numbered(3))
    batch = consumer(bus).read()
    bus.committer(group="g").commit({"out": numbered(2)}, batch)
    bus.committer(owner="files").commit({"out": numbered(1, 2)}, Batch(positions={"a.log": b"\x00\xff"}))
    other = connect()
    assert [record.value for record in other.read_from("out", 0, 0, 9)] == [b"0", b"1", b"2"]
    assert other.committed("g")["raw", 0] == 3
    assert other.positions("files") == {"a.log": b"\x00\xff"}
    assert other.positions("nobody") == {}


def test_a_group_goes_on_after_what_it_committed_and_reads_the_rest_again(connect: Connect, bus: EmbeddedBus) -> None:
    append(bus, "out", *numbered(3))
    first = consumer(bus, topics=["out"])
    bus.committer(group="g").commit({}, first.read())
    append(bus, "out", *numbered(3, 3))
    assert [record.offset for record in first.read().records] == [3, 4, 5]
    first.close()
    again = consumer(connect(), topics=["out"])
    assert [record.offset for record in again.read().records] == [3, 4, 5]


def test_a_consumer_hands_out_each_record_once_though_nothing_is_committed(bus: EmbeddedBus) -> None:
    append(bus, "raw", *numbered(3))
    reader = consumer(bus)
    assert len(reader.read().records) == 3
    assert reader.read().is_tick


def test_groups_read_independently(bus: EmbeddedBus) -> None:
    append(bus, "out", *numbered(3))
    bus.committer(group="one").commit({}, consumer(bus, "one", ["out"]).read())
    assert len(consumer(bus, "two", ["out"]).read().records) == 3
    assert (bus.committed("one"), bus.committed("two")) == ({("out", 0): 3}, {("out", 0): 0})


def test_nothing_to_read_is_a_tick(bus: EmbeddedBus) -> None:
    assert consumer(bus).read().is_tick


def test_a_waiting_consumer_sees_what_another_client_commits(connect: Connect, bus: EmbeddedBus) -> None:
    reader = consumer(bus, idle_seconds=5.0)
    append(connect(), "raw", Record(b"news"))
    started = time.monotonic()
    assert [record.value for record in reader.read().records] == [b"news"]
    assert time.monotonic() - started < 2


def test_a_backlog_is_read_in_batches_of_about_the_asked_size(bus: EmbeddedBus) -> None:
    for _ in range(10):
        append(bus, "raw", *numbered(50))
    reader = consumer(bus, max_records=100)
    sizes = []
    while not (batch := reader.read()).is_tick:
        sizes.append(len(batch.records))
    assert sum(sizes) == 500
    assert max(sizes) < 150


def test_a_batch_of_large_records_ends_before_its_number_is_reached(bus: EmbeddedBus) -> None:
    for _ in range(10):
        append(bus, "raw", *(Record(b"x" * 1000) for _ in range(5)))
    reader = consumer(bus, max_records=1000, max_bytes=12_000, linger_seconds=0.5)
    sizes = []
    while not (batch := reader.read()).is_tick:
        sizes.append(len(batch.records))
    assert (sum(sizes), max(sizes) < 50) == (50, True)


def test_a_consumer_that_failed_to_read_reads_the_same_at_the_next_call(
    bus: EmbeddedBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(bus, "raw", *numbered(10))
    reader = consumer(bus, linger_seconds=0.05)
    mark, looks = bus.change_mark, []

    def fail_third() -> tuple[int, int]:
        looks.append(1)
        if len(looks) == 3:
            raise DeliveryError("the disk does not answer")
        return mark()

    monkeypatch.setattr(bus, "change_mark", fail_third)
    with pytest.raises(DeliveryError):
        reader.read()
    assert len(reader.read().records) == 10


def test_a_consumer_lingers_for_a_larger_batch(connect: Connect, bus: EmbeddedBus) -> None:
    reader = consumer(bus, idle_seconds=1.0, linger_seconds=0.0)
    append(bus, "raw", Record(b"1"))
    assert len(reader.read().records) == 1
    reader = consumer(connect(), "other", max_records=2, linger_seconds=5.0)
    append(bus, "raw", Record(b"2"))
    assert len(reader.read().records) == 2


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5])
def test_workers_split_all_partitions_exactly(bus: EmbeddedBus, workers: int) -> None:
    for _ in range(4):
        append(bus, "raw", *numbered(2))
    append(bus, "out", *numbered(2))
    seen: list[tuple[str, int, int]] = []
    for worker in range(workers):
        reader = consumer(bus, topics=["raw", "out"], worker=worker, workers=workers)
        while not (batch := reader.read()).is_tick:
            seen += [(record.topic, record.partition, record.offset) for record in batch.records]
    everything = [("raw", partition, offset) for partition in range(4) for offset in range(2)]
    assert sorted(seen) == sorted([*everything, ("out", 0, 0), ("out", 0, 1)])


def test_lag_counts_records_and_the_age_of_the_oldest(bus: EmbeddedBus) -> None:
    bus.ensure_topics({}, {"g": ["out"]})
    assert [(lag.records, lag.oldest_age_seconds) for lag in bus.lag("g")] == [(0, 0.0)]
    append(bus, "out", *numbered(5))
    time.sleep(0.05)
    append(bus, "out", *numbered(5))
    (lag,) = bus.lag("g")
    assert (lag.group, lag.topic, lag.partition, lag.committed, lag.end, lag.records) == ("g", "out", 0, 0, 10, 10)
    assert 0.05 <= lag.oldest_age_seconds < 5
    bus.committer(group="g").commit({}, Batch(offsets={("out", 0): 5}))
    (younger,) = bus.lag("g")
    assert younger.records == 5
    assert younger.oldest_age_seconds < lag.oldest_age_seconds + 5
    bus.committer(group="g").commit({}, Batch(offsets={("out", 0): 10}))
    assert [(lag.records, lag.oldest_age_seconds) for lag in bus.lag("g")] == [(0, 0.0)]


def test_groups_lists_all_that_are_registered(bus: EmbeddedBus) -> None:
    bus.ensure_topics({}, {"store": ["out"], "classify": ["raw"]})
    assert bus.groups() == ["classify", "store"]


def test_a_topic_that_exists_keeps_its_partitions_and_records(connect: Connect, bus: EmbeddedBus) -> None:
    append(bus, "raw", *numbered(3))
    other = connect()
    other.ensure_topics({"raw": TopicSettings(partitions=9)}, {})
    assert other.partitions("raw") == 4
    assert other.ends("raw")[0] == (0, 3)


def test_a_group_that_exists_keeps_its_offsets(bus: EmbeddedBus) -> None:
    append(bus, "out", *numbered(3))
    bus.ensure_topics({}, {"g": ["out"]})
    bus.committer(group="g").commit({}, Batch(offsets={("out", 0): 2}))
    bus.ensure_topics({}, {"g": ["out"]})
    assert bus.committed("g") == {("out", 0): 2}


def test_a_topic_that_does_not_exist_is_named(bus: EmbeddedBus) -> None:
    with pytest.raises(ConfigError, match="no topic `rwa`"):
        append(bus, "rwa", Record(b"v"))
    with pytest.raises(ConfigError, match="no topic `rwa`"):
        bus.ensure_topics({}, {"g": ["rwa"]})


def test_the_id_of_a_bus_stays(connect: Connect, bus: EmbeddedBus) -> None:
    assert connect().id == bus.id != ""
