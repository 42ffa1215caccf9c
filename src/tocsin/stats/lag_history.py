"""The lag of groups over the time in which they were looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.flow import PartitionLag, TopicPartition

_MOST_LOOKS = 4_000  # a picture is 1,600 points wide


@dataclass(frozen=True)
class LagLook:
    """The lag of all groups at one moment."""

    time: datetime  # UTC
    lags: Sequence[PartitionLag]


@dataclass(frozen=True)
class LagPoint:
    """The lag of one group at one moment, over all it reads."""

    time: datetime
    records: int
    oldest_age_seconds: float
    in_per_second: float | None  # since the look before; None at the first
    out_per_second: float | None


class LagHistory:
    """Keeps looks; of very many every second one, again and again, so that a watch of weeks stays small."""

    def __init__(self, most: int = _MOST_LOOKS) -> None:
        self.looks: list[LagLook] = []
        self._most = most

    def add(self, look: LagLook) -> None:
        self.looks.append(look)
        if len(self.looks) > self._most:
            del self.looks[1:-1:2]


def points_by_group(looks: Sequence[LagLook]) -> dict[str, list[LagPoint]]:
    """Return the points of each group in the order of the looks, groups by name."""
    found: dict[str, list[LagPoint]] = {}
    before: dict[str, tuple[datetime, Mapping[TopicPartition, PartitionLag]]] = {}
    for look in looks:
        for group in sorted({lag.group for lag in look.lags}):
            lags = {(lag.topic, lag.partition): lag for lag in look.lags if lag.group == group}
            came, read = _rates(before.get(group), look.time, lags)
            records = sum(lag.records for lag in lags.values())
            age = max(lag.oldest_age_seconds for lag in lags.values())
            found.setdefault(group, []).append(LagPoint(look.time, records, age, came, read))
            before[group] = (look.time, lags)
    return dict(sorted(found.items()))


def _rates(
    before: tuple[datetime, Mapping[TopicPartition, PartitionLag]] | None,
    now: datetime,
    lags: Mapping[TopicPartition, PartitionLag],
) -> tuple[float | None, float | None]:
    """Return records a second that came and were read, in the partitions that were there at the look before, too."""
    if before is None or now <= before[0]:
        return None, None
    seconds = (now - before[0]).total_seconds()
    pairs = [(before[1][place], lag) for place, lag in lags.items() if place in before[1]]
    came = sum(after.end - then.end for then, after in pairs)
    read = sum(after.committed - then.committed for then, after in pairs)
    return came / seconds, read / seconds
