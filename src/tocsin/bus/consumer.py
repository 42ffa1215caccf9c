"""Read a group's share of some topics of the embedded bus, batch by batch."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tocsin.errors import ConfigError
from tocsin.event import Record
from tocsin.flow import Batch, TopicPartition
from tocsin.locks import FileLock
from tocsin.timestamps import clock_us

_FIRST_PAUSE_SECONDS = 0.005  # between two looks; longer and longer while nothing comes
_LONGEST_PAUSE_SECONDS = 0.02
_HANDOVER_SECONDS = 10.0  # how long a new worker waits for the old one of its partitions to end


@dataclass(frozen=True)
class ConsumerSettings:
    """How a consumer reads. Worker `worker` of `workers` has every `workers`-th partition."""

    worker: int = 0
    workers: int = 1
    max_records: int = 2_000  # in a batch, about: blocks are not cut
    max_bytes: int = 64 << 20  # of values in a batch, about, for the same reason
    linger_seconds: float = 0.0  # how long to wait for a batch to fill, once there is a record
    idle_seconds: float = 0.25  # how long to wait for a first record before a tick


class Log(Protocol):
    """What a consumer needs of the bus."""

    def partitions(self, topic: str) -> int: ...

    def ends(self, topic: str) -> Mapping[int, tuple[int, int]]: ...

    def committed(self, group: str) -> Mapping[TopicPartition, int]: ...

    def read_blocks(self, topic: str, partition: int, offset: int, enough_records: int) -> list[Record]: ...

    def change_mark(self) -> tuple[int, int]: ...

    def partition_lock(self, group: str, topic: str, partition: int) -> FileLock: ...


class EmbeddedConsumer:
    """The batches of a group's share of some topics. A batch is large when there is a backlog, small when not."""

    def __init__(self, log: Log, group: str, topics: Sequence[str], settings: ConsumerSettings) -> None:
        """Take the partitions of this worker. Raises ConfigError: another process reads them, a position is lost."""
        self._log = log
        self._group = group
        self._settings = settings
        self._locks: list[FileLock] = []
        share = [
            (topic, partition)
            for topic in topics
            for partition in range(log.partitions(topic))
            if partition % settings.workers == settings.worker
        ]
        try:
            for topic, partition in share:
                self._lock(topic, partition)
            committed = log.committed(group)
            self._next = {place: committed[place] for place in share}
            self._check_positions()
        except BaseException:
            self.close()
            raise
        self.places = frozenset(share)
        self._turn = 0
        self._bytes = 0  # of the batch in hand
        self._seen = (-1, -1)

    def read(self) -> Batch | None:
        """Return the next batch, or a tick when nothing came for a while; never None: a topic has no end.

        Raises ConfigError where records are gone that the group has not read, with their number; DeliveryError where
        the next call may succeed, which then begins where this one did.
        """
        before = dict(self._next)
        try:
            return self._read()
        except BaseException:
            self._next = before
            self._seen = (-1, -1)
            raise

    def close(self) -> None:
        for lock in self._locks:
            lock.release()

    def _read(self) -> Batch:
        deadline = time.monotonic() + self._settings.idle_seconds
        pause = _FIRST_PAUSE_SECONDS
        records: list[Record] = []
        offsets: dict[TopicPartition, int] = {}
        self._bytes = 0
        waited = 0.0
        arrivals: list[tuple[int, int]] = []
        while True:
            before = len(records)
            is_first = not records
            self._take(records, offsets)
            if len(records) > before:
                arrivals.append((len(records) - before, clock_us()))
            if is_first and records:
                deadline = time.monotonic() + self._settings.linger_seconds
            is_full = len(records) >= self._settings.max_records or self._bytes >= self._settings.max_bytes
            if is_full or time.monotonic() >= deadline:
                return Batch(records, offsets=offsets, waited_seconds=waited, arrivals=arrivals)
            began = time.monotonic()
            time.sleep(pause)
            waited += time.monotonic() - began
            pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)

    def _take(self, records: list[Record], offsets: dict[TopicPartition, int]) -> None:
        mark = self._log.change_mark()
        if mark == self._seen:
            return
        before = len(records)
        places = list(self._next)
        for place in places[self._turn :] + places[: self._turn]:
            wanted = self._settings.max_records - len(records)
            if wanted <= 0 or self._bytes >= self._settings.max_bytes:
                break
            taken = self._log.read_blocks(*place, self._next[place], wanted)
            if taken:
                self._check_follows(place, taken[0].offset)
                records += taken
                self._bytes += sum([len(record.value) for record in taken])
                self._next[place] = offsets[place] = taken[-1].offset + 1
        if len(records) == before:
            self._check_ends(mark)
            self._seen = mark  # read to the end: look again only after somebody has committed
        self._turn = (self._turn + 1) % len(places) if places else 0

    def _lock(self, topic: str, partition: int) -> None:
        lock = self._log.partition_lock(self._group, topic, partition)
        if not lock.acquire_within(_HANDOVER_SECONDS):
            raise ConfigError(
                f"group `{self._group}`: partition {partition} of `{topic}` is still being read by the process"
                f" with pid {lock.holder()}; stop that one first"
            )
        self._locks.append(lock)

    def _check_positions(self) -> None:
        problems = []
        for (topic, partition), following in self._next.items():
            first, end = self._log.ends(topic)[partition]
            if following < first:
                problems.append(self._loss((topic, partition), first))
            if following > end:
                problems.append(
                    f"group `{self._group}`: its position {following} in `{topic}` partition {partition} lies beyond"
                    f" the end {end}: the bus is not the one it was; restore it, or start with an empty data directory"
                )
        if problems:
            raise ConfigError(*problems)

    def _check_follows(self, place: TopicPartition, offset: int) -> None:
        if offset != self._next[place]:
            raise ConfigError(self._loss(place, offset))

    def _check_ends(self, mark: tuple[int, int]) -> None:
        """Nothing was found to read: see that there should be nothing, unless somebody has committed since `mark`."""
        lost = [
            self._loss((topic, partition), self._log.ends(topic)[partition][1])
            for (topic, partition), following in self._next.items()
            if following < self._log.ends(topic)[partition][1]
        ]
        if lost and self._log.change_mark() == mark:
            raise ConfigError(*lost)

    def _loss(self, place: TopicPartition, found: int) -> str:
        topic, partition = place
        following = self._next[place]
        return (
            f"group `{self._group}`: {found - following} records of `{topic}` partition {partition} are gone before"
            f" they were read (offsets {following} to {found - 1}); restore the bus from a backup, or start with an"
            " empty data directory"
        )
