"""Commit on Kafka: outputs, offsets of a group and positions of a source in one transaction."""

import logging
from collections.abc import Callable
from contextlib import suppress
from random import randrange
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from tocsin.bus.kafka.client import Client
from tocsin.bus.kafka.complaints import error_of
from tocsin.bus.kafka.consumer import KafkaConsumer
from tocsin.bus.kafka.patience import within
from tocsin.bus.kafka.positions import POSITIONS, position_record
from tocsin.errors import DeliveryError, ReopenError
from tocsin.event import Record
from tocsin.failpoints import failpoint
from tocsin.flow import Batch, Outputs

log = logging.getLogger(__name__)

_INIT_SECONDS = 20.0
_COMMIT_SECONDS = 5.0  # then a stop is looked for, and the same commit is asked for again
_GRACE_SECONDS = 1.0  # beyond which a call that should have ended never will
_ROOM_SECONDS = 0.1  # to wait for room in the client's queue


class Transactions:
    """The producer of one writer, which has the same `transactional.id` after it was killed.

    Opening it ends what a former process of that name left open, and shuts that process out for good.
    """

    def __init__(self, client: Client, member: str) -> None:
        """Raises ConfigError, DeliveryError."""
        self._client = client
        self._producer = client.made(Producer, client.settings.producer(member, client.complaints.hear))
        self._first_turn = randrange(1 << 16)  # of many that start anew, not all begin with the same partition
        self._turns: dict[str, int] = {}
        self._undecided: Batch | None = None  # asked to commit, and not answered yet
        try:
            self._producer.init_transactions(_INIT_SECONDS)
        except KafkaException as error:
            self._hear()
            client.complaints.raise_as_ours(error_of(error), "beginning to write")

    def close(self) -> None:
        """Let go; what was not committed is aborted by the broker, or by the successor."""
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(1.0)

    def let_go_of(self, group: str, place: TopicPartition) -> None:
        """End what former processes of this name have left open of a group's offsets, whatever the broker knows of it.

        When a broker dies in the middle, offsets can stay behind of a transaction that is over: nobody is then told
        where the group is, for ever. A transaction of this writer in that group that is taken back clears them, as its
        marker is for all that the writer has open there. `place`: any that the group reads.
        """
        settings = self._client.settings.asker(group, is_settled=True, error_cb=self._client.complaints.hear)
        nobody = self._client.made(Consumer, settings)  # no member: the broker does not ask for its partitions
        try:
            self._producer.begin_transaction()
            self._send_offsets([TopicPartition(place.topic, place.partition, 0)], nobody.consumer_group_metadata())
        except KafkaException as raised:
            log.info("Offsets of group %s: %s", group, self._client.complaints.named(error_of(raised), "letting go"))
        finally:
            nobody.close()
        self._abort()

    def commit(self, outputs: Outputs, batch: Batch, owner: str, consumer: KafkaConsumer | None) -> None:
        """Raises DeliveryError when it may be tried again, ReopenError when only by a new process or object."""
        failpoint("bus.before_write")
        try:
            if self._undecided is not batch:
                self._producer.begin_transaction()
                self._write(outputs, batch, owner, consumer)
                self._undecided = batch
            failpoint("bus.before_commit")
            self._producer.commit_transaction(_COMMIT_SECONDS)
        except KafkaException as raised:
            self._failed(raised)
        except ReopenError:
            raise
        except DeliveryError:
            self._abort()
            raise
        self._undecided = None
        failpoint("bus.after_commit")

    def _write(self, outputs: Outputs, batch: Batch, owner: str, consumer: KafkaConsumer | None) -> None:
        for topic, records in outputs.items():
            keyless = self._turn(topic)
            for record in records:
                self._produce(topic, record, -1 if record.key else keyless)
        for name, position in batch.positions.items():
            self._produce(POSITIONS, position_record(owner, name, position), -1)
        failpoint("bus.after_append")
        if batch.offsets:
            assert consumer is not None, "offsets are those of a consumer of this bus"
            offsets = [TopicPartition(topic, number, following) for (topic, number), following in batch.offsets.items()]
            self._send_offsets(offsets, consumer.metadata_of_batch())

    def _send_offsets(self, offsets: list[TopicPartition], metadata: object) -> None:
        """Where the group's coordinator has moved the client may wait for it for ever, whatever time it was given
        (github.com/confluentinc/librdkafka/issues/5456). Then it is left to itself: its successor shuts it out."""
        try:
            within(
                _COMMIT_SECONDS + _GRACE_SECONDS,
                lambda: self._producer.send_offsets_to_transaction(offsets, metadata, _COMMIT_SECONDS),
            )
        except TimeoutError:
            raise ReopenError(f"Kafka at {self._client.settings.servers}: committing: no answer") from None

    def _turn(self, topic: str) -> int:
        """Return the partition for the records of this batch that have no key: together they make larger blocks."""
        turn = self._turns.get(topic, self._first_turn)
        self._turns[topic] = turn + 1
        return turn % self._client.partitions(topic)

    def _produce(self, topic: str, record: Record, partition: int) -> None:
        headers: list[Any] = list(record.headers)
        while True:
            try:
                self._producer.produce(
                    topic,
                    record.value,
                    record.key or None,
                    partition,
                    timestamp=max(0, record.timestamp_us // 1000),
                    headers=headers,
                )
                return
            except BufferError:
                self._producer.poll(_ROOM_SECONDS)
                self._client.complaints.raise_refusal()

    def _failed(self, raised: KafkaException) -> None:
        """Do what an error of the transaction asks for, and raise ours."""
        error = error_of(raised)
        self._hear()
        if error.txn_requires_abort() or (self._undecided is None and not error.fatal()):
            self._abort()
        self._client.complaints.raise_as_ours(error, "committing")

    def _hear(self) -> None:
        """Let the client say what it has to complain of."""
        with suppress(KafkaException):  # after a fatal error it says only that
            self._producer.poll(0)

    def _abort(self) -> None:
        self._undecided = None
        try:
            self._producer.abort_transaction(_COMMIT_SECONDS)
        except KafkaException as error:
            self._client.complaints.raise_as_ours(error_of(error), "taking back what was not committed")


class KafkaCommitter:
    """Commits on behalf of one consumer group or one owner of a source."""

    def __init__(self, transactions: Transactions, owner: str, consumer: Callable[[], KafkaConsumer | None]) -> None:
        self._transactions = transactions
        self._owner = owner
        self._consumer = consumer

    def commit(self, outputs: Outputs, batch: Batch) -> None:
        self._transactions.commit(outputs, batch, self._owner, self._consumer())
