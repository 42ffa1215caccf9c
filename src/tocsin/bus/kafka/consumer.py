"""The batches of one member of a consumer group."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupState, KafkaError, KafkaException, TopicPartition

from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.kafka.client import Client, Place
from tocsin.bus.kafka.complaints import error_of
from tocsin.bus.kafka.patience import let_go
from tocsin.bus.kafka.reader import is_nothing, record_of
from tocsin.bus.kafka.stalls import Stalls
from tocsin.errors import ConfigError, DeliveryError, ReopenError
from tocsin.event import Record
from tocsin.flow import Batch
from tocsin.timestamps import clock_us

log = logging.getLogger(__name__)

_ANSWER_SECONDS = 10.0
_AT_ONCE = 500
_LOOK_SECONDS = 15.0  # between looks whether a partition holds what does not come
_LONG_SECONDS = 60.0  # without any partition, before the group is asked
_CLOSE_SECONDS = 15.0  # longer than a session, which closing may wait for
_RECORD_BYTES = 64 << 10  # taken to be larger than most, so that a batch does not grow far beyond its limit


class KafkaConsumer:
    """A source: what this member's partitions hold, from where the group was left.

    Partitions come and go only within `read`. What `read` has returned is committed, or given up, before the next
    one, so a partition that goes takes nothing half done with it; what was collected of it is dropped.
    """

    def __init__(
        self,
        client: Client,
        group: str,
        member: str,
        topics: Sequence[str],
        settings: ConsumerSettings,
        on_rebalance: Callable[[], None],
    ) -> None:
        self._client = client
        self.group = group
        self._settings = settings
        self._on_rebalance = on_rebalance
        self._is_incremental = client.settings.is_incremental()
        self._positions: dict[Place, int] = {}  # next offset to read: of the last batch, or as committed before
        self._ends: dict[Place, int] = {}  # the end as it was reached, where markers lie behind the last record
        self._gone: set[Place] = set()  # lost or handed back during this call of the client
        self._problem: Exception | None = None  # of a callback: it cannot raise through the client
        self._member_of_batch = ""
        self._waited = 0.0  # seconds of this read in which there was nothing to take
        self._arrivals: list[tuple[int, int]] = []  # of this read: how many records came, and when
        self._stalls = Stalls()
        self._next_look = time.monotonic() + _LOOK_SECONDS
        self._had_places = time.monotonic()
        self._is_closed = False
        self.places: frozenset[Place] = frozenset()  # replaced, never changed: another thread may look
        for topic in topics:
            client.partitions(topic)
        self._consumer = client.made(Consumer, client.settings.consumer(group, member, client.complaints.hear))
        self._consumer.subscribe(list(topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def read(self) -> Batch | None:
        """Return the next batch, or a tick when nothing came for a while; never None: a topic has no end.

        Raises ConfigError where records are gone that the group has not read, with their number; ReopenError.
        """
        self._waited = 0.0
        self._arrivals.clear()
        records = self._collected()
        self._raise_problem()
        offsets = {(record.topic, record.partition): record.offset + 1 for record in records}
        self._positions |= offsets
        for place in list(offsets) if records else list(self._ends):
            end = self._ends.pop(place, None)
            if end is not None and end > self._positions.get(place, -1):
                self._positions[place] = offsets[place] = end
        self._raise_stall()
        self._member_of_batch = self._consumer.memberid() or ""
        return Batch(records, offsets=offsets, waited_seconds=self._waited, arrivals=tuple(self._arrivals))

    def close(self) -> None:
        """Leave. A member with a name keeps its partitions for its successor until its session ends.

        A second time does nothing.
        """
        if not self._is_closed:
            self._is_closed = True
            let_go(self._consumer.close, _CLOSE_SECONDS)

    def metadata_of_batch(self) -> object:
        """Return what lets the broker refuse the offsets of the last batch where its partitions are others' by now.

        Raises ReopenError where this member has been shut out since: then it has no name, and nothing would be refused.
        """
        if not self._member_of_batch or self._consumer.memberid() != self._member_of_batch:
            raise ReopenError(f"group `{self.group}`: this member was shut out of its group; it joins anew")
        metadata = self._consumer.consumer_group_metadata()
        if self._consumer.memberid() != self._member_of_batch:
            raise ReopenError(f"group `{self.group}`: this member was shut out of its group; it joins anew")
        return metadata

    # Collecting

    def _collected(self) -> list[Record]:
        settings = self._settings
        records: list[Record] = []
        size = 0
        deadline = time.monotonic() + settings.idle_seconds
        while True:
            is_first = not records
            room = min(settings.max_records - len(records), (settings.max_bytes - size) // _RECORD_BYTES)
            new = self._taken(max(1, min(_AT_ONCE, room)), 0.0)
            if not new and self._problem is None:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return records
                began = time.monotonic()
                new = self._taken(1, remaining)
                self._waited += time.monotonic() - began
            if self._problem is not None:
                return records
            if self._gone:
                records, new = self._kept(records), self._come_again(new)
                self._arrivals = [(len(records), self._arrivals[0][1])] if records else []
                self._gone.clear()
            if is_first and new:
                deadline = time.monotonic() + settings.linger_seconds
            if new:
                self._arrivals.append((len(new), clock_us()))
            records += new
            size += sum([len(record.value) for record in new])
            if len(records) >= settings.max_records or size >= settings.max_bytes:
                return records

    def _taken(self, count: int, seconds: float) -> list[Record]:
        """Return the records that are there, at most `count`; wait so long for a first one."""
        try:
            messages: list[Any] = self._consumer.consume(count, seconds)
        except KafkaException as raised:
            self._give_up(error_of(raised))
            return []
        self._client.heed_complaints()
        records = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._take_error(message, error)
            elif not is_nothing(message):
                records.append(record_of(message))
        return records

    def _take_error(self, message: Any, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self._ends[(message.topic(), message.partition())] = message.offset()
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._problem = self._problem or self._loss(message.topic(), message.partition())
        else:
            self._give_up(error)

    def _give_up(self, error: KafkaError) -> None:
        """Have this read end with ReopenError: the client does not give again what it gave beside an error.

        Raises ConfigError where no retry would help.
        """
        try:
            self._client.complaints.raise_as_ours(error, f"reading as group `{self.group}`")
        except DeliveryError as raised:
            self._problem = self._problem or ReopenError(str(raised))

    def _kept(self, records: list[Record]) -> list[Record]:
        """Return what was collected before of partitions that have not gone."""
        return [record for record in records if (record.topic, record.partition) not in self._gone]

    def _come_again(self, new: list[Record]) -> list[Record]:
        """Return what was taken just now, without what belongs to the time before a partition went.

        One that has gone and come again within one call is read anew from where the group is: those records count.
        """
        kept: list[Record] = []
        following: dict[Place, int] = {}
        for record in reversed(new):
            place = (record.topic, record.partition)
            if place in self._gone:
                start = self._positions.get(place)
                if start is None or record.offset < start or record.offset >= following.get(place, record.offset + 1):
                    following[place] = -1  # all before it is of the time before
                    continue
                following[place] = record.offset
            kept.append(record)
        kept.reverse()
        return kept

    def _raise_problem(self) -> None:
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem

    def _raise_stall(self) -> None:
        """Look now and then for what this member should have, and is not given. Raises ReopenError."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        try:
            problem = self._stalled(now) if self.places else self._forgotten(now)
        except ReopenError:
            raise
        except DeliveryError:  # Kafka is away, or busy
            self._stalls = Stalls()
            return
        if problem:
            raise ReopenError(f"group `{self.group}`: {problem}; it is opened anew")

    def _stalled(self, now: float) -> str:
        """Say of which partition nothing comes that holds more."""
        self._had_places = now
        ends = self._client.stable_ends_once([TopicPartition(*place) for place in self.places])
        following = {place: max(self._positions[place], self._ends.get(place, 0)) for place in ends}
        stalled = self._stalls.look(following, ends)
        if stalled is None:
            return ""
        return "`{}` partition {} holds more than was read of it, and nothing came for a while".format(*stalled)

    def _forgotten(self, now: float) -> str:
        """Say whether this member should have partitions; where there are more members than those, some have none."""
        if now - self._had_places < _LONG_SECONDS:
            return ""
        self._had_places = now
        described = self._client.group(self.group)
        mine = [each for each in described.members if each.member_id == self._consumer.memberid()]
        is_settled = described.state in (ConsumerGroupState.STABLE, ConsumerGroupState.EMPTY)
        if not is_settled or (mine and not mine[0].assignment.topic_partitions):
            return ""
        return "this member has no partitions, and should"

    def _loss(self, topic: str, partition: int) -> Exception:
        """Return what says how many records are gone that the group has not read, or that it has to ask anew."""
        place = (topic, partition)
        wanted = TopicPartition(topic, partition)
        try:
            committed = self._consumer.committed([wanted], _ANSWER_SECONDS)[0].offset
            first, end = self._client.firsts([wanted])[place], self._client.ends([wanted])[place]
        except (KafkaException, DeliveryError) as error:
            return ReopenError(f"group `{self.group}`: asking what is left of `{topic}` partition {partition}: {error}")
        following = max(self._positions.get(place, -1), committed)
        if first <= following <= end:
            return ReopenError(f"group `{self.group}`: `{topic}` partition {partition} was cut, and has grown again")
        if following > end:
            return ConfigError(
                f"group `{self.group}`: its position {following} in `{topic}` partition {partition} lies beyond the"
                f" end {end}: the topic is not the one it was; restore it, or set the group's offsets"
                f" (kafka-consumer-groups.sh --reset-offsets)"
            )
        return ConfigError(
            f"group `{self.group}`: {first - following} records of `{topic}` partition {partition} are gone before"
            f" they were read (offsets {following} to {first - 1}): the topic's retention removed them; to go on"
            f" behind them: kafka-consumer-groups.sh --group {self.group} --topic {topic}:{partition} --reset-offsets"
            " --to-earliest --execute"
        )

    # Called by the client, within `consume` and `close`

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._on_rebalance()
        try:
            starts = consumer.committed(places, _ANSWER_SECONDS) if places else []
            for failed in filter(None, (start.error for start in starts)):
                raise KafkaException(failed)
            new = [start for start in starts if start.offset < 0]  # a new group, or a new partition
            firsts = self._client.firsts(new)
            for start in new:
                start.offset = firsts[start.topic, start.partition]
            self._positions |= {(start.topic, start.partition): start.offset for start in starts}
            if self._is_incremental:
                consumer.incremental_assign(starts)
            else:
                consumer.assign(starts)
        except KafkaException as error:
            self._problem = ReopenError(self._client.complaints.named(error_of(error), "asking where the group is"))
            return
        except DeliveryError as error:
            self._problem = ReopenError(str(error))
            return
        self.places |= {(start.topic, start.partition) for start in starts}
        if starts:
            log.info("Group %s: partitions come: %s.", self.group, _named(starts))

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Give partitions back, or learn that they are lost."""
        self._on_rebalance()
        gone = {(place.topic, place.partition) for place in places}
        self.places -= gone
        for place in gone:
            self._gone.add(place)
            self._ends.pop(place, None)
            self._positions.pop(place, None)
        try:
            if self._is_incremental:
                consumer.incremental_unassign(places)
            else:
                consumer.unassign()
        except KafkaException as error:
            self._problem = ReopenError(self._client.complaints.named(error_of(error), "giving partitions back"))
            return
        if places:
            log.info("Group %s: partitions go: %s.", self.group, _named(places))


def _named(places: list[TopicPartition]) -> str:
    return ", ".join(f"{place.topic}/{place.partition}" for place in places)
