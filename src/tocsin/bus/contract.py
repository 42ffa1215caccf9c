"""What both buses give: topics, groups, commits."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tocsin.bus.consumer import ConsumerSettings
from tocsin.event import Record
from tocsin.flow import Committer, PartitionLag, Source, TopicPartition, TopicSettings


class Ownership(AbstractContextManager[object], Protocol):
    """Held by the one owner of something; ends with the block, and with the process at the latest."""

    def release(self) -> None: ...


class Consumer(Source, Protocol):
    """A source that reads a group's share of some topics."""

    @property
    def places(self) -> Collection[TopicPartition]:
        """What this consumer reads now; may be asked from any thread."""


class Bus(Protocol):
    """Topics with partitions, keys, headers and timestamps; groups with committed offsets; positions of sources."""

    @property
    def id(self) -> str:
        """What this bus is and no other."""

    @property
    def has_gaps(self) -> bool:
        """Whether offsets skip numbers, so that the last record may lie before the end."""

    def close(self) -> None: ...

    def origin(self, topic: str) -> str:
        """Return what this topic is and no other, even of that name."""

    def ensure_topics(self, topics: Mapping[str, TopicSettings], groups: Mapping[str, Sequence[str]]) -> None: ...

    def partitions(self, topic: str) -> int: ...

    def copies(self, topic: str) -> int:
        """Return how many brokers have each partition."""

    @property
    def own_topics(self) -> Sequence[str]:
        """What the bus makes beside those that it is asked for, to keep its own in."""

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return (first offset kept, next offset to be written) of each partition."""

    def committer(self, *, group: str = "", owner: str = "") -> Committer:
        """Return what commits outputs with a group's offsets, or with the positions of a source's owner."""

    def positions(self, owner: str, is_stopped: Callable[[], bool] = ...) -> dict[str, bytes]:
        """Return all that was committed before this was asked. Raises StoppedError where a stop comes first."""

    def consumer(self, group: str, topics: Sequence[str], settings: ConsumerSettings) -> Consumer: ...

    def committed(self, group: str) -> dict[TopicPartition, int]: ...

    def settle(self, topic: str) -> None:
        """Wait until every commit to the topic that has begun is decided."""

    def read_from(self, topic: str, partition: int, offset: int, max_records: int, end: int = 0) -> list[Record]:
        """Return up to `max_records` records from `offset` on; [] where there are none.

        `end`: where the partition is known to end; who answers that it ends before is asked again. Raises
        DeliveryError.
        """

    def own(self, group: str) -> Ownership: ...

    def lag(self, group: str) -> list[PartitionLag]: ...

    def has_readers(self, group: str) -> bool:
        """Whether any process reads as this group now."""

    def groups(self) -> list[str]: ...

    def retain(self, now_us: int) -> int: ...
