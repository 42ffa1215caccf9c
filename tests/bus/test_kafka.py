"""What only Kafka can do to a bus: fence, move partitions, remove what was not read, refuse."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.bus.reads import next_batch, values_in
from tests.kafka import foreign
from tests.kafka.broker import Cluster
from tests.waiting import until
from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.kafka import KafkaBus, KafkaSettings
from tocsin.bus.kafka.committer import KafkaCommitter
from tocsin.bus.kafka.patience import within
from tocsin.bus.kafka.positions import POSITIONS, position_record
from tocsin.errors import ConfigError, DeliveryError, ReopenError, StoppedError
from tocsin.event import Record
from tocsin.flow import Batch, Outputs, TopicSettings

pytestmark = pytest.mark.slow

Connect = Callable[..., KafkaBus]

_SECONDS = 30.0


@pytest.fixture
def connect(kafka: Cluster, tmp_path: Path) -> Iterator[Connect]:
    """Open one more client, under a name and with properties."""
    opened: list[KafkaBus] = []

    def open_one(member: str, **properties: str) -> KafkaBus:
        named = {name.replace("_", "."): value for name, value in properties.items()}
        bus = KafkaBus(KafkaSettings(kafka.servers, tmp_path / "kafka", named), member)
        bus.ensure_topics({"raw": TopicSettings(4), "out": TopicSettings(1)}, {})
        opened.append(bus)
        return bus

    yield open_one
    for bus in opened:
        bus.close()
    kafka.empty()


def _append(bus: KafkaBus, topic: str, *values: bytes) -> None:
    committer, batch = bus.committer(owner="test"), Batch()
    until(partial(_is_committed, committer, {topic: [Record(value) for value in values]}, batch), _SECONDS)


def _is_committed(committer: KafkaCommitter, outputs: Outputs, batch: Batch) -> bool:
    try:
        committer.commit(outputs, batch)
    except ReopenError:
        raise
    except DeliveryError:  # a broker as slow as that
        return False
    return True


def _consumer(bus: KafkaBus, group: str, *topics: str) -> Any:
    return bus.consumer(group, topics or ("raw",), ConsumerSettings())


def test_a_process_whose_name_another_has_taken_commits_nothing_any_more(connect: Connect) -> None:
    paused = connect("classify-0")
    _append(paused, "raw", b"1")
    batch = next_batch(_consumer(paused, "fenced"))
    successor = connect("classify-0")
    again = next_batch(_consumer(successor, "fenced"))
    successor.committer(group="fenced").commit({"out": [Record(b"by the successor")]}, again)
    with pytest.raises(ReopenError):
        paused.committer(group="fenced").commit({"out": [Record(b"by the zombie")]}, batch)
    assert values_in(successor, "out") == [b"by the successor"]


def test_a_member_whose_name_another_has_taken_is_opened_anew_rather_than_silent(connect: Connect) -> None:
    fast = {"heartbeat_interval_ms": "500"}
    first, second = connect("same", **fast), connect("same", **fast)
    _append(first, "raw", b"1")
    reader, successor = _consumer(first, "taken"), _consumer(second, "taken")
    next_batch(reader)
    with pytest.raises(ReopenError, match="fenced"):
        until(lambda: successor.read() and not reader.read(), _SECONDS)


def test_records_beside_an_error_are_read_again(connect: Connect) -> None:
    bus = connect("reader")
    _append(bus, "raw", b"1", b"2", b"3")
    reader = _consumer(bus, "erring")
    consume = reader._consumer.consume
    said: list[Any] = []

    def erring(count: int, seconds: float) -> list[Any]:
        found: list[Any] = consume(count, seconds)
        if said or not found:
            return found
        said.append(SimpleNamespace(error=lambda: KafkaError(KafkaError.UNKNOWN)))
        return [found[0], *said, *found[1:]]

    reader._consumer = _Consumer(reader._consumer, erring)
    with pytest.raises(ReopenError, match="reading as group"):
        until(lambda: not reader.read(), _SECONDS)
    reader.close()
    again = next_batch(_consumer(bus, "erring"))
    assert {record.value for record in again.records} == {b"1", b"2", b"3"}


def test_a_member_whose_partitions_went_to_another_while_it_was_away_commits_nothing(connect: Connect) -> None:
    fast = {"session_timeout_ms": "6000", "heartbeat_interval_ms": "1000", "max_poll_interval_ms": "6000"}
    away = connect("away", **fast)
    _append(away, "raw", b"1")
    batch = next_batch(_consumer(away, "moved"))
    time.sleep(7)  # so long it does not read, as if it were paused
    other = connect("other")
    taken = next_batch(_consumer(other, "moved"))
    other.committer(group="moved").commit({"out": [Record(b"by the other")]}, taken)
    with pytest.raises(ReopenError, match=r"shut out|nknown member|generation"):
        away.committer(group="moved").commit({"out": [Record(b"by the one away")]}, batch)
    assert values_in(other, "out") == [b"by the other"]


def test_no_partition_is_left_unread_by_a_member_that_died_while_it_gave_some_up(
    connect: Connect, kafka: Cluster, tmp_path: Path
) -> None:
    program = """
