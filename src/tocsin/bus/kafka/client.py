"""The connection that everything else of a Kafka bus asks: is it there, which topics has it, where do they end."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tocsin.bus.kafka.complaints import Complaints, error_of
from tocsin.bus.kafka.settings import FIXED, KafkaSettings
from tocsin.errors import ConfigError, DeliveryError, ReopenError

_CONNECT_SECONDS = 15.0
_ANSWER_SECONDS = 10.0
_SETTLE_SECONDS = 60.0  # longer than any transaction lasts
_LOOK_SECONDS = 0.25
_PAUSE_SECONDS = 0.1

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
        self._topics: dict[str, int] = {}
        self.cluster_id = self._connect()
        self.complaints.is_connected = True

    def made(self, kind: Callable[[dict[str, Any]], _Answer], properties: Mapping[str, Any]) -> _Answer:
        """Make a client of confluent-kafka. Raises ConfigError: unknown properties, files that are not there."""
        try:
            return kind(dict(properties))
        except KafkaException as error:
            raise ConfigError(f"kafka: {error_of(error).str()}; see `tocsin config show`") from error

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
            self.complaints.raise_as_ours(error_of(error), "listing topics")
        self._topics = {name: len(topic.partitions) for name, topic in listed.items() if topic.error is None}
        return self._topics

    # Places

    def firsts(self, places: Iterable[TopicPartition]) -> dict[tuple[str, int], int]:
        """Return the first offset that is kept, by topic and partition."""
        return self._offsets(places, OffsetSpec.earliest())

    def ends(self, places: Iterable[TopicPartition]) -> dict[tuple[str, int], int]:
        """Return the offset behind the last record, committed or not yet, by topic and partition."""
        return self._offsets(places, OffsetSpec.latest())

    def settle(self, topic: str) -> None:
        """Wait until every transaction that has written to a topic up to now has ended. Raises DeliveryError."""
        places = self.places_of(topic)
        ends = self.ends(places)
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            settled = self._offsets(places, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
            if all(settled[place] >= end for place, end in ends.items()):
                return
            if time.monotonic() > deadline:
                raise DeliveryError(
                    f"Kafka at {self.settings.servers}: a transaction on `{topic}` has not ended after"
                    f" {_SETTLE_SECONDS:.0f} s; it does by itself, or see kafka-transactions.sh"
                )
            time.sleep(_PAUSE_SECONDS)

    def places_of(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for partition in range(self.partitions(topic))]

    # Asking

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

    @property
    def admin(self) -> AdminClient:
        return self._admin

    def _offsets(
        self,
        places: Iterable[TopicPartition],
        which: OffsetSpec,
        isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
    ) -> dict[tuple[str, int], int]:
        wanted = {TopicPartition(place.topic, place.partition): which for place in places}
        if not wanted:
            return {}
        answers = self.retried(
            lambda: self.ask(
                "asking for offsets",
                self._admin.list_offsets(wanted, isolation_level=isolation, request_timeout=_ANSWER_SECONDS),
            )
        )
        return {(place.topic, place.partition): answer.offset for place, answer in answers.items()}

    def retried(self, action: Callable[[], _Answer]) -> _Answer:
        """Return what the action returns: a topic just made, or one whose leader has moved, answers after a while.

        A new client asks each time: the old one may ask with what it knows of a leader for ever (librdkafka 2.16).
        """
        deadline = time.monotonic() + _ANSWER_SECONDS
        while True:
            try:
                return action()
            except ReopenError:
                raise
            except DeliveryError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)
                self._admin = self._new_admin()

    def _new_admin(self) -> AdminClient:
        return self.made(AdminClient, self.settings.admin(self.complaints.hear))

    def _connect(self) -> str:
        deadline = time.monotonic() + _CONNECT_SECONDS
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
                    f"Kafka at {self.settings.servers} does not answer: {cause.str()}; is it running, and is"
                    " `security.protocol` the one of its listener?"
                )
            time.sleep(_LOOK_SECONDS)
