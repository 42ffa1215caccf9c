"""What statistics of the store are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from tocsin.stats.time_axis import TimeAxis
from tocsin.verdict import LEVELS

NO_TACTIC = ""  # in place of a tactic id: alerts of rules that name none

Counts = tuple[int, ...]  # one for each bucket of the time axis


@dataclass(frozen=True)
class Filters:
    """What to count. Times without a zone are UTC."""

    since: datetime | None = None  # events from then on
    until: datetime | None = None  # events before then
    host: str | None = None  # events of this host, in capitals or not
    min_level: str | None = None  # alerts of that level or above; events and activity are counted all the same

    def __post_init__(self) -> None:
        if self.host is not None:
            object.__setattr__(self, "host", self.host.lower())  # as normalised events have it

    @property
    def levels(self) -> tuple[str, ...]:
        return LEVELS[LEVELS.index(self.min_level) if self.min_level else 0 :]

    @property
    def since_utc(self) -> datetime | None:
        return _utc(self.since)

    @property
    def until_utc(self) -> datetime | None:
        return _utc(self.until)

    def as_json(self) -> dict[str, str | None]:
        return {
            "since": self.since_utc.isoformat() if self.since_utc else None,
            "until": self.until_utc.isoformat() if self.until_utc else None,
            "host": self.host,
            "min_level": self.min_level,
        }


@dataclass(frozen=True)
class Totals:
    """How much there is."""

    events: int
    hosts: int  # distinct
    users: int  # distinct
    alerts: int
    sightings: int  # of the alerts: those of one rule on one host in one minute are one
    alert_levels: Mapping[str, int]
    basis: Mapping[str, int]  # detection | activity | none -> events
    formats: Mapping[str, int]  # -> events
    levels: Mapping[str, int]  # highest level of an event's detections -> events
    dead_letters: Mapping[str, int]  # reason -> records; of the whole store, for they have no event time and no host


@dataclass(frozen=True)
class Ranked:
    """One rule, technique, host or user with its alerts."""

    name: str  # rule id, technique id, host or user; empty where the event names none
    title: str  # of a rule; else empty
    levels: Mapping[str, int]  # level -> alerts
    sightings: int  # of these alerts

    @property
    def alerts(self) -> int:
        return sum(self.levels.values())


@dataclass(frozen=True)
class Ranking:
    """The first few by number of alerts, and what all others have together."""

    top: tuple[Ranked, ...]
    others: int  # how many more there are
    other_levels: Mapping[str, int]  # level -> alerts of these


@dataclass(frozen=True)
class Statistics:
    """Detections, and apart from them activity. An alert with two tactics counts in both, so tactics add up to more."""

    filters: Filters
    tactics: Mapping[str, str]  # id -> name in matrix order; then ids that are not in the matrix, then NO_TACTIC
    totals: Totals
    axis: TimeAxis | None  # None where no event has a time
    undrawn_events: int  # without a time, or so far from nearly all others that the axis leaves them out
    undrawn_alerts: int
    events_over_time: Counts
    alerts_over_time: Mapping[str, Counts]  # level ->
    alert_tactics_over_time: Mapping[str, Counts]  # tactic id ->
    activity_over_time: Mapping[str, Counts]  # tactic id ->
    alert_tactics: Mapping[str, Mapping[str, int]]  # tactic id -> level -> alerts
    activity_tactics: Mapping[str, int]  # tactic id -> events
    rules: Ranking
    techniques: Ranking  # an alert with two techniques counts in both
    hosts: Ranking
    users: Ranking

    @property
    def scope(self) -> tuple[str, ...]:
        """Say for people what was counted: span, filters, what the time axis leaves out. The host is as in the log."""
        parts = ["no event has a time" if self.totals.events else "no events"]
        if self.axis:
            parts = [f"{self.axis.span_name}, buckets of {self.axis.width_name}"]
        if self.filters.host is not None:
            parts.append(f"host {self.filters.host}")
        if self.filters.min_level:
            parts.append(f"alerts of level {self.filters.min_level} or above")
        if self.axis and self.undrawn_events:
            left_out = f"events: {self.undrawn_events:,}, alerts: {self.undrawn_alerts:,}"
            parts.append(f"without a time, or so far off that they are not on the time axis: {left_out}")
        return tuple(parts)

    def tactic_name(self, tactic: str) -> str:
        return self.tactics[tactic] or "(no tactic)"


def _utc(time: datetime | None) -> datetime | None:
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
