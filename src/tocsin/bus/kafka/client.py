"""The connection that everything else of a Kafka bus asks: is it there, which topics has it, where do they end."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from tocsin.bus.kafka.complaints import Complaints, error_of
from tocsin.bus.kafka.patience import begun
from tocsin.bus.kafka.settings import KafkaSettings
from tocsin.errors import ConfigError, DeliveryError, ReopenError, StoppedError
from tocsin.kafka_names import FIXED

_ANSWER_SECONDS = 10.0
_SETTLE_SECONDS = 60.0  # longer than any transaction lasts
_LOOK_SECONDS = 0.25
_PAUSE_SECONDS = 0.1
_AWAY_LOOK_SECONDS = 1.0
_THERE_SECONDS = 1.0
_SOON_SECONDS = 2.0  # to wait for offsets, which take milliseconds; where none come, twice as long the next time,
_DOUBLINGS = 2  # and once more
_ASKER = "tocsin-asker"  # the group of who is in none
_NO_OFFSET = KafkaError(KafkaError._NO_OFFSET)

Place = tuple[str, int]  # topic and partition
_Answer = TypeVar("_Answer")


class Client:
    """Asks the cluster. One object belongs to one thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Connect. Raises ConfigError where that can never succeed, DeliveryError where nobody answers."""
        self.settings = settings
        self.complaints = Complaints(settings.servers)
        fixed = [f"kafka: `{name}` cannot be set: {FIXED[name]}" for name in settings.properties if name in FIXED]
        if fixed:
            raise ConfigError(*fixed)
        self._admin = self._new_admin()
        self._askers: dict[bool, Consumer] = {}  # of stable ends, and of the others
        self._failures = 0  # one after the other, of asking them
        self._topics: dict[str, int] = {}
        self.cluster_id = self._connect()
        self.complaints.is_connected = True
        self.complaints.answered()
        self._next_look = 0.0

    def made(self, kind: Callable[[dict[str, Any]], _Answer], properties: Mapping[str, Any]) -> _Answer:
        """Make a client of confluent-kafka. Raises ConfigError: unknown properties, files that are not there."""
        try:
            return kind(dict(properties))
        except KafkaException as error:
            raise ConfigError(f"kafka: {error_of(error).str()}; see `tocsin config show`") from error

    def new_asker(self, group: str, is_settled: bool) -> Consumer:
        """Return a consumer that asks as a group, and is no member: nobody asks it for partitions.

        `is_settled`: of what is decided. Raises ConfigError.
        """
        return self.made(Consumer, self.settings.asker(group, is_settled, self.complaints.hear))

    # Topics

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has. Raises ConfigError where there is none of that name."""
        if topic not in self._topics:
            self.refresh_topics()
        if topic not in self._topics:
            raise ConfigError(
                f"Kafka at {self.settings.servers}: there is no topic `{topic}`, or it may not be described;"
                " `tocsin topics create` makes it"
            )
        return self._topics[topic]

    def refresh_topics(self) -> Mapping[str, int]:
        """Return topic -> number of partitions, as it is now."""
        try:
            listed = self._admin.list_topics(timeout=_ANSWER_SECONDS).topics
        except KafkaException as error:
            self._admin = self._new_admin()  # who knew a broker that has gone may not find another
            self.complaints.raise_as_ours(error_of(error), "listing topics")
        self._topics = {name: len(topic.partitions) for name, topic in listed.items() if topic.error is None}
        return self._topics

    # Places

    def firsts(self, places: Iterable[TopicPartition]) -> dict[Place, int]:
        """Return the first offset that is kept, by topic and partition."""
        return self.retried(partial(self._offsets, list(places), OFFSET_BEGINNING))

    def ends(self, places: Iterable[TopicPartition]) -> dict[Place, int]:
        """Return the offset behind the last record, committed or not yet, by topic and partition."""
        return self.retried(partial(self._offsets, list(places), OFFSET_END))

    def ends_as_of_now(self, places: Sequence[TopicPartition]) -> Callable[[], dict[Place, int]]:
        """Ask for the ends, and return what waits for the answer.

        Where none comes that raises DeliveryError, and has asked anew for the next time.
        """
        ask = partial(self._offsets, places, OFFSET_END)
        asking = begun(ask)

        def answer() -> dict[Place, int]:
            nonlocal asking
            try:
                return asking(_ANSWER_SECONDS)
            except DeliveryError:
                asking = begun(ask)
                raise
            except TimeoutError as error:
                asking = begun(ask)
                raise DeliveryError(f"Kafka at {self.settings.servers}: asking for offsets: no answer") from error

        return answer

    def stable_ends(self, places: Iterable[TopicPartition]) -> dict[Place, int]:
        """Return the first offset of a transaction that has not ended, or else the end, by topic and partition."""
        return self.retried(partial(self.stable_ends_once, list(places)))

    def stable_ends_once(self, places: Sequence[TopicPartition]) -> dict[Place, int]:
        """Return them; raises DeliveryError where no answer comes soon."""
        return self._offsets(places, OFFSET_END, is_stable=True)

    def settle(
        self, topic: str, is_stopped: Callable[[], bool] = lambda: False, seconds: float = _SETTLE_SECONDS
    ) -> Mapping[Place, int]:
        """Wait until every transaction that has written to a topic up to now has ended.

        Return the end of each partition as it was at first: what is written meanwhile lies behind it. Raises
        DeliveryError, StoppedError.
        """
        places = self.places_of(topic)
        ends = self.ends(places)
        deadline = time.monotonic() + seconds
        while True:
            settled = self.stable_ends(places)
            if all(settled[place] >= end for place, end in ends.items()):
                return ends
            if is_stopped():
                raise StoppedError(f"`{topic}`: stopped before its transactions had ended")
            if time.monotonic() > deadline:
                raise DeliveryError(
                    f"Kafka at {self.settings.servers}: a transaction on `{topic}` has not ended after"
                    f" {seconds:.0f} s; it does by itself, or see kafka-transactions.sh"
                )
            time.sleep(_PAUSE_SECONDS)

    def places_of(self, *topics: str) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for topic in topics for partition in range(self.partitions(topic))]

    # Asking

    def heed_complaints(self) -> None:
        """Raise ConfigError where no retry would help; look now and then whether Kafka answers again that was away.

        A consumer that reads on where there is nothing new would not notice.
        """
        self.complaints.raise_refusal()
        now = time.monotonic()
        if not self.complaints.is_away or now < self._next_look:
            return
        self._next_look = now + _AWAY_LOOK_SECONDS
        if self.is_there(_LOOK_SECONDS):
            self.complaints.answered()

    def is_there(self, seconds: float = _THERE_SECONDS) -> bool:
        """Whether a broker answers now, within so long."""
        try:
            self._admin.list_topics(timeout=seconds)
        except KafkaException:
            return False
        return True

    def ask(self, doing: str, futures: Mapping[Any, "Future[_Answer]"]) -> dict[Any, _Answer]:
        """Wait for the answers of the admin client. Raises ConfigError or DeliveryError, saying what was being done."""
        answers = {}
        for what, future in futures.items():
            try:
                answers[what] = future.result(_ANSWER_SECONDS)
            except KafkaException as error:
                self._admin.poll(0)
                self.complaints.raise_as_ours(error_of(error), doing)
            except TimeoutError as error:
                raise DeliveryError(f"Kafka at {self.settings.servers}: {doing}: no answer") from error
        return answers

    def group(self, name: str) -> ConsumerGroupDescription:
        """Describe a consumer group. Raises ConfigError, DeliveryError."""
        asked = self._admin.describe_consumer_groups([name])
        described: ConsumerGroupDescription = self.ask("describing groups", asked)[name]
        return described

    @property
    def admin(self) -> AdminClient:
        return self._admin

    def _offsets(self, places: Sequence[TopicPartition], which: int, is_stable: bool = False) -> dict[Place, int]:
        """Ask once. May be called from any thread.

        An admin client's `list_offsets` takes a whole core while the leader of a partition is gone, and answers with
        offset -1001 and no error then (librdkafka 2.16). This is asked by a consumer that reads nothing.
        """
        if not places:
            return {}
        asker = self._askers.get(is_stable)
        if asker is None:
            asker = self._askers[is_stable] = self.new_asker(_ASKER, is_stable)
        wanted = [TopicPartition(place.topic, place.partition, which) for place in places]
        seconds = _SOON_SECONDS * 2 ** min(self._failures, _DOUBLINGS)
        try:
            answers = asker.offsets_for_times(wanted, seconds)
            failed = next((place for place in answers if place.error or place.offset < 0), None)
            if failed is not None:
                raise KafkaException(failed.error or _NO_OFFSET)
        except KafkaException as error:
            self._failures += 1
            self._askers.pop(is_stable, None)  # it may know a leader that has gone for ever
            self.complaints.raise_as_ours(error_of(error), "asking for offsets")
        self._failures = 0
        return {(place.topic, place.partition): place.offset for place in answers}

    def retried(self, action: Callable[[], _Answer]) -> _Answer:
        """Return what the action returns: a topic just made, or one whose leader has moved, answers after a while."""
        deadline = 0.0  # counted from the first failure, which may have been to wait in vain
        while True:
            try:
                return action()
            except ReopenError:
                raise
            except DeliveryError:
                now = time.monotonic()
                deadline = deadline or now + _ANSWER_SECONDS
                if now > deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _new_admin(self) -> AdminClient:
        return self.made(AdminClient, self.settings.admin(self.complaints.hear))

    def _connect(self) -> str:
        deadline = time.monotonic() + self.settings.connect_seconds
        while True:
            try:
                described = self._admin.list_topics(timeout=_LOOK_SECONDS)
                self._topics = {name: len(one.partitions) for name, one in described.topics.items() if not one.error}
                return str(described.cluster_id)
            except KafkaException as error:
                self._admin.poll(0)
                self.complaints.raise_refusal()
                cause = error_of(error)
            if time.monotonic() > deadline:
                last = self.complaints.last
                cause = last or cause
                raise DeliveryError(
                    f"Kafka at {self.settings.servers} does not answer within {self.settings.connect_seconds:.0f} s:"
                    f" {cause.str()}; is it running, and is"
                    " `security.protocol` the one of its listener?"
                )
            time.sleep(_LOOK_SECONDS)