import os, sys
from pathlib import Path
from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.kafka import KafkaBus, KafkaSettings
calls = []
def rebalanced():
    calls.append(1)
    if len(calls) == 2:  # its partitions have come, and now some go
        os._exit(9)
bus = KafkaBus(KafkaSettings(sys.argv[1], Path(sys.argv[2])), "dies", rebalanced)
reader = bus.consumer("shared", ["raw"], ConsumerSettings())
while True:
    reader.read()
    print(len(reader.places), flush=True)
"""
    other = connect("other")
    arguments = [kafka.servers, str(tmp_path / "kafka")]
    with subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True) as dies:
        assert dies.stdout is not None
        assert any(line == "4\n" for line in dies.stdout)
        reader = _consumer(other, "shared")
        deadline = time.monotonic() + 60
        while dies.poll() is None:
            assert time.monotonic() < deadline, "it was never asked to give anything up"
            reader.read()
    assert dies.returncode == 9
    successor = _consumer(connect("dies"), "shared")
    while len(reader.places | successor.places) < 4:
        assert time.monotonic() < deadline, f"nobody reads all: {reader.places}, {successor.places}"
        reader.read()
        successor.read()


def test_members_that_come_and_go_lose_and_double_nothing(connect: Connect, kafka: Cluster) -> None:
    writer, first = connect("writer"), connect("first")
    readers = [(first, _consumer(first, "moving"))]
    written = 0

    def turn() -> None:
        nonlocal written
        for _ in range(4):  # each commit without keys goes to another partition
            _append(writer, "raw", *[b"%d" % number for number in range(written, written + 5)])
            written += 5
        for bus, reader in readers:
            try:
                batch = reader.read()
                if not batch.is_tick:
                    bus.committer(group="moving").commit({"out": batch.records}, batch)
            except ReopenError:
                pass  # shut out in the meantime; read again

    for number in range(3):
        one_more = connect(f"one-more-{number}")
        readers.append((one_more, _consumer(one_more, "moving")))
        soonest = time.monotonic() + 4
        while time.monotonic() < soonest or not readers[-1][1].places:
            turn()
    deadline = time.monotonic() + 60
    while sum(lag.records for lag in writer.lag("moving")):
        assert time.monotonic() < deadline, "not all was read"
        for bus, reader in readers:
            batch = reader.read()
            if not batch.is_tick:
                bus.committer(group="moving").commit({"out": batch.records}, batch)
    found, offset = [], 0
    while records := writer.read_from("out", 0, offset, 10_000):
        found += [int(record.value) for record in records]
        offset = records[-1].offset + 1
    assert sorted(found) == list(range(written))


def test_no_partition_is_left_to_nobody_when_a_member_is_opened_anew_while_partitions_move(connect: Connect) -> None:
    one = connect("one")
    _append(one, "raw", b"1")
    next_batch(_consumer(one, "shared"))
    joins = _consumer(connect("two"), "shared")
    deadline = time.monotonic() + 4  # so that a member that gives up a part has been told of it
    while time.monotonic() < deadline:
        joins.read()
    one.close()
    again = _consumer(connect("one"), "shared")
    deadline = time.monotonic() + _SECONDS
    while joins.places | again.places < {("raw", partition) for partition in range(4)}:
        assert time.monotonic() < deadline, f"only these are read: {joins.places}, {again.places}"
        joins.read()
        again.read()


def test_what_a_dead_writer_left_open_is_not_read_and_holds_up_nobody_once_its_successor_is_there(
    connect: Connect, kafka: Cluster
) -> None:
    dead = connect("writer")
    _append(dead, "out", b"committed")
    producer = dead._writer()._producer
    producer.begin()
    producer.put("out", Record(b"never committed"), -1)
    producer.flush()
    successor = connect("writer")
    started = time.monotonic()
    _append(successor, "out", b"after")
    successor.settle("out")
    assert time.monotonic() - started < 5
    assert values_in(successor, "out") == [b"committed", b"after"]


@pytest.fixture
def busy(kafka: Cluster, connect: Connect) -> Iterator[None]:
    """Somebody commits positions all the time, in transactions of one record; each fourth is taken back."""
    connect("makes the topics")
    producer = Producer({"bootstrap.servers": kafka.servers, "transactional.id": "busy", "linger.ms": 0})
    producer.init_transactions(30)
    is_over = threading.Event()
    has_begun = threading.Event()

    def write() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            record = position_record("busy", "input", b"%d" % number)
            producer.begin_transaction()
            producer.produce(POSITIONS, record.value, record.key)
            if number % 4:
                producer.commit_transaction(30)
                has_begun.set()
            else:
                producer.flush()
                producer.abort_transaction(30)

    writer = threading.Thread(target=write)
    writer.start()
    assert has_begun.wait(30)
    yield
    is_over.set()
    writer.join()


@pytest.mark.usefixtures("busy")
def test_positions_are_found_while_others_commit_theirs_all_the_time(connect: Connect) -> None:
    writer = connect("produce-one")
    writer.committer(owner="one").commit({}, Batch(positions={"a": b"1", "b": b"2"}))
    assert within(20, lambda: connect("looks").positions("one")) == {"a": b"1", "b": b"2"}
    assert within(20, lambda: connect("produce-one").positions("one")) == {"a": b"1", "b": b"2"}
    first, second = (int(within(20, lambda: writer.positions("busy"))["input"]) for _ in range(2))
    assert first < second


def test_who_has_read_some_does_not_wait_long_for_an_end_that_does_not_come(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = connect("looks")
    _append(bus, "out", b"1")
    reader = bus._read()
    consume = reader._consumer.consume

    def without_end(count: int, seconds: float) -> list[Any]:
        return [message for message in consume(count, seconds) if message.error() is None]

    monkeypatch.setattr(reader, "_consumer", _Consumer(reader._consumer, without_end))
    assert [record.value for record in within(6, lambda: bus.read_from("out", 0, 0, 1_000))] == [b"1"]


def test_positions_are_found_where_the_last_that_was_written_was_taken_back(connect: Connect) -> None:
    bus = connect("produce-one")
    bus.committer(owner="one").commit({}, Batch(positions={"a": b"1"}))
    producer = bus._writer()._producer
    producer.begin()
    producer.put(POSITIONS, position_record("one", "a", b"never committed"), -1)
    producer.flush()
    producer.abort()
    assert within(20, lambda: bus.positions("one")) == {"a": b"1"}


def test_who_asks_for_positions_waits_for_what_others_have_begun_and_a_stop_ends_that(connect: Connect) -> None:
    other, bus = connect("other"), connect("looks")
    other.committer(owner="one").commit({}, Batch(positions={"a": b"1"}))
    producer = other._writer()._producer
    producer.begin()
    producer.put(POSITIONS, position_record("one", "a", b"2"), -1)
    producer.flush()
    with pytest.raises(StoppedError):
        bus.positions("one", lambda: True)
    decided = threading.Timer(1.0, producer.commit)
    decided.start()
    try:
        assert bus.positions("one") == {"a": b"2"}
    finally:
        decided.join()


def test_a_topic_whose_end_never_comes_is_a_delivery_error_that_says_where(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.bus.kafka.reader._ANSWER_SECONDS", 0.5)
    bus = connect("looks")
    _append(bus, "out", b"1")
    reader = bus._read()
    with pytest.raises(DeliveryError, match=r"reading `out`: nothing came for .* of 100"):
        list(reader.read_until("out", 0, 100, lambda: False))
    with pytest.raises(StoppedError):
        list(reader.read_until("out", 0, 100, lambda: True))


def test_records_that_are_gone_unread_are_counted(connect: Connect, kafka: Cluster) -> None:
    bus = connect("reader")
    _append(bus, "out", *[b"%d" % n for n in range(10)])
    first = _consumer(bus, "late", "out")
    batch = next_batch(first)
    bus.committer(group="late").commit({}, Batch(offsets={("out", 0): batch.records[3].offset}))
    first.close()
    admin = AdminClient({"bootstrap.servers": kafka.servers})
    admin.delete_records([TopicPartition("out", 0, batch.records[8].offset)])[TopicPartition("out", 0)].result(10)
    again = _consumer(connect("reader"), "late", "out")
    gone = f"offsets {batch.records[3].offset} to {batch.records[7].offset}"
    with pytest.raises(ConfigError, match=rf"5 records of `out` partition 0 are gone .*{gone}.*--reset-offsets"):
        next_batch(again)


def test_a_topic_that_would_refuse_our_records_is_named_with_the_command_that_mends_it(
    connect: Connect, kafka: Cluster, tmp_path: Path
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.servers})
    admin.create_topics([NewTopic("small", 1, 1, config={"max.message.bytes": "1000"})])["small"].result(10)
    bus = connect("any")
    with pytest.raises(ConfigError, match=r"`small` takes records of 1,000 bytes.*kafka-configs\.sh --alter"):
        bus.ensure_topics({"small": TopicSettings(1)}, {})


def test_more_copies_than_brokers_are_refused_with_the_setting(kafka: Cluster, tmp_path: Path) -> None:
    bus = KafkaBus(KafkaSettings(kafka.servers, tmp_path / "kafka", replication=5), "any")
    with pytest.raises(ConfigError, match=r"set topics\.replication"):
        bus.ensure_topics({"many": TopicSettings(1)}, {})
    bus.close()


def test_a_broker_that_is_not_there_is_a_delivery_error_with_the_cause(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"does not answer within 15 s: .*Connection refused"):
        KafkaBus(KafkaSettings("127.0.0.1:1", tmp_path / "kafka"))


def test_a_broker_that_pauses_while_much_is_read_holds_nobody_up_who_has_read_some(
    connect: Connect, kafka: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.bus.kafka.reader._ANSWER_SECONDS", 0.5)
    bus = connect("many-fetches", fetch_message_max_bytes="50000", batch_size="50000", compression_type="none")
    _append(bus, "out", *(b"%d" % number * 2_000 for number in range(10_000, 14_000)))
    reader = bus._read()
    consume = reader._consumer.consume
    (node,) = kafka.nodes

    def pausing(count: int, seconds: float) -> list[Any]:
        messages: list[Any] = consume(count, seconds)
        if messages and go_on.ident is None:
            node.send(signal.SIGSTOP)
            go_on.start()
        return messages

    go_on = threading.Timer(2.0, node.send, [signal.SIGCONT])
    try:
        with monkeypatch.context() as paused:
            paused.setattr(reader, "_consumer", _Consumer(reader._consumer, pausing))
            first = bus.read_from("out", 0, 0, 4_000)
    finally:
        go_on.join()
    assert 0 < len(first) < 4_000
    rest: list[Record] = []
    while records := bus.read_from("out", 0, first[-1].offset + 1 + len(rest), 4_000):
        rest += records
    read = first + rest
    assert len(read) == 4_000, (read[0].offset, read[0].value[:5], read[-1].offset, read[-1].value[:5])
    assert [record.value[:5] for record in read] == [b"%d" % number for number in range(10_000, 14_000)]


def test_a_partition_of_which_nothing_comes_though_it_holds_more_is_asked_for_anew(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.bus.kafka.consumer._LOOK_SECONDS", 0.5)
    records = [Record(b"%d" % number, b"%d" % number) for number in range(40)]
    bus = connect("reader")
    committer = bus.committer(owner="test")
    committer.commit({"raw": records}, Batch())
    with closing(bus.consumer("group", ["raw"], ConsumerSettings(idle_seconds=0.2))) as consumer:
        seen = 0

        def is_read(count: int) -> bool:
            nonlocal seen
            batch = consumer.read()
            seen += len(batch.records) if batch else 0
            return seen == count

        until(lambda: is_read(40))
        began = time.monotonic()
        until(lambda: is_read(40) and time.monotonic() - began > 2)  # nothing more is there, and nothing is missed
        consumer._consumer.pause([TopicPartition("raw", 2)])  # as where the client has lost its leader
        committer.commit({"raw": records}, Batch())
        with pytest.raises(ReopenError, match="`raw` partition 2 holds more than was read of it, and nothing came"):
            until(lambda: is_read(80))


def test_a_member_that_is_given_nothing_joins_anew_where_it_should_have_partitions(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.bus.kafka.consumer._LOOK_SECONDS", 0.2)
    monkeypatch.setattr("tocsin.bus.kafka.consumer._LONG_SECONDS", 1.0)
    first, spare = (_consumer(connect(name), "few", "out") for name in ("first", "spare"))  # of one partition
    began = time.monotonic()

    def has_long_been_there() -> bool:
        first.read()
        spare.read()
        return time.monotonic() - began > 8 and bool(first.places | spare.places)

    until(has_long_been_there)
    owner = first if first.places else spare
    owner.places = frozenset()  # as where the client had to give it back, and never heard of it again
    with pytest.raises(ReopenError, match="this member has no partitions, and should"):
        until(lambda: owner.read() is None)


def test_who_asks_where_topics_end_outlasts_a_pause_as_long_as_one_wait(connect: Connect, kafka: Cluster) -> None:
    bus = connect("asks")
    _append(bus, "out", b"1")
    (node,) = kafka.nodes
    go_on = threading.Timer(12.0, node.send, [signal.SIGCONT])
    node.send(signal.SIGSTOP)
    go_on.start()
    try:
        assert list(bus.ends("out")) == [0]
    finally:
        go_on.join()


class _Consumer:
    """A client's consumer, one call of which does something more."""

    def __init__(self, consumer: Any, consume: Callable[[int, float], list[Any]]) -> None:
        self._consumer = consumer
        self.consume = consume

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


