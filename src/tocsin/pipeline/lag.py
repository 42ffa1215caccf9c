"""How far each group is behind, how fast it moves, and what that means."""

import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tocsin.bus.contract import Bus
from tocsin.flow import PartitionLag, TopicPartition

_WINDOW_SECONDS = 30.0
_LATE_SECONDS = 5.0
_TURN_SECONDS = 25.0  # within so long each partition has its turn
_SOON_SECONDS = 10.0  # what waits no longer is on its way
_DRAINED_SECONDS = 900.0  # a backlog that is gone within so long is being drained

_Look = Mapping[tuple[str, TopicPartition], PartitionLag]  # by group and place


class Verdict(StrEnum):
    """What is to be thought of a group in a partition; after Burrow (github.com/linkedin/Burrow)."""

    OK = "OK"  # it has read everything, keeps up, or will have caught up soon
    BEHIND = "BEHIND"  # it reads, and what waits is old and will not be read soon
    STALLED = "STALLED"  # somebody should read, and nothing is read
    STOPPED = "STOPPED"  # nobody reads


@dataclass(frozen=True)
class Pace:
    """How a group moves through a topic. It may take partitions one after the other, so one alone says little."""

    read: int  # records, since the look before
    drain_seconds: float | None  # until everything is read, if it goes on like this; None where the lag does not shrink


@dataclass(frozen=True)
class MovingLag:
    """The lag of a group in a partition, with how it moved since the first look."""

    lag: PartitionLag
    in_per_second: float  # records that came
    out_per_second: float  # records that were read
    drain_seconds: float | None  # as in Pace: of the partition, or of the topic where the partition's does not shrink
    keeps_up: bool  # what waits will be read at once, at the rate of now
    verdict: Verdict


class LagReader:
    """Looks again and again, and tells what moved since the oldest look within half a minute."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._looks: deque[tuple[float, _Look]] = deque()

    def read(self) -> list[MovingLag]:
        """Look now. Rates are 0 at the first look."""
        now = time.monotonic()
        look = {
            (lag.group, (lag.topic, lag.partition)): lag for group in self._bus.groups() for lag in self._bus.lag(group)
        }
        while len(self._looks) > 1 and now - self._looks[0][0] > _WINDOW_SECONDS:
            self._looks.popleft()
        then, before = self._looks[0] if self._looks else (now, look)
        paces = self._paces(now, look)
        self._looks.append((now, look))
        has_readers = {group: self._bus.has_readers(group) for group in {group for group, _ in look}}
        return [
            moving(before.get(place, lag), lag, now - then, has_readers[lag.group], paces[(lag.group, lag.topic)])
            for place, lag in look.items()
        ]

    def _paces(self, now: float, look: _Look) -> dict[tuple[str, str], Pace]:
        """Return the pace of each group in each of its topics: of late, for what grew before may shrink now."""
        late = [(then, before) for then, before in self._looks if now - then >= _LATE_SECONDS]
        then, before = late[-1] if late else self._looks[0] if self._looks else (now, look)
        pairs: dict[tuple[str, str], list[tuple[PartitionLag, PartitionLag]]] = defaultdict(list)
        for place, lag in look.items():
            pairs[(lag.group, lag.topic)].append((before.get(place, lag), lag))
        return {topic: pace_of(both, now - then) for topic, both in pairs.items()}


def pace_of(looks: Sequence[tuple[PartitionLag, PartitionLag]], seconds: float) -> Pace:
    """Sum up two looks at each partition of a topic, so many seconds apart."""
    records = sum(after.records for _, after in looks)
    gained = sum(before.records for before, _ in looks) - records
    drain_seconds = records * seconds / gained if gained > 0 and seconds else None
    return Pace(
        read=sum(after.committed - before.committed for before, after in looks),
        drain_seconds=drain_seconds if records else 0.0,
    )


def moving(before: PartitionLag, after: PartitionLag, seconds: float, has_readers: bool, pace: Pace) -> MovingLag:
    """Judge what lies between two looks at a partition, so many seconds apart; `pace`: of the group in the topic."""
    own = pace_of([(before, after)], seconds)
    keeps_up = _keeps_up(after, own.read, seconds)
    return MovingLag(
        lag=after,
        in_per_second=(after.end - before.end) / seconds if seconds else 0.0,
        out_per_second=own.read / seconds if seconds else 0.0,
        drain_seconds=pace.drain_seconds if own.drain_seconds is None else own.drain_seconds,
        keeps_up=keeps_up,
        verdict=_verdict(before, after, keeps_up, seconds, has_readers, pace),
    )


def _keeps_up(after: PartitionLag, read: int, seconds: float) -> bool:
    if not after.records:
        return True
    # Behind a stage that drains a backlog, records come old and are read at once: their age says nothing of this group.
    return read > 0 and min(after.oldest_age_seconds, after.records * seconds / read) <= _SOON_SECONDS


def _verdict(
    before: PartitionLag, after: PartitionLag, keeps_up: bool, seconds: float, has_readers: bool, pace: Pace
) -> Verdict:
    if not has_readers:
        return Verdict.STOPPED
    is_unread = after.committed == before.committed
    if keeps_up or not seconds or (is_unread and not before.records):
        return Verdict.OK
    if is_unread:
        if not pace.read or seconds >= _TURN_SECONDS:
            return Verdict.STALLED
        if after.oldest_age_seconds <= _SOON_SECONDS:
            return Verdict.OK
    is_drained_soon = pace.drain_seconds is not None and pace.drain_seconds <= _DRAINED_SECONDS
    return Verdict.OK if is_drained_soon else Verdict.BEHIND


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the gravest of some verdicts; OK where there are none."""
    return max(verdicts, key=list(Verdict).index, default=Verdict.OK)
