"""Commit on Kafka: outputs, offsets of a group and positions of a source in one transaction, seen to be carried out."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from random import randrange
from typing import NoReturn

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tocsin.bus.kafka.client import Client, Place
from tocsin.bus.kafka.complaints import error_of, is_fatal
from tocsin.bus.kafka.consumer import KafkaConsumer
from tocsin.bus.kafka.group_offsets import GroupOffsets
from tocsin.bus.kafka.positions import POSITIONS, position_record
from tocsin.bus.kafka.settling import Acknowledged, decided, wait_for_offsets, wait_for_outputs
from tocsin.bus.kafka.transactional import TransactionalProducer
from tocsin.errors import ConfigError, DeliveryError, ReopenError
from tocsin.failpoints import failpoint
from tocsin.flow import Batch, Outputs

log = logging.getLogger(__name__)

_LOOKS = 2  # for what was acknowledged, before what is still open is taken to be others'

# What was not seen to be carried out, by servers and writer: of this process, which may open the bus anew meanwhile.
_left: dict[tuple[str, str], Acknowledged] = {}


class Transactions:
    """The commits of one writer, one after the other."""

    def __init__(self, client: Client, member: str, writes: Iterable[str], group_offsets: GroupOffsets) -> None:
        """Take the place of any former process of that name. Raises ConfigError, DeliveryError."""
        self._client = client
        self._member = member
        self._topics = set(writes)  # all that it writes to
        self._group_offsets = group_offsets
        self._producer = TransactionalProducer(client, member)
        self._first_turn = randrange(1 << 16)  # of many that start anew, not all begin with the same partition
        self._turns: dict[str, int] = {}
        self._opened: set[str] = set()  # topics whose partitions know this writer
        self._open: Acknowledged | None = None  # begun, and not known to have ended
        self._undecided: Batch | None = None  # asked for, and not answered yet
        self._acknowledged: Acknowledged | None = None  # answered, and not known to be carried out yet
        self._is_making_sure = False  # of that commit; asked for, and not answered yet
        self._held: Mapping[Place, int] = {}  # where others' transactions are open
        self._key = client.settings.servers, member
        left = _left.get(self._key)
        if left is not None:
            self._go_on_with(left)
            del _left[self._key]

    def _go_on_with(self, left: Acknowledged) -> None:
        there = self._client.refresh_topics()
        places = [place for place in left.places if place.partition < there.get(place.topic, 0)]
        self._acknowledged = replace(left, places=places, ends=self._client.ends_as_of_now(places))

    def close(self) -> None:
        """Let go. What is not seen to be carried out is looked after by the next one of that name in this process."""
        with suppress(KafkaException, ConfigError, DeliveryError):
            if self._acknowledged is not None and self._client.is_there():
                self.settle()
        left = self._acknowledged or self._open
        if left is not None and (left.is_commit is not None or left.offsets):  # else nobody can tell what became of it
            _left[self._key] = left
            if left.is_commit:
                where = self._client.settings.servers
                log.warning("Kafka at %s: the last commit was not seen to be carried out.", where)
        self._producer.close()

    # What a former process left

    def take_back(self, *topics: str) -> None:
        """End what hangs of this writer where it writes, in these topics too, as if it had never been.

        Raises ConfigError, DeliveryError.
        """
        self._topics.update(topics)
        self._take_back(self._as_of_now(is_commit=False), self._places(), has_offsets=True)

    def take_back_offsets(self, group: str, place: TopicPartition) -> None:
        """Do so with a group's offsets, too. `place`: any that the group reads. Raises ConfigError, DeliveryError."""
        hanging = replace(self._as_of_now(is_commit=False), group=group, offsets=[place])
        self._take_back(hanging, self._places(), has_offsets=False)

    def make_good(self) -> None:
        """Have committed what else hangs of this writer. Raises ConfigError, DeliveryError."""
        self._acknowledged = self._acknowledged or self._as_of_now(is_commit=True)
        self.settle()

    # Committing

    def commit(self, outputs: Outputs, batch: Batch, owner: str, consumer: KafkaConsumer | None) -> None:
        """Raises DeliveryError when it may be tried again, ReopenError when only by a new process or object.

        It begins only when the one before is carried out.
        """
        failpoint("bus.before_write")
        is_new = self._undecided is not batch
        if is_new:
            self.settle()
            self._topics.update(outputs, [POSITIONS] if batch.positions else [])
            self._open_topics()
        try:
            if is_new:
                group = consumer.group if consumer is not None else ""
                self._open = Acknowledged(False, self._places(), dict, group, _offsets_of(batch))
                self._producer.begin()
                self._write(outputs, batch, owner, consumer)
                self._open = replace(self._open, is_commit=None)
                self._undecided = batch
            failpoint("bus.before_commit")
            self._producer.commit()
        except KafkaException as raised:
            error = error_of(raised)
            self._producer.hear()
            if error.txn_requires_abort() or (self._undecided is None and not is_fatal(error)):
                self._undo()
            self._producer.raise_as_ours(error, "committing")
        except ReopenError:
            raise
        except DeliveryError:
            self._undo()
            raise
        assert self._open is not None
        self._end(replace(self._open, is_commit=True))
        self._client.complaints.answered()
        failpoint("bus.after_commit")

    def _write(self, outputs: Outputs, batch: Batch, owner: str, consumer: KafkaConsumer | None) -> None:
        for topic, records in outputs.items():
            keyless = self._turn(topic)
            for record in records:
                self._producer.put(topic, record, -1 if record.key else keyless)
        for name, position in batch.positions.items():
            self._producer.put(POSITIONS, position_record(owner, name, position), -1)
        failpoint("bus.after_append")
        if batch.offsets:
            assert consumer is not None, "offsets are those of a consumer of this bus"
            self._producer.send_offsets(_offsets_of(batch), consumer.metadata_of_batch())

    def _open_topics(self) -> None:
        """Write to each partition of a topic that this writer has not written to yet what is not a record.

        A broker takes the batches of a producer that a partition knows nothing of in any order. Where the first of
        several is refused, as a leader has just moved or the topic was just made, and the second is taken, the first is
        lost, and the client says that it was written (KAFKA-15591). A single small one opens the way for all.
        """
        new = self._topics - self._opened
        if new:
            self._touch_and_abort(self._client.places_of(*sorted(new)), "", "beginning to write")
            self._opened |= new

    def _turn(self, topic: str) -> int:
        """Return the partition for the records of this batch that have no key: together they make larger blocks."""
        turn = self._turns.get(topic, self._first_turn)
        self._turns[topic] = turn + 1
        return turn % self._client.partitions(topic)

    def _places(self) -> list[TopicPartition]:
        return self._client.places_of(*sorted(self._topics))

    def _as_of_now(self, is_commit: bool) -> Acknowledged:
        places = self._places()
        return Acknowledged(is_commit, places, self._client.ends_as_of_now(places))

    def _undo(self) -> None:
        assert self._open is not None
        self._open = replace(self._open, is_commit=False)
        self._abort()
        self._end(self._open)

    def _end(self, open_: Acknowledged) -> None:
        """Look after what was open, now that its end was acknowledged."""
        self._acknowledged = replace(open_, ends=self._client.ends_as_of_now(open_.places))
        self._open = self._undecided = None

    def _abort(self) -> None:
        self._undecided = None
        self._producer.abort()

    # Carrying out

    def settle(self) -> None:
        """See that the last commit or abort is carried out; else do it.

        Raises ConfigError, DeliveryError, ReopenError.
        """
        for _ in range(_LOOKS):
            if self._is_making_sure:
                self._end_making_sure()
            if self._acknowledged is None:
                return
            acknowledged = self._acknowledged = decided(self._acknowledged, self._group_offsets)
            has_offsets = self._has_offsets(acknowledged)
            held = wait_for_outputs(acknowledged, self._held, self._client)
            if has_offsets and not held:
                break
            what = "committed" if acknowledged.is_commit else "taken back"
            where = self._client.settings.servers
            log.info("Kafka at %s: what was %s is not to be seen yet; it is made sure of.", where, what)
            places = [TopicPartition(*place) for place in held]
            if acknowledged.is_commit:
                self._commit_again(acknowledged, places, has_offsets)
            else:
                self._take_back(acknowledged, places, has_offsets)
        else:  # whatever is open there is not ours
            self._held = held
        self._acknowledged = None

    def _has_offsets(self, acknowledged: Acknowledged) -> bool:
        """Wait for the offsets; where they are undone, what hangs beside them is taken back, for it is read again."""
        try:
            return wait_for_offsets(acknowledged, self._group_offsets)
        except ReopenError:
            self._acknowledged = replace(acknowledged, is_commit=False)
            raise

    def _take_back(self, hanging: Acknowledged, places: Sequence[TopicPartition], has_offsets: bool) -> None:
        """Abort another transaction in the same places, and so all that hangs there."""
        self._acknowledged = hanging  # whatever becomes of this, it is looked after
        self._touch_and_abort(places, "" if has_offsets else hanging.group, "taking back what hangs")
        self._acknowledged = replace(hanging, ends=self._client.ends_as_of_now(hanging.places))

    def _commit_again(self, hanging: Acknowledged, places: Sequence[TopicPartition], has_offsets: bool) -> None:
        """Commit another transaction in each of these places, and so all that hangs there.

        One for each, for one that fails takes back what hangs where it was. The offsets come first: outputs that hang
        alone are committed by whoever comes next. A new client sets them: one that was there before may wait for the
        group's coordinator for ever, and its successor would abort what it had begun, with all that hangs.
        """
        if not has_offsets:
            self._renew()
            self._touch_and_commit([], hanging.group)
            self._has_offsets(hanging)
        for place in places:
            self._touch_and_commit([place], "")

    def _touch_and_commit(self, places: Sequence[TopicPartition], group: str) -> None:
        errors = self._touch(places, group)
        if errors:
            self._raise_as_lost(errors[0])
        self._is_making_sure = True
        self._end_making_sure()

    def _renew(self) -> None:
        """Go on with a new client. It aborts what the former one has begun and not ended."""
        former, self._producer = self._producer, TransactionalProducer(self._client, self._member)
        former.close()
        self._opened.clear()

    def _touch_and_abort(self, places: Sequence[TopicPartition], group: str, doing: str) -> None:
        errors = self._touch(places, group)
        self._abort()  # whatever is not written by now is reported as an error
        if errors:
            self._producer.raise_as_ours(errors[0], doing)

    def _touch(self, places: Sequence[TopicPartition], group: str) -> list[KafkaError]:
        """Begin a transaction that writes to each of these places, and where the offsets of a group are, if given.

        Return a list that takes what could not be written, by the time the transaction ends.
        """
        errors: list[KafkaError] = []
        try:
            self._producer.begin()
            errors = self._producer.touch(places)
            if group:
                self._producer.touch_offsets(group)
            self._producer.flush()  # only what is written gets a marker
        except KafkaException as raised:
            errors.append(error_of(raised))
        return errors

    def _end_making_sure(self) -> None:
        try:
            self._producer.commit()
        except KafkaException as raised:
            error = error_of(raised)
            if error.code() != KafkaError._TIMED_OUT:
                self._raise_as_lost(error)
            if not self._producer.is_overdue():  # a new client would abort it
                self._client.complaints.raise_as_ours(error, "making sure of a commit")
            self._producer.raise_as_ours(error, "making sure of a commit")
        self._is_making_sure = False

    def _raise_as_lost(self, error: KafkaError) -> NoReturn:
        """Leave it to a new writer, which takes back what hangs, unless no retry would help."""
        try:
            self._client.complaints.raise_as_ours(error, "making sure of a commit")
        except DeliveryError as raised:
            raise ReopenError(str(raised)) from raised


def _offsets_of(batch: Batch) -> list[TopicPartition]:
    return [TopicPartition(topic, number, following) for (topic, number), following in batch.offsets.items()]


class KafkaCommitter:
    """Commits on behalf of one consumer group or one owner of a source."""

    def __init__(self, transactions: Transactions, owner: str, consumer: Callable[[], KafkaConsumer | None]) -> None:
        self._transactions = transactions
        self._owner = owner
        self._consumer = consumer

    def commit(self, outputs: Outputs, batch: Batch) -> None:
        self._transactions.commit(outputs, batch, self._owner, self._consumer())

    def settle(self) -> None:
        self._transactions.settle()
