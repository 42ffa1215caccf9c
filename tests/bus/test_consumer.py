"""A read that fails hands out nothing and loses nothing."""

from collections.abc import Callable
from contextlib import closing

import pytest

from tocsin.bus.consumer import ConsumerSettings, EmbeddedConsumer
from tocsin.bus.embedded import EmbeddedBus
from tocsin.errors import DeliveryError
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings


class _FailingOnce(EmbeddedBus):
    """A bus whose second read of records fails once, as a disk does."""

    reads = 0

    def read_blocks(self, topic: str, partition: int, offset: int, enough_records: int) -> list[Record]:
        self.reads += 1
        if self.reads == 2:
            raise DeliveryError("disk I/O error")
        return super().read_blocks(topic, partition, offset, enough_records)


def test_a_read_that_failed_in_one_partition_hands_out_the_others_again(connect: Callable[[], EmbeddedBus]) -> None:
    bus = connect()
    bus.ensure_topics({"raw": TopicSettings(partitions=2)}, {"g": ["raw"]})
    for number in range(2):
        bus.committer().commit({"raw": [Record(b"%d" % number)]}, Batch())
    with closing(_FailingOnce(bus._folder)) as failing:
        reader = EmbeddedConsumer(failing, "g", ["raw"], ConsumerSettings(idle_seconds=0))
        with pytest.raises(DeliveryError):
            reader.read()
        batch = reader.read()
    assert batch is not None
    assert sorted(record.value for record in batch.records) == [b"0", b"1"]
    assert batch.offsets == {("raw", 0): 1, ("raw", 1): 1}


def test_a_consumer_that_failed_to_read_reads_the_same_at_the_next_call(
    bus: EmbeddedBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus.ensure_topics({"raw": TopicSettings()}, {})
    bus.committer(owner="test").commit({"raw": [Record(b"x")] * 10}, Batch())
    reader = bus.consumer("g", ["raw"], ConsumerSettings(idle_seconds=0.0, linger_seconds=0.05))
    mark, looks = bus.change_mark, []

    def fail_third() -> tuple[int, int]:
        looks.append(1)
        if len(looks) == 3:
            raise DeliveryError("the disk does not answer")
        return mark()

    monkeypatch.setattr(bus, "change_mark", fail_third)
    with pytest.raises(DeliveryError):
        reader.read()
    batch = reader.read()
    assert batch is not None
    assert len(batch.records) == 10


def test_a_batch_says_how_long_it_was_waited_for(bus: EmbeddedBus) -> None:
    bus.ensure_topics({"raw": TopicSettings()}, {})
    bus.committer(owner="test").commit({"raw": [Record(b"x")] * 10}, Batch())
    waiting = bus.consumer("waiting", ["raw"], ConsumerSettings(linger_seconds=0.1)).read()
    full = bus.consumer("full", ["raw"], ConsumerSettings(linger_seconds=10.0, max_records=10)).read()
    assert waiting is not None and full is not None
    assert waiting.waited_seconds > 0.05
    assert full.waited_seconds == 0.0
