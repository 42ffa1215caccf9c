"""Watch what the stages commit by plain Kafka clients, and tell how long a stage took to go on after a fault."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

Place = tuple[str, int]

_LOOK_SECONDS = 0.1
_ANSWER_SECONDS = 1.0
_KEPT_LOOKS = 6_000
_GROUPS = {"classify": "tocsin-classify", "store": "tocsin-store"}
_READS: Mapping[str, Mapping[str, int]] = {  # topics with the default number of partitions
    "classify": {"raw-events": 4},
    "store": {"classified-events": 4, "dead-letters": 1},
}


@dataclass(frozen=True)
class Look:
    """How far each stage had come at a moment (`time.monotonic()`)."""

    at: float
    committed: Mapping[str, Mapping[Place, int]]  # stage -> place -> offset, or number of commits


class Progress(threading.Thread):
    """Looks ten times a second: at the offsets of both groups, and at the commits of `produce` as readers see them."""

    def __init__(self, servers: str) -> None:
        super().__init__(name="progress", daemon=True)
        self._common: dict[str, str | int | float | bool] = {
            "bootstrap.servers": servers,
            "log_level": 0,
            "reconnect.backoff.max.ms": 200,
        }
        self._looks: deque[Look] = deque(maxlen=_KEPT_LOOKS)
        self._new = threading.Condition()
        self._is_stopped = threading.Event()
        self._produced = 0

    def stop(self) -> None:
        self._is_stopped.set()
        self.join()

    def run(self) -> None:
        reader = Consumer(
            {
                **self._common,
                "group.id": "soak",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )
        reader.assign([TopicPartition("source-positions", 0, 0)])
        askers = self._askers()
        while not self._is_stopped.wait(_LOOK_SECONDS):
            try:
                committed = {stage: _offsets(asker, stage) for stage, asker in askers.items()}
            except KafkaException:
                askers = self._askers()  # old ones may take long to find a broker that came back
                continue
            with suppress(KafkaException):
                self._produced += sum(message.error() is None for message in reader.consume(10_000, 0.0))
            look = Look(time.monotonic(), {**committed, "produce": {("source-positions", 0): self._produced}})
            with self._new:
                self._looks.append(look)
                self._new.notify_all()
        reader.close()

    def wait(self, stage: str, since: float, seconds: float) -> float | None:
        """Return how long after `since` the stage had committed again in every one of its places; None: not so soon."""
        start: Look | None = None
        recovered: dict[Place, float] = {}
        deadline = time.monotonic() + seconds
        while True:
            for look in self._after(start.at if start else since, is_first=start is None):
                start = start or look
                places = self.places(stage)
                for place in places:
                    if look.committed[stage].get(place, -1) > start.committed[stage].get(place, -1):
                        recovered.setdefault(place, look.at)
                if places and len(recovered) == len(places):
                    return max(recovered.values()) - since
            if not self._wait_for_news(deadline):
                return None

    def longest_stall(self, stage: str, since: float) -> float:
        """Return the longest time in which one of the stage's places did not move, from `since` until now."""
        looks = self._after(since, is_first=True)
        longest = 0.0
        for place in self.places(stage):
            moved, offset = since, -2
            for look in looks:
                now = look.committed[stage].get(place, -1)
                if now != offset:
                    longest, moved, offset = max(longest, look.at - moved), look.at, now
        return longest

    def stands_still(self, stage: str) -> float:
        """Return for how long nothing of the stage has moved, as far as is known."""
        looks = self._after(-1.0, is_first=True)
        for look in reversed(looks):
            if look.committed[stage] != looks[-1].committed[stage]:
                return looks[-1].at - look.at
        return 0.0

    def members(self, stage: str) -> int:
        """Return how many members of a stage's group have partitions now."""
        group = _GROUPS[stage]
        admin = AdminClient(self._common)
        try:
            described = admin.describe_consumer_groups([group], request_timeout=_ANSWER_SECONDS)[group].result(2.0)
        except (KafkaException, TimeoutError):
            return 0
        return sum(bool(member.assignment and member.assignment.topic_partitions) for member in described.members)

    def describe(self, stage: str, since: float) -> str:
        """Say where the stage stood at a moment, and where it stands now."""
        looks = self._after(since, is_first=True)
        if not looks:
            return "the broker has not said since where it stands"
        then, now = looks[0].committed[stage], looks[-1].committed[stage]
        stuck = [
            f"{topic}/{number} at {now.get((topic, number))}"
            for topic, number in sorted(self.places(stage))
            if now.get((topic, number)) == then.get((topic, number))
        ]
        return f"stuck: {', '.join(stuck)}"

    def places(self, stage: str) -> set[Place]:
        """Return all places at which the stage has committed."""
        with self._new:
            committed = self._looks[-1].committed[stage] if self._looks else {}
        return {place for place, offset in committed.items() if offset > 0}

    def _after(self, moment: float, is_first: bool) -> list[Look]:
        with self._new:
            return [look for look in self._looks if look.at > moment or (is_first and look.at >= moment)]

    def _wait_for_news(self, deadline: float) -> bool:
        with self._new:
            return self._new.wait(max(0.0, min(1.0, deadline - time.monotonic()))) or time.monotonic() < deadline

    def _askers(self) -> dict[str, Consumer]:
        """Return who asks where each group is, without joining it; an admin client that asks may crash (librdkafka)."""
        uncommitted = {**self._common, "enable.auto.commit": False, "isolation.level": "read_uncommitted"}
        return {stage: Consumer({**uncommitted, "group.id": group}) for stage, group in _GROUPS.items()}


def _offsets(asker: Consumer, stage: str) -> dict[Place, int]:
    wanted = [TopicPartition(topic, number) for topic, count in _READS[stage].items() for number in range(count)]
    return {(place.topic, place.partition): place.offset for place in asker.committed(wanted, _ANSWER_SECONDS)}
