"""A producer whose records go into one transaction after the other, and what its client may never tell of them."""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from tocsin.bus.kafka.client import Client
from tocsin.bus.kafka.complaints import error_of
from tocsin.bus.kafka.patience import let_go, within
from tocsin.bus.kafka.positions import POSITIONS
from tocsin.bus.kafka.reader import NOTHING
from tocsin.errors import ReopenError
from tocsin.event import Record
from tocsin.plain import counted

_INIT_SECONDS = 20.0
_ANSWER_SECONDS = 5.0  # then a stop is looked for, and the same is asked for again
_GRACE_SECONDS = 1.0  # beyond which a call that should have ended never will
_ROOM_SECONDS = 0.1  # to wait for room in the client's queue
_NO_KEY = b"-"  # a compacted topic wants one


class TransactionalProducer:
    """The producer of one writer, which has the same `transactional.id` after it was killed.

    Opening it ends what a former process of that name left open, and shuts that process out for good. Methods raise
    KafkaException unless they say otherwise.
    """

    def __init__(self, client: Client, member: str) -> None:
        """Raises ConfigError, DeliveryError."""
        self._client = client
        self._producer = client.made(Producer, client.settings.producer(member, client.complaints.hear))
        self._began_at = 0.0  # the transaction, on this process's clock
        self._waiting = 0  # records not written yet when its end was asked for
        try:
            self._producer.init_transactions(_INIT_SECONDS)
        except KafkaException as error:
            self.hear()
            client.complaints.raise_as_ours(error_of(error), "beginning to write")

    def close(self) -> None:
        """Let go; what was not committed is aborted by the broker, or by the successor."""
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(1.0)

    def begin(self) -> None:
        self._producer.begin_transaction()
        self._began_at = time.monotonic()

    def put(self, topic: str, record: Record, partition: int) -> None:
        """Add a record. `partition`: -1 for that of its key. Raises ConfigError too: nobody may write there."""
        headers: list[Any] = list(record.headers)
        timestamp = max(0, record.timestamp_us // 1000)
        self._put(topic, record.value, record.key or None, partition, timestamp=timestamp, headers=headers)

    def touch(self, places: Iterable[TopicPartition]) -> list[KafkaError]:
        """Write to each of these partitions what is not a record, so that each gets a marker of this transaction.

        It is for all that the writer has open there. Return a list that takes what could not be written, by the time
        the transaction ends.
        """
        errors: list[KafkaError] = []

        def report(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                errors.append(error)

        for place in places:
            self._put(place.topic, None, _NO_KEY, place.partition, on_delivery=report, headers=list(NOTHING))
        return errors

    def touch_offsets(self, group: str) -> None:
        """Do so where the group's offsets are kept, by one of a topic that no group reads. Raises ReopenError, too."""
        nobody = self._client.new_asker(group, is_settled=True)
        try:
            self.send_offsets([TopicPartition(POSITIONS, 0, 0)], nobody.consumer_group_metadata())
        finally:
            let_go(nobody.close)

    def send_offsets(self, offsets: Sequence[TopicPartition], metadata: object) -> None:
        """Set a group's offsets. Raises ReopenError, too.

        Where the group's coordinator has moved the client may wait for it for ever, whatever time it was given
        (github.com/confluentinc/librdkafka/issues/5456). Then it is left to itself: its successor shuts it out.
        """
        try:
            within(
                _ANSWER_SECONDS + _GRACE_SECONDS,
                lambda: self._producer.send_offsets_to_transaction(list(offsets), metadata, _ANSWER_SECONDS),
            )
        except TimeoutError:
            raise ReopenError(f"Kafka at {self._client.settings.servers}: committing: no answer") from None

    def flush(self) -> int:
        """Write what was put; return how many records are not written yet."""
        return self._producer.flush(_ANSWER_SECONDS)

    def commit(self) -> None:
        """Commit what was begun. Where that times out, the same may be asked for again."""
        self._waiting = len(self._producer)
        left = self.flush()
        if left:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{counted(left, 'record')} not written yet"))
        self._waiting = 0
        self._producer.commit_transaction(_ANSWER_SECONDS)

    def abort(self) -> None:
        """Take back what was begun. Raises ConfigError, DeliveryError."""
        self._waiting = 0
        try:
            self._producer.abort_transaction(_ANSWER_SECONDS)
        except KafkaException as error:
            self.raise_as_ours(error_of(error), "taking back what was not committed")

    def is_overdue(self) -> bool:
        """Whether the broker has ended the transaction by now, if nobody else has."""
        return time.monotonic() - self._began_at > self._client.settings.transaction_seconds()

    def hear(self) -> None:
        """Let the client say what it has to complain of."""
        with suppress(KafkaException):  # after a fatal error it says only that
            self._producer.poll(0)

    def raise_as_ours(self, error: KafkaError, doing: str) -> NoReturn:
        """Raise an error of the transaction as ours.

        A client whose coordinator has moved may wait for ever. Where Kafka is there, and nothing came of it, only a new
        client will learn how it ended.
        """
        if error.code() == KafkaError._TIMED_OUT and self._is_stuck() and self._client.is_there():
            raise ReopenError(self._client.complaints.named(error, doing))
        self._client.complaints.raise_as_ours(error, doing)

    def _is_stuck(self) -> bool:
        """Whether the last wait for the transaction's end was in vain, or the broker has ended it by now."""
        return self.is_overdue() or len(self._producer) >= self._waiting

    def _put(self, *arguments: Any, **named: Any) -> None:
        while True:
            try:
                self._producer.produce(*arguments, **named)
                return
            except BufferError:
                self._producer.poll(_ROOM_SECONDS)
                self._client.complaints.raise_refusal()