def test_asking_for_the_lag_of_a_cluster_that_has_never_had_a_group_kills_nobody(tmp_path: Path) -> None:
    """An admin client that asks while the first coordinator is being made dies of SIGSEGV."""
    program = """
import sys
from pathlib import Path
from tocsin.bus.kafka import KafkaBus, KafkaSettings
from tocsin.flow import TopicSettings
bus = KafkaBus(KafkaSettings(sys.argv[1], Path(sys.argv[2])), "asks")
bus.ensure_topics({"raw": TopicSettings(4)}, {"never-there": ["raw"]})
print(len(bus.lag("never-there")))
bus.close()
"""
    with Cluster(tmp_path / "new") as cluster:
        done = subprocess.run(
            [sys.executable, "-c", program, cluster.servers, str(tmp_path / "kafka")],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr


def test_the_new_group_protocol_works(connect: Connect) -> None:
    bus = connect("modern", group_protocol="consumer")
    _append(bus, "raw", b"1", b"2")
    reader = _consumer(bus, "kip848")
    batch = next_batch(reader)
    bus.committer(group="kip848").commit({"out": batch.records}, batch)
    assert values_in(bus, "out") == [b"1", b"2"]
    assert sum(bus.committed("kip848").values()) >= 2


def test_a_topic_made_anew_under_its_name_is_another_origin(connect: Connect, kafka: Cluster) -> None:
    bus = connect("any")
    before = bus.origin("raw")
    assert before == connect("other").origin("raw")
    kafka.empty()
    assert connect("third").origin("raw") != before


def test_a_record_whose_header_names_are_no_utf8_is_read_without_them(connect: Connect, kafka: Cluster) -> None:
    bus = connect("reader")
    good = [Record(b"good", headers=(("h", b"v"),))] * 100  # so many calls that Python has specialised them
    for _ in range(3):
        bus.committer(owner="test").commit({"out": good}, Batch())
        foreign.write(kafka.servers, "out", b"bad", [b"good", b"bad\xff", b"\xfe"])
    expected = ([(b"good", (("h", b"v"),))] * 100 + [(b"bad", (("tocsin-headers-unreadable", b""),))]) * 3
    assert [(record.value, record.headers) for record in bus.read_from("out", 0, 0, 303)] == expected
    consumer = _consumer(bus, "unreadable", "out")
    read: list[Record] = []
    while len(read) < len(expected):
        read += next_batch(consumer).records
    assert [(record.value, record.headers) for record in read] == expected


def test_a_reader_that_finds_nothing_new_says_once_that_kafka_answers_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def read_until_said(words: str) -> None:
        deadline = time.monotonic() + 60
        while words not in caplog.text:
            assert time.monotonic() < deadline, caplog.text
            reader.read()

    with (
        Cluster(tmp_path / "cluster") as cluster,
        closing(KafkaBus(KafkaSettings(cluster.servers, tmp_path / "kafka"), "idle")) as bus,
    ):
        bus.ensure_topics({"raw": TopicSettings(1)}, {})
        _append(bus, "raw", b"1")
        reader = _consumer(bus, "idle")
        next_batch(reader)
        (node,) = cluster.nodes
        for _ in range(2):
            caplog.clear()
            node.kill()
            read_until_said("refused")
            node.start()
            read_until_said("answers again, after")
            for _ in range(12):
                reader.read()
            said = [line for line in caplog.messages if line.startswith("Kafka at")]
            assert sum("answers again" in line for line in said) == 1, said
            assert len(said) <= 5, said  # a connection that had been tried before may complain a little later
