"""The Kafka bus: the topics of a cluster, for processes on any number of machines."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from urllib.parse import quote

from confluent_kafka import TopicCollection

from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.kafka.client import Client
from tocsin.bus.kafka.committer import KafkaCommitter, Transactions
from tocsin.bus.kafka.consumer import KafkaConsumer
from tocsin.bus.kafka.group_offsets import GroupOffsets
from tocsin.bus.kafka.positions import POSITIONS, positions_of
from tocsin.bus.kafka.reader import Reader
from tocsin.bus.kafka.settings import KafkaSettings
from tocsin.bus.kafka.settling import SETTLING_SECONDS
from tocsin.bus.kafka.topics import ensure_topics
from tocsin.errors import ConfigError, DeliveryError, StoppedError
from tocsin.event import Record
from tocsin.flow import PartitionLag, TopicSettings
from tocsin.locks import FileLock

log = logging.getLogger(__name__)

_FOREVER_SECONDS = 100 * 365 * 86_400
_OWNER_SECONDS = 0.5  # how long a new owner waits for the old one to end
_OTHERS_SECONDS = 12.0  # by then most of what others' dead processes have left open has ended
_POSITIONS = TopicSettings(1, _FOREVER_SECONDS, is_compacted=True)
_PREFIX = "tocsin-"  # of groups and transactional ids, for the cluster may be shared


class KafkaBus:
    """Topics of an Apache Kafka cluster. The contract is that of the embedded bus.

    Any number of processes on any machines may be in a group. One object belongs to one thread.
    """

    has_gaps = True
    own_topics = (POSITIONS,)

    def __init__(
        self,
        settings: KafkaSettings,
        member: str = "",
        on_rebalance: Callable[[], None] = lambda: None,
        writes: Sequence[str] = (),
    ) -> None:
        """Connect. `member`: the name under which this process reads and writes, the same after it was killed.

        `writes`: the topics it writes to. Raises ConfigError where that can never succeed, DeliveryError where nobody
        answers.
        """
        self._settings = settings
        self._member = _PREFIX + member
        self._on_rebalance = on_rebalance
        self._writes = writes
        self._client = Client(settings)
        self.id = self._client.cluster_id
        self._group_offsets = GroupOffsets(self._client)
        self._transactions: Transactions | None = None
        self._reader: Reader | None = None
        self._consumers: dict[str, KafkaConsumer] = {}
        self._topics_of: dict[str, Sequence[str]] = {}  # group -> topics it is to read

    def close(self) -> None:
        for consumer in self._consumers.values():
            consumer.close()
        if self._transactions is not None:
            self._transactions.close()
        if self._reader is not None:
            self._reader.close()
        self._group_offsets.close()

    # Topics

    def origin(self, topic: str) -> str:
        """Return cluster id and topic id: one made anew under its old name has another."""
        described = self._client.ask("describing", self._client.admin.describe_topics(TopicCollection([topic])))
        return f"{self.id}/{described[topic].topic_id}"

    def ensure_topics(self, topics: Mapping[str, TopicSettings], groups: Mapping[str, Sequence[str]]) -> None:
        """Make the topics that do not exist, and check the others; say which topics groups read, for their lag.

        Retention is by time and size alone: it knows of no groups. Raises ConfigError, DeliveryError.
        """
        if topics:
            ensure_topics(self._client, {**topics, POSITIONS: _POSITIONS})
        for name in chain.from_iterable(groups.values()):
            self._client.partitions(name)
        self._topics_of |= groups

    def partitions(self, topic: str) -> int:
        return self._client.partitions(topic)

    def copies(self, topic: str) -> int:
        """Return how many brokers have each partition: of that with the fewest."""
        described = self._client.ask("describing", self._client.admin.describe_topics(TopicCollection([topic])))
        return min(len(partition.replicas) for partition in described[topic].partitions)

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return (first offset kept, offset behind the last record or marker) of each partition."""
        places = self._client.places_of(topic)
        firsts, ends = self._client.firsts(places), self._client.ends(places)
        return {partition: (first, ends[(name, partition)]) for (name, partition), first in sorted(firsts.items())}

    # Writing

    def committer(self, *, group: str = "", owner: str = "") -> KafkaCommitter:
        """Return what commits outputs with the offsets of a group, or with the positions of a source's owner."""
        return KafkaCommitter(self._writer(), owner, lambda: self._consumers.get(group))

    def positions(self, owner: str, is_stopped: Callable[[], bool] = lambda: False) -> dict[str, bytes]:
        """Return the position of each input of a source's owner, as committed before this was asked.

        Every commit that had begun by then is decided first; others' later ones are not waited for. Raises
        StoppedError, DeliveryError.
        """
        ends = self._settled_positions(is_stopped)
        reader = self._read()
        parts = (reader.read_until(topic, number, end, is_stopped) for (topic, number), end in sorted(ends.items()))
        return positions_of(owner, chain.from_iterable(parts))

    # Reading

    def consumer(self, group: str, topics: Sequence[str], settings: ConsumerSettings) -> KafkaConsumer:
        """Return a source that reads what the group gives this member, whatever worker `settings` say it is."""
        self._writer()  # decides what a former process left open, before it is asked where the group is
        self._end_hanging_offsets(_PREFIX + group, topics)
        consumer = KafkaConsumer(self._client, _PREFIX + group, self._member, topics, settings, self._on_rebalance)
        self._consumers[group] = consumer
        self._topics_of[group] = topics
        return consumer

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Return the next offset that the group will read, by topic and partition, once every commit is decided."""
        return self._client.retried(lambda: self._committed(group, is_settled=True))

    def _committed(self, group: str, is_settled: bool) -> dict[tuple[str, int], int]:
        topics = self._topics_of.get(group) or [
            name for name in self._client.refresh_topics() if not name.startswith("__")
        ]
        places = self._client.places_of(*topics)
        return self._group_offsets.of(_PREFIX + group, places, is_settled)

    def settle(self, topic: str) -> None:
        """Wait until every transaction that has written to the topic up to now has ended. Raises DeliveryError."""
        self._client.settle(topic)

    def read_from(self, topic: str, partition: int, offset: int, max_records: int, end: int = 0) -> list[Record]:
        """Return up to `max_records` committed records from `offset` on; [] where there are none."""
        return self._read().read(topic, partition, offset, max_records, end)

    # Groups

    def own(self, group: str) -> FileLock:
        """Become the one owner in this data directory. Raises ConfigError naming the pid that already is."""
        self._settings.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._settings.folder / f"{quote(group, safe='')}.lock")
        if not lock.acquire_within(_OWNER_SECONDS):
            raise ConfigError(
                f"`{group}` of `{self._settings.folder.parent}` is the process with pid {lock.holder()};"
                " stop that one first, or give another --data"
            )
        return lock

    def lag(self, group: str) -> list[PartitionLag]:
        """Return the lag of a group by topic and partition."""
        committed = self._client.retried(lambda: self._committed(group, is_settled=False))
        topics = sorted({topic for topic, _ in committed}.union(self._topics_of.get(group, ())))
        places = self._client.places_of(*topics)
        firsts, ends = self._client.firsts(places), self._client.ends(places)
        now_us = time.time_ns() // 1000
        lags = []
        for topic, partition in sorted(ends):
            end = ends[(topic, partition)]
            following = committed.get((topic, partition), firsts[(topic, partition)])
            age = self._age_seconds(topic, partition, following, now_us) if end > following else 0.0
            lags.append(PartitionLag(group, topic, partition, following, end, age))
        return lags

    def has_readers(self, group: str) -> bool:
        """Whether any process reads as this group now; one that died counts until its session ends."""
        return bool(self._client.group(_PREFIX + group).members)

    def groups(self) -> list[str]:
        """Return our groups."""
        listed = self._client.ask("listing groups", {0: self._client.admin.list_consumer_groups()})[0]
        names = [group.group_id for group in listed.valid]
        there = {name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)}
        return sorted(there.union(self._topics_of))

    def retain(self, now_us: int) -> int:  # noqa: ARG002
        """Do nothing: the broker removes what is beyond a topic's retention."""
        return 0

    # Helpers

    def _writer(self) -> Transactions:
        if self._transactions is None:
            self._transactions = Transactions(self._client, self._member, self._writes, self._group_offsets)
            self._transactions.settle()  # what was committed before the bus was opened anew
        return self._transactions

    def _end_hanging_offsets(self, group: str, topics: Sequence[str]) -> None:
        """Take back what this name has open where it should have ended: else nobody is told where the group is."""
        places = self._client.places_of(*topics)
        for place in places:  # one by one, as there may never be a moment in which nobody is committing
            if self._client.retried(partial(self._group_offsets.settled, group, [place], SETTLING_SECONDS)) is None:
                log.info("Group %s: a commit has not ended; if it was of this name, it is taken back.", group)
                self._writer().take_back_offsets(group, place)
                return
        self._writer().make_good()

    def _settled_positions(self, is_stopped: Callable[[], bool]) -> Mapping[tuple[str, int], int]:
        """Return where the positions end, as soon as nothing before it is open; who has a name ends its own."""
        if self._member != _PREFIX:  # who has none only looks, and shuts nobody out
            self._writer()
            try:
                ends = self._client.settle(POSITIONS, is_stopped, _OTHERS_SECONDS)
            except StoppedError:
                raise
            except DeliveryError:
                log.info("Topic %s: a commit has not ended; if it was of this name, it is taken back.", POSITIONS)
                self._writer().take_back(POSITIONS)
            else:
                self._writer().make_good()
                return ends
        return self._client.settle(POSITIONS, is_stopped)

    def _read(self) -> Reader:
        if self._reader is None:
            self._reader = Reader(self._client)
        return self._reader

    def _age_seconds(self, topic: str, partition: int, offset: int, now_us: int) -> float:
        oldest = self._read().read(topic, partition, offset, 1)
        return max(0.0, (now_us - oldest[0].timestamp_us) / 1e6) if oldest else 0.0
