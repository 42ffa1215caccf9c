"""What a broker leaves open of a transaction that is over: nobody waits for it for ever, and it counts all or not."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.bus.reads import next_batch, values_in
from tests.kafka import wire
from tests.kafka.broker import Cluster
from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.kafka import KafkaBus, KafkaSettings
from tocsin.bus.kafka.client import Client
from tocsin.bus.kafka.committer import KafkaCommitter
from tocsin.bus.kafka.consumer import KafkaConsumer
from tocsin.bus.kafka.positions import POSITIONS, position_record
from tocsin.bus.kafka.transactional import TransactionalProducer
from tocsin.errors import DeliveryError, ReopenError
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings

pytestmark = pytest.mark.slow

_UNVERIFIED = {"transaction.partition.verification.enable": "false"}
_TOPICS = {"raw": TopicSettings(1), "out": TopicSettings(2), "rare": TopicSettings(1)}
_WRITTEN_BY_GROUP = ("out", "rare")


@pytest.fixture(scope="module")
def unverified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("unverified"), properties=_UNVERIFIED) as cluster:
        yield cluster


@pytest.fixture
def cluster(unverified: Cluster) -> Iterator[Cluster]:
    yield unverified
    unverified.empty()


def _opened(cluster: Cluster, folder: Path, writes: tuple[str, ...] = _WRITTEN_BY_GROUP) -> KafkaBus:
    bus = KafkaBus(KafkaSettings(cluster.servers, folder / "kafka"), "writer", writes=writes)
    bus.ensure_topics(_TOPICS, {})
    return bus


def _filled(cluster: Cluster, folder: Path) -> None:
    with closing(_opened(cluster, folder)) as bus:
        bus.committer(owner="test").commit({"raw": [Record(b"1"), Record(b"2")]}, Batch())
        assert bus.committed("group") == {}  # asking makes the broker keep offsets


def _committed(bus: KafkaBus) -> tuple[KafkaCommitter, Batch]:
    """Have the group commit what it reads with an output, and see it carried out."""
    batch = next_batch(bus.consumer("group", ["raw"], ConsumerSettings()))
    committer = bus.committer(group="group")
    committer.commit({"out": [Record(b"1")]}, batch)
    committer.settle()
    return committer, batch


def _leave_offset_hanging(cluster: Cluster, bus: KafkaBus, batch: Batch, beyond: int = 0) -> int:
    """Leave the offset of a batch that was committed hanging, or one beyond it, and return it."""
    assert bus.committed("group") == batch.offsets  # its own marker is there
    of_it = wire.Place("raw", 0, batch.offsets["raw", 0] + beyond)
    wire.leave_hanging(cluster.servers, "tocsin-writer", (), "tocsin-group", of_it, is_alive=True)
    return of_it.offset


def _everything(cluster: Cluster, topic: str) -> list[bytes | None]:
    """Return the values of a topic, also of what is no record or not committed."""
    settings = {"bootstrap.servers": cluster.servers, "group.id": "all", "isolation.level": "read_uncommitted"}
    with closing(Consumer({**settings, "enable.partition.eof": True})) as consumer:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        values: list[bytes | None] = []
        ends = 0
        while ends < len(partitions):
            message = consumer.poll(10)
            assert message is not None
            if message.error() is None:
                values.append(message.value())
            else:
                ends += 1
        return values


def test_offsets_alone_hold_up_nobody(cluster: Cluster, tmp_path: Path) -> None:
    _filled(cluster, tmp_path)
    wire.leave_hanging(cluster.servers, "tocsin-writer", (), "tocsin-group", wire.Place("raw", 0, 1))
    settings = KafkaSettings(cluster.servers, tmp_path / "kafka")
    with closing(KafkaBus(settings, "looks")) as looks, pytest.raises(DeliveryError):
        looks.committed("group")
    with closing(_opened(cluster, tmp_path)) as bus:
        batch = next_batch(bus.consumer("group", ["raw"], ConsumerSettings()))
        assert [record.value for record in batch.records] == [b"1", b"2"]
        bus.committer(group="group").commit({}, batch)
        assert bus.committed("group") == {("raw", 0): batch.records[-1].offset + 1}


def test_outputs_count_only_with_the_offsets_they_were_committed_with(cluster: Cluster, tmp_path: Path) -> None:
    _filled(cluster, tmp_path)
    outputs = [("out", 0, b"k", b"hangs"), ("out", 1, b"k", b"hangs"), ("rare", 0, b"k", b"hangs")]
    wire.leave_hanging(cluster.servers, "tocsin-writer", outputs, "tocsin-group", wire.Place("raw", 0, 2))
    with closing(_opened(cluster, tmp_path)) as bus:
        batch = next_batch(bus.consumer("group", ["raw"], ConsumerSettings()))
        assert [record.value for record in batch.records] == [b"1", b"2"]
        once = {"out": [Record(b"once", b"%d" % number) for number in range(20)], "rare": [Record(b"once")]}
        committer = bus.committer(group="group")
        committer.commit(once, batch)
        committer.settle()
        assert set(values_in(bus, "out")) == set(values_in(bus, "rare")) == {b"once"}


def test_what_hangs_of_an_acknowledged_commit_is_carried_out(cluster: Cluster, tmp_path: Path) -> None:
    _filled(cluster, tmp_path)
    with closing(_opened(cluster, tmp_path)) as bus:
        committer, batch = _committed(bus)
        wire.leave_hanging(cluster.servers, "tocsin-writer", [("rare", 0, b"k", b"hangs")], is_alive=True)
        committer.commit({"out": [Record(b"2")]}, Batch((), dict(batch.offsets)))
        assert values_in(bus, "rare") == []
        before = len(_everything(cluster, "out"))
        committer.settle()
        assert values_in(bus, "rare") == [b"hangs"]
        assert len(_everything(cluster, "out")) == before, "what does not hang is left alone"
        committer.commit({"out": [Record(b"3")], "rare": [Record(b"goes on")]}, Batch((), dict(batch.offsets)))
        committer.settle()
        assert (set(values_in(bus, "out")), values_in(bus, "rare")) == ({b"1", b"2", b"3"}, [b"hangs", b"goes on"])


def test_what_was_written_only_to_carry_something_out_is_read_by_nobody(cluster: Cluster, tmp_path: Path) -> None:
    with closing(_opened(cluster, tmp_path)) as bus:
        bus.committer(owner="test").commit({"raw": [Record(b"1")]}, Batch())
        before = _everything(cluster, "raw")
        assert before == [None, b"1"], "a partition has to know its writer before many batches are under way to it"
        client = Client(KafkaSettings(cluster.servers, tmp_path / "kafka"))
        with closing(TransactionalProducer(client, "tocsin-another")) as producer:
            producer.begin()
            errors = producer.touch(client.places_of("raw"))
            producer.commit()
        assert not errors
        bus.committer(owner="test").commit({"raw": [Record(b"2")]}, Batch())
        assert _everything(cluster, "raw") == [*before, None, b"2"]
        assert values_in(bus, "raw") == [b"1", b"2"]
        seen = next_batch(bus.consumer("group", ["raw"], ConsumerSettings(linger_seconds=1.0)))
        assert [record.value for record in seen.records] == [b"1", b"2"]


def test_offsets_that_hang_of_an_acknowledged_commit_are_carried_out(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    _filled(cluster, tmp_path)
    with closing(_opened(cluster, tmp_path)) as bus:
        committer, batch = _committed(bus)
        assert "made sure of" not in caplog.text
        committer.commit({"out": [Record(b"2")]}, Batch((), dict(batch.offsets)))
        _leave_offset_hanging(cluster, bus, batch)
        committer.settle()
        assert "made sure of" in caplog.text
        assert bus.committed("group") == batch.offsets
        committer.commit({"out": [Record(b"3")]}, Batch((), dict(batch.offsets)))
        committer.settle()
        assert set(values_in(bus, "out")) == {b"1", b"2", b"3"}


def test_offsets_that_are_carried_out_move_no_group_in_a_topic_that_it_reads_and_writes(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    _filled(cluster, tmp_path)
    with closing(_opened(cluster, tmp_path, writes=("raw",))) as bus:
        batch = next_batch(bus.consumer("group", ["raw"], ConsumerSettings()))
        committer = bus.committer(group="group")
        committer.commit({}, batch)
        _leave_offset_hanging(cluster, bus, batch)
        committer.settle()
        assert "made sure of" in caplog.text
        assert bus.committed("group") == batch.offsets


def test_a_bus_that_is_opened_anew_carries_out_what_was_committed_before(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _filled(cluster, tmp_path)
    with closing(_opened(cluster, tmp_path)) as bus:
        _, batch = _committed(bus)
        bus.committer(group="group").commit({"out": [Record(b"2")]}, Batch((), dict(batch.offsets)))
        further = _leave_offset_hanging(cluster, bus, batch, beyond=1)  # to be told from what was carried out
        monkeypatch.setattr(Client, "is_there", lambda self: False)
    monkeypatch.undo()
    with closing(_opened(cluster, tmp_path)) as bus:
        bus.consumer("group", ["raw"], ConsumerSettings())
        assert bus.committed("group") == {("raw", 0): further}, "taken back, it would be read again"
        assert set(values_in(bus, "out")) == {b"1", b"2"}


def test_what_hangs_of_a_commit_that_was_never_asked_for_is_taken_back_as_the_bus_is_opened_anew(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut_out(consumer: KafkaConsumer) -> None:
        raise ReopenError("this member was shut out of its group")

    _filled(cluster, tmp_path)
    with closing(_opened(cluster, tmp_path)) as bus:
        committer, batch = _committed(bus)
        with monkeypatch.context() as patched, pytest.raises(ReopenError):
            patched.setattr(KafkaConsumer, "metadata_of_batch", shut_out)
            committer.commit({"out": [Record(b"2")]}, Batch((), dict(batch.offsets)))
        wire.leave_hanging(cluster.servers, "tocsin-writer", [("rare", 0, b"k", b"hangs")], is_alive=True)
    with closing(_opened(cluster, tmp_path)) as bus:
        bus.consumer("group", ["raw"], ConsumerSettings())
        assert (values_in(bus, "out"), values_in(bus, "rare")) == ([b"1"], [])


@pytest.mark.parametrize("is_carried_out", [True, False])
def test_what_hangs_of_a_commit_without_an_answer_goes_by_its_offsets_as_the_bus_is_opened_anew(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_carried_out: bool
) -> None:
    commit = TransactionalProducer.commit

    def without_answer(producer: TransactionalProducer) -> None:
        if is_carried_out:
            commit(producer)
        raise ReopenError("no answer")

    _filled(cluster, tmp_path)
    with closing(_opened(cluster, tmp_path)) as bus:
        committer, batch = _committed(bus)
        further = {("raw", 0): batch.offsets["raw", 0] + 1}
        with monkeypatch.context() as patched, pytest.raises(ReopenError):
            patched.setattr(TransactionalProducer, "commit", without_answer)
            committer.commit({"out": [Record(b"2")]}, Batch((), further))
        wire.leave_hanging(cluster.servers, "tocsin-writer", [("rare", 0, b"k", b"hangs")], is_alive=True)
    with closing(_opened(cluster, tmp_path)) as bus:
        bus.consumer("group", ["raw"], ConsumerSettings())
        assert bus.committed("group") == (further if is_carried_out else batch.offsets)
        found = sorted(values_in(bus, "out")), values_in(bus, "rare")
        assert found == (([b"1", b"2"], [b"hangs"]) if is_carried_out else ([b"1"], []))


def test_offsets_are_carried_out_by_a_client_that_knows_no_former_coordinator(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _filled(cluster, tmp_path)
    with closing(_opened(cluster, tmp_path)) as bus:
        committer, batch = _committed(bus)
        committer.commit({}, Batch((), dict(batch.offsets)))
        _leave_offset_hanging(cluster, bus, batch)
        waits_for_ever = committer._transactions._producer
        send = TransactionalProducer.send_offsets

        def sent(producer: TransactionalProducer, offsets: list[TopicPartition], metadata: object) -> None:
            if producer is waits_for_ever:
                raise ReopenError("no answer")
            send(producer, offsets, metadata)

        monkeypatch.setattr(TransactionalProducer, "send_offsets", sent)
        committer.settle()
        assert bus.committed("group") == batch.offsets
        committer.commit({"out": [Record(b"2")]}, Batch((), dict(batch.offsets)))
        committer.settle()
        assert set(values_in(bus, "out")) == {b"1", b"2"}


def test_positions_that_hang_hold_up_nobody_and_count_only_with_their_records(cluster: Cluster, tmp_path: Path) -> None:
    with closing(_opened(cluster, tmp_path, writes=("raw",))) as bus:
        bus.committer(owner="test").commit({"raw": [Record(b"1")]}, Batch(positions={"file": b"1"}))
    position = position_record("test", "file", b"2")
    hanging = [("raw", 0, b"k", b"hangs"), (POSITIONS, 0, position.key, position.value)]
    wire.leave_hanging(cluster.servers, "tocsin-writer", hanging)
    with closing(_opened(cluster, tmp_path, writes=("raw",))) as bus:
        assert bus.positions("test") == {"file": b"1"}
        committer = bus.committer(owner="test")
        committer.commit({"raw": [Record(b"2")]}, Batch(positions={"file": b"2"}))
        committer.settle()
        assert bus.positions("test") == {"file": b"2"}
        assert values_in(bus, "raw") == [b"1", b"2"]


def test_what_is_aborted_takes_with_it_what_hung(cluster: Cluster, tmp_path: Path) -> None:
    with closing(_opened(cluster, tmp_path, writes=("raw", "rare"))) as bus:
        committer = bus.committer(owner="test")
        committer.commit({"raw": [Record(b"0")]}, Batch(positions={"a": b"0"}))
        committer.settle()
        wire.leave_hanging(cluster.servers, "tocsin-writer", [("rare", 0, b"k", b"hangs")], is_alive=True)
        too_large = Record(b"x" * (6 << 20))
        with pytest.raises(DeliveryError, match="too large"):
            committer.commit({"out": [Record(b"goes"), too_large]}, Batch(positions={"a": b"1"}))
        committer.commit({"raw": [Record(b"stays")]}, Batch(positions={"a": b"2"}))
        committer.settle()
        assert (values_in(bus, "out"), values_in(bus, "rare"), values_in(bus, "raw")) == ([], [], [b"0", b"stays"])
        assert bus.positions("test") == {"a": b"2"}


def test_outputs_that_hang_alone_are_committed_as_the_next_process_opens(cluster: Cluster, tmp_path: Path) -> None:
    _filled(cluster, tmp_path)
    with closing(_opened(cluster, tmp_path)) as bus:
        batch = next_batch(bus.consumer("group", ["raw"], ConsumerSettings()))
        bus.committer(group="group").commit({"out": [Record(b"1")]}, batch)
    wire.leave_hanging(cluster.servers, "tocsin-writer", [("rare", 0, b"k", b"of it")])
    with closing(_opened(cluster, tmp_path)) as bus:
        bus.consumer("group", ["raw"], ConsumerSettings())
        assert values_in(bus, "rare") == [b"of it"]
        assert bus.committed("group") == batch.offsets


def test_who_closes_carries_out_what_it_committed(cluster: Cluster, tmp_path: Path) -> None:
    with closing(_opened(cluster, tmp_path, writes=("raw", "rare"))) as bus:
        committer = bus.committer(owner="test")
        committer.commit({"raw": [Record(b"0")]}, Batch(positions={"a": b"0"}))
        committer.settle()
        wire.leave_hanging(cluster.servers, "tocsin-writer", [("rare", 0, b"k", b"of it")], is_alive=True)
        committer.commit({"raw": [Record(b"1")]}, Batch(positions={"a": b"1"}))
    with closing(KafkaBus(KafkaSettings(cluster.servers, tmp_path / "kafka"), "looks")) as looks:
        assert values_in(looks, "rare") == [b"of it"]


def test_a_transaction_of_others_holds_up_no_writer_for_ever(cluster: Cluster, tmp_path: Path) -> None:
    with closing(_opened(cluster, tmp_path, writes=("raw", "rare"))) as bus:
        committer = bus.committer(owner="test")
        wire.leave_hanging(cluster.servers, "foreign", [("rare", 0, b"k", b"theirs")])
        seconds = []
        for number in range(3):
            committer.commit({"rare": [Record(b"%d" % number)]}, Batch(positions={"a": b"%d" % number}))
            began = time.monotonic()
            committer.settle()
            seconds.append(time.monotonic() - began)
        assert seconds[0] > 3, "it is looked for twice"
        assert max(seconds[1:]) < 1
