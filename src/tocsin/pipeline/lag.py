"""How far each group is behind, how fast it moves, and what that means."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tocsin.bus.contract import Bus
from tocsin.flow import PartitionLag, TopicPartition

_WINDOW_SECONDS = 30.0


class Verdict(StrEnum):
    """What is to be thought of a group in a partition; after Burrow (github.com/linkedin/Burrow)."""

    OK = "OK"  # it has read everything, or is catching up
    BEHIND = "BEHIND"  # it reads, and falls behind further
    STALLED = "STALLED"  # somebody should read, and nothing is read
    STOPPED = "STOPPED"  # nobody reads


@dataclass(frozen=True)
class MovingLag:
    """The lag of a group in a partition, with how it moved since the first look."""

    lag: PartitionLag
    in_per_second: float  # records that came
    out_per_second: float  # records that were read
    drain_seconds: float | None  # until everything is read, if it goes on like this; None where it never will be
    verdict: Verdict


class LagReader:
    """Looks again and again, and tells what moved since the oldest look within half a minute."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._looks: deque[tuple[float, Mapping[tuple[str, TopicPartition], PartitionLag]]] = deque()

    def read(self) -> list[MovingLag]:
        """Look now. Rates are 0 at the first look."""
        now = time.monotonic()
        lags = {
            (lag.group, (lag.topic, lag.partition)): lag for group in self._bus.groups() for lag in self._bus.lag(group)
        }
        while len(self._looks) > 1 and now - self._looks[0][0] > _WINDOW_SECONDS:
            self._looks.popleft()
        then, before = self._looks[0] if self._looks else (now, lags)
        self._looks.append((now, lags))
        has_readers = {group: self._bus.has_readers(group) for group in {group for group, _ in lags}}
        return [moving(before.get(place, lag), lag, now - then, has_readers[lag.group]) for place, lag in lags.items()]


def moving(before: PartitionLag, after: PartitionLag, seconds: float, has_readers: bool) -> MovingLag:
    """Judge what lies between two looks, so many seconds apart."""
    came, read = after.end - before.end, after.committed - before.committed
    gained = read - came
    if not after.records:
        drain_seconds: float | None = 0.0
    else:
        drain_seconds = after.records * seconds / gained if gained > 0 and seconds else None
    return MovingLag(
        lag=after,
        in_per_second=came / seconds if seconds else 0.0,
        out_per_second=read / seconds if seconds else 0.0,
        drain_seconds=drain_seconds,
        verdict=_verdict(before, after, read, has_readers),
    )


def _verdict(before: PartitionLag, after: PartitionLag, read: int, has_readers: bool) -> Verdict:
    if not has_readers:
        return Verdict.STOPPED
    if not after.records:
        return Verdict.OK
    if not read:
        return Verdict.STALLED if before.records else Verdict.OK
    return Verdict.OK if after.records <= before.records else Verdict.BEHIND


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the gravest of some verdicts; OK where there are none."""
    return max(verdicts, key=list(Verdict).index, default=Verdict.OK)
