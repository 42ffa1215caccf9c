"""What every bus does. A new bus joins by one more branch of `connect`.

Offsets ascend on each bus, and on Kafka markers of transactions lie between them."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.broker import Cluster
from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.contract import Bus
from tocsin.bus.embedded import EmbeddedBus
from tocsin.bus.kafka import KafkaBus, KafkaSettings
from tocsin.errors import ConfigError
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings
from tocsin.timestamps import clock_us

Connect = Callable[[], Bus]

GROUPS: list[str] = []  # the last one is that of the test: on Kafka a name outlives its member for some seconds

_NEWS_SECONDS = 10.0  # a member that joins a group on Kafka has its partitions after a while


@pytest.fixture(autouse=True)
def _own_group() -> None:
    GROUPS.append(f"g{len(GROUPS)}")


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.slow)])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connect]:
    """Open one more client of one and the same bus."""
    opened: list[Bus] = []
    cluster: Cluster | None = request.getfixturevalue("kafka") if request.param == "kafka" else None

    def open_one() -> Bus:
        if cluster is None:
            opened.append(EmbeddedBus(tmp_path / "bus"))
        else:
            opened.append(KafkaBus(KafkaSettings(cluster.servers, tmp_path / "kafka"), f"member-{len(opened)}"))
        return opened[-1]

    yield open_one
    for bus in opened:
        bus.close()
    if cluster is not None:
        cluster.empty()


@pytest.fixture
def bus(connect: Connect) -> Bus:
    bus = connect()
    bus.ensure_topics({"raw": TopicSettings(partitions=4), "out": TopicSettings(partitions=1)}, {})
    return bus


def append(bus: Bus, topic: str, *records: Record) -> None:
    bus.committer(owner="test").commit({topic: records}, Batch())


def numbered(count: int, first: int = 0) -> list[Record]:
    return [Record(b"%d" % number) for number in range(first, first + count)]


def consumer(bus: Bus, group: str = "", topics: Sequence[str] = ("raw",), **settings: Any) -> Any:
    return bus.consumer(
        group or GROUPS[-1], topics, ConsumerSettings(**{"idle_seconds": 0.5 if bus.has_gaps else 0.0, **settings})
    )


def next_batch(reader: Any) -> Batch:
    """Return the next batch that has records."""
    deadline = time.monotonic() + _NEWS_SECONDS
    while time.monotonic() < deadline:
        batch: Batch = reader.read()
        if batch.records:
            return batch
    raise TimeoutError("no records came")


def rest_of(reader: Any, quiet_reads: int = 3) -> list[Batch]:
    """Return the batches with records up to where there are none for a while."""
    batches = [next_batch(reader)]
    quiet = 0
    while quiet < quiet_reads:
        batch: Batch = reader.read()
        quiet = 0 if batch.records else quiet + 1
        batches += [batch] if batch.records else []
    return batches


def next_offset(bus: Bus, topic: str, number: int) -> int:
    """Return the offset behind the record of that number in partition 0."""
    return bus.read_from(topic, 0, 0, number)[-1].offset + 1


def read_all(bus: Bus, topic: str) -> list[Record]:
    return [
        record
        for partition, (first, end) in bus.ends(topic).items()
        for record in bus.read_from(topic, partition, first, max(1, end - first))
    ]


def test_offsets_of_a_partition_ascend_in_the_order_of_writing(bus: Bus) -> None:
    for batch in range(3):
        append(bus, "out", *numbered(5, batch * 5))
    found = bus.read_from("out", 0, 0, 100)
    offsets = [record.offset for record in found]
    assert [record.value for record in found] == [b"%d" % n for n in range(15)]
    assert offsets == sorted(set(offsets))
    ((partition, (first, end)),) = bus.ends("out").items()
    assert (partition, first) == (0, 0)
    assert (end > offsets[-1]) if bus.has_gaps else (offsets == list(range(15)) and end == 15)


def test_reading_begins_at_any_offset_and_ends_at_the_asked_number(bus: Bus) -> None:
    append(bus, "out", *numbered(10))
    append(bus, "out", *numbered(10, 10))
    everything = bus.read_from("out", 0, 0, 100)
    assert bus.read_from("out", 0, everything[7].offset, 6) == everything[7:13]
    assert bus.read_from("out", 0, everything[-1].offset + 1, 5) == []


def test_a_key_always_goes_to_the_same_partition(connect: Connect, bus: Bus) -> None:
    keyed = [Record(b"v", key=b"host-%d" % (n % 20)) for n in range(200)]
    append(bus, "raw", *keyed)
    append(connect(), "raw", *keyed)
    places = {(record.key, record.partition) for record in read_all(bus, "raw")}
    assert len(places) == 20
    assert len({partition for _, partition in places}) > 1


def test_records_without_key_stay_together_in_a_batch_and_batches_take_turns(bus: Bus) -> None:
    for _ in range(8):
        append(bus, "raw", *numbered(3))
    assert Counter(record.partition for record in read_all(bus, "raw")) == {0: 6, 1: 6, 2: 6, 3: 6}


def test_records_without_key_take_turns_beside_records_with_one(bus: Bus) -> None:
    for _ in range(4):
        append(bus, "raw", Record(b"none"), Record(b"some", key=b"host"))
    partitions = [record.partition for record in read_all(bus, "raw") if not record.key]
    assert sorted(partitions) == [0, 1, 2, 3]


def test_the_order_of_a_partition_is_the_order_of_writing(bus: Bus) -> None:
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
def test_a_record_comes_back_as_it_was(bus: Bus, record: Record) -> None:
    append(bus, "out", Record(b"another", headers=(("x", b"y"),)), record)
    another, found = bus.read_from("out", 0, 0, 2)
    assert (found.value, found.key, found.headers) == (record.value, record.key, record.headers)
    if bus.has_gaps:  # Kafka keeps milliseconds since 1970, and sets those that a record lacks
        assert found.timestamp_us == record.timestamp_us // 1000 * 1000 or record.timestamp_us < 1000
    else:
        assert found.timestamp_us == record.timestamp_us
    assert (found.topic, found.partition, found.offset) == ("out", 0, another.offset + 1)


def test_a_new_group_begins_at_the_earliest_record(bus: Bus) -> None:
    append(bus, "raw", *numbered(3))
    batch = next_batch(consumer(bus))
    assert [record.value for record in batch.records] == [b"0", b"1", b"2"]
    last = batch.records[-1]
    assert (last.topic, last.partition) in batch.offsets
    assert batch.offsets[last.topic, last.partition] > last.offset


def test_outputs_offsets_and_positions_are_there_together(connect: Connect, bus: Bus) -> None:
    append(bus, "raw", *numbered(3))
    batch = next_batch(consumer(bus))
    bus.committer(group=GROUPS[-1]).commit({"out": numbered(2)}, batch)
    bus.committer(owner="files").commit({"out": numbered(1, 2)}, Batch(positions={"a.log": b"\x00\xff"}))
    other = connect()
    assert [record.value for record in other.read_from("out", 0, 0, 9)] == [b"0", b"1", b"2"]
    (place, offset), *_ = batch.offsets.items()
    assert other.committed(GROUPS[-1])[place] == offset > batch.records[-1].offset
    assert other.positions("files") == {"a.log": b"\x00\xff"}
    assert other.positions("nobody") == {}


def test_a_group_goes_on_after_what_it_committed_and_reads_the_rest_again(connect: Connect, bus: Bus) -> None:
    append(bus, "out", *numbered(3))
    first = consumer(bus, topics=["out"])
    bus.committer(group=GROUPS[-1]).commit({}, next_batch(first))
    append(bus, "out", *numbered(3, 3))
    assert [record.value for record in next_batch(first).records] == [b"3", b"4", b"5"]
    first.close()
    again = consumer(connect(), topics=["out"])
    assert [record.value for record in next_batch(again).records] == [b"3", b"4", b"5"]


def test_a_consumer_hands_out_each_record_once_though_nothing_is_committed(bus: Bus) -> None:
    append(bus, "raw", *numbered(3))
    (batch,) = rest_of(consumer(bus))
    assert len(batch.records) == 3


def test_groups_read_independently(bus: Bus) -> None:
    append(bus, "out", *numbered(3))
    bus.committer(group="one").commit({}, next_batch(consumer(bus, "one", ["out"])))
    assert len(next_batch(consumer(bus, "two", ["out"])).records) == 3
    assert bus.committed("one")["out", 0] >= 3
    assert bus.committed("two").get(("out", 0), 0) == 0


def test_nothing_to_read_is_a_tick(bus: Bus) -> None:
    reader = consumer(bus)
    batches = [reader.read() for _ in range(5)]
    assert [batch.records for batch in batches] == [[]] * 5
    assert batches[-1].is_tick


def test_a_waiting_consumer_sees_what_another_client_commits(connect: Connect, bus: Bus) -> None:
    reader = consumer(bus, idle_seconds=5.0)
    append(connect(), "raw", Record(b"news"))
    assert [record.value for record in next_batch(reader).records] == [b"news"]


def test_a_backlog_is_read_in_batches_of_about_the_asked_size(bus: Bus) -> None:
    for _ in range(10):
        append(bus, "raw", *numbered(50))
    reader = consumer(bus, max_records=100)
    sizes = [len(batch.records) for batch in rest_of(reader)]
    assert sum(sizes) == 500
    assert max(sizes) < 150


def test_a_batch_of_large_records_ends_before_its_number_is_reached(bus: Bus) -> None:
    for _ in range(10):
        append(bus, "raw", *(Record(b"x" * 1000) for _ in range(5)))
    reader = consumer(bus, max_records=1000, max_bytes=12_000, linger_seconds=0.5)
    sizes = [len(batch.records) for batch in rest_of(reader)]
    assert (sum(sizes), max(sizes) < 50) == (50, True)


def test_a_batch_says_of_all_its_records_when_they_came(bus: Bus) -> None:
    began_us = clock_us()
    for number in range(3):
        append(bus, "raw", *(Record(b"%d" % each, b"%d" % each) for each in range(number * 20, number * 20 + 20)))
    batches = rest_of(consumer(bus, max_records=25, linger_seconds=0.2))
    assert sum(len(batch.records) for batch in batches) == 60
    for batch in batches:
        assert sum(count for count, _ in batch.arrivals) == len(batch.records)
        came = [came_us for _, came_us in batch.arrivals]
        assert came == sorted(came)
        assert began_us <= came[0] <= came[-1] <= clock_us()


def test_a_consumer_lingers_for_a_larger_batch(connect: Connect, bus: Bus) -> None:
    reader = consumer(bus, idle_seconds=1.0, linger_seconds=0.0)
    append(bus, "raw", Record(b"1"))
    assert len(next_batch(reader).records) == 1
    reader = consumer(connect(), "other", max_records=2, linger_seconds=5.0)
    append(bus, "raw", Record(b"2"))
    assert len(next_batch(reader).records) == 2


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5])
def test_workers_split_all_partitions_exactly(connect: Connect, bus: Bus, workers: int) -> None:
    buses = [connect() for _ in range(workers)]
    readers = [
        consumer(each, topics=["raw", "out"], worker=worker, workers=workers) for worker, each in enumerate(buses)
    ]
    deadline = time.monotonic() + 30
    while sum(shares := [len(reader.places) for reader in readers]) != 5 or (bus.has_gaps and 0 in shares):
        assert [batch for reader in readers for batch in reader.read().records] == []
        assert time.monotonic() < deadline
    for _ in range(4):
        append(bus, "raw", *numbered(2))
    append(bus, "out", *numbered(2))
    seen: list[tuple[str, int, int]] = []
    while len(seen) < 10 and time.monotonic() < deadline:
        for each, reader in zip(buses, readers, strict=True):
            batch = reader.read()
            seen += [(record.topic, record.partition, record.offset) for record in batch.records]
            if not batch.is_tick:
                each.committer(group=GROUPS[-1]).commit({}, batch)
    everything = [(r.topic, r.partition, r.offset) for topic in ("raw", "out") for r in read_all(bus, topic)]
    assert sorted(seen) == sorted(everything)


def test_lag_counts_records_and_the_age_of_the_oldest(bus: Bus) -> None:
    reader = consumer(bus, topics=["out"])
    assert [(lag.records, lag.oldest_age_seconds) for lag in bus.lag(GROUPS[-1])] == [(0, 0.0)]
    append(bus, "out", *numbered(5))
    time.sleep(0.05)
    append(bus, "out", *numbered(5))
    (lag,) = bus.lag(GROUPS[-1])
    assert (lag.group, lag.topic, lag.partition, lag.committed) == (GROUPS[-1], "out", 0, 0)
    assert lag.records == lag.end - lag.committed >= 10
    assert 0.05 <= lag.oldest_age_seconds < 60
    deadline = time.monotonic() + _NEWS_SECONDS
    while (
        bus.lag(GROUPS[-1])[0].records and time.monotonic() < deadline
    ):  # markers at the end count until they are passed
        batch = reader.read()
        if not batch.is_tick:
            bus.committer(group=GROUPS[-1]).commit({}, batch)
    assert [(lag.records, lag.oldest_age_seconds) for lag in bus.lag(GROUPS[-1])] == [(0, 0.0)]


def test_a_topic_that_exists_keeps_its_partitions_and_records(connect: Connect, bus: Bus) -> None:
    append(bus, "raw", *numbered(3))
    other = connect()
    other.ensure_topics({"raw": TopicSettings(partitions=9)}, {})
    assert other.partitions("raw") == 4
    assert len(read_all(other, "raw")) == 3


def test_a_topic_that_does_not_exist_is_named(bus: Bus) -> None:
    with pytest.raises(ConfigError, match="no topic `rwa`"):
        append(bus, "rwa", Record(b"v"))
    with pytest.raises(ConfigError, match="no topic `rwa`"):
        bus.ensure_topics({}, {GROUPS[-1]: ["rwa"]})


def test_the_id_of_a_bus_stays(connect: Connect, bus: Bus) -> None:
    assert connect().id == bus.id != ""
