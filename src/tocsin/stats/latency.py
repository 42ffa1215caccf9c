"""Where the time of events went: how long each step took, from the source to the disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tocsin.event import CLASSIFIED_EVENTS, RAW_EVENTS
from tocsin.plain import counted
from tocsin.stats.distribution import LARGEST, Distribution, Numbers
from tocsin.stats.durations import short_duration
from tocsin.stats.statistics import Filters
from tocsin.telemetry.stage_times import StageTimes
from tocsin.telemetry.steps import CLASSIFY_STEPS, WRITE_STEPS

PERCENTILES = (50, 90, 99)
KAFKA, BUS = "Kafka", "bus"  # in place of a stage, for what lies between two of them

_NOT_KEPT = -1
_ROWS_AT_ONCE = 100_000  # some 30 MB


@dataclass(frozen=True)
class Step:
    """From one moment of an event to a later one, by their numbers."""

    stage: str  # produce, classify, store; KAFKA or BUS for a topic
    name: str  # of its span, where there is one; of the topic it waits in
    first: int
    last: int


# The moments: ingested, handed over by produce; came to classify, its turn, normalised, matched, handed over;
# came to store, its batch begun, segments written, CSV lines appended, durable.
_MOMENTS = 12
_HANDED_OVER, _CAME, _CLASSIFIED, _STORED, _DURABLE = 1, 2, 6, 7, 11
_STEPS = (
    ("produce", "produce_event"),
    ("", RAW_EVENTS),
    ("classify", "consume_event"),
    ("classify", "normalize_event"),
    ("classify", "classify_event"),
    ("classify", "publish_event"),
    ("", CLASSIFIED_EVENTS),
    ("store", "store_event"),
    ("store", "write_parquet"),
    ("store", "write_csv"),
    ("store", "fsync"),
)
_WHOLES = (("until classified", _CLASSIFIED), ("until durable", _DURABLE))


@dataclass(frozen=True)
class StepLatency:
    """How long one step took the events that have both its moments. Microseconds."""

    stage: str
    name: str
    events: int
    percentiles_us: Mapping[int, int]  # of 50, 90, 99
    max_us: int
    total_us: int
    backwards: int  # events for which it ended before it began: clocks disagree; not among the others
    most_backwards_us: int

    @property
    def mean_us(self) -> float:
        return self.total_us / self.events if self.events else 0.0


@dataclass(frozen=True)
class Latency:
    """Where time goes."""

    filters: Filters
    events: int
    untimed: int  # of these: no stage kept its times with them
    steps: Sequence[StepLatency]  # one after another: their totals add up to the time of all events
    wholes: Sequence[StepLatency]  # from ingest: until classified (alerts are out by then), until durable

    def share(self, step: StepLatency) -> float:
        """Return which part of the time of all events a step took, from 0 to 1."""
        return step.total_us / max(1, sum(each.total_us for each in self.steps))

    @property
    def scope(self) -> tuple[str, ...]:
        """Say for people what was counted, and what could not be. The host is as in the log."""
        filters = self.filters
        parts = [counted(self.events, "event")]
        parts += [f"since {filters.since_utc:%Y-%m-%d %H:%M:%S} UTC"] if filters.since_utc else []
        parts += [f"until {filters.until_utc:%Y-%m-%d %H:%M:%S} UTC"] if filters.until_utc else []
        parts += [f"host {filters.host}"] if filters.host is not None else []
        parts += [f"rules of level {filters.min_level} or above fired"] if filters.min_level else []
        if self.untimed:
            parts.append(f"no stage kept its times with {self.untimed:,} of them")
        for step in (*self.steps, *self.wholes):
            if step.backwards:
                worst = short_duration(step.most_backwards_us * 1000)
                parts.append(f"{step.name} of {step.backwards:,} ends up to {worst} before it begins: clocks disagree")
        return tuple(parts)


class LatencyCount:
    """Adds up how long the steps took."""

    def __init__(self, bus: str) -> None:
        """`bus`: KAFKA, or BUS for our own."""
        steps = [Step(stage or bus, name, at, at + 1) for at, (stage, name) in enumerate(_STEPS)]
        self._steps = [_StepCount(step) for step in steps]
        self._wholes = [_StepCount(Step("", name, 0, last)) for name, last in _WHOLES]
        self._events = self._untimed = 0

    def add(self, traces: Sequence[Sequence[StageTimes]], trace: Numbers, ingest_us: Numbers, events: Numbers) -> None:
        """Count n rows that stand for so many `events` each: (n,). `trace`: (n,) index into `traces`."""
        known = np.array([_moments(parts) for parts in traces], np.int64).reshape(-1, _MOMENTS)
        for at in range(0, len(trace), _ROWS_AT_ONCE):
            piece = slice(at, at + _ROWS_AT_ONCE)
            moments = known[trace[piece]].T.copy()
            moments[0] = ingest_us[piece]
            for count in (*self._steps, *self._wholes):
                count.add(moments, events[piece])
        is_timed = (known != _NOT_KEPT).any(axis=1)[trace]
        self._events += int(events.sum())
        self._untimed += int(events[~is_timed].sum())

    def latency(self, filters: Filters) -> Latency:
        """`filters`: those that chose what was counted."""
        return Latency(
            filters,
            self._events,
            self._untimed,
            [count.latency() for count in self._steps],
            [count.latency() for count in self._wholes],
        )


class _StepCount:
    """Adds up how long one step took."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._durations = Distribution()
        self._backwards = self._most_backwards_us = 0

    def add(self, moments: Numbers, events: Numbers) -> None:
        """`moments`: (12, n)."""
        first, last = moments[self._step.first], moments[self._step.last]
        is_kept = (first != _NOT_KEPT) & (last != _NOT_KEPT)
        took_us, events = np.minimum(last - first, LARGEST)[is_kept], events[is_kept]
        is_backwards = took_us < 0
        self._durations.add(took_us[~is_backwards], events[~is_backwards])
        self._backwards += int(events[is_backwards].sum())
        self._most_backwards_us = max(self._most_backwards_us, -int(took_us.min(initial=0)))

    def latency(self) -> StepLatency:
        durations = self._durations
        return StepLatency(
            stage=self._step.stage,
            name=self._step.name,
            events=durations.count,
            percentiles_us={percent: durations.percentile(percent) for percent in PERCENTILES},
            max_us=durations.largest,
            total_us=durations.total,
            backwards=self._backwards,
            most_backwards_us=self._most_backwards_us,
        )


def _moments(parts: Sequence[StageTimes]) -> list[int]:
    """Return all moments but the first, which each event has by itself."""
    moments = [_NOT_KEPT] * _MOMENTS
    for part in parts:
        if part.stage == "produce":
            moments[_HANDED_OVER] = part.began_us
        elif part.stage == "classify" and len(part.steps_us) == CLASSIFY_STEPS:
            moments[_CAME : _CLASSIFIED + 1] = part.moments_us
        elif part.stage == "store":
            moments[_STORED] = part.began_us
        elif part.stage == "write" and len(part.steps_us) == WRITE_STEPS:
            moments[_STORED + 1 :] = part.moments_us
    return moments
