"""Follow a run from outside: how far each stage is, and what the latest alerts say."""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from tocsin.bus.contract import Bus
from tocsin.event import ALERTS, DEAD_LETTERS, RAW_EVENTS, Record
from tocsin.pipeline.topology import CLASSIFY_GROUP, STORE_GROUP
from tocsin.telemetry.meter import read_figures

_DEAD_LETTERS_AT_ONCE = 200  # each may have megabytes
_ALERTS_AT_ONCE = 5_000
_RATE_SECONDS = 3.0
_LAST_ALERTS = 6


@dataclass(frozen=True)
class SeenAlert:
    """An alert as the live view shows it."""

    time: str
    level: str
    title: str
    host: str
    event_id: str


@dataclass
class Progress:
    """Where a run is now, in records.

    Where offsets have no gaps, counts are since the topics were made. On Kafka, whose transactions leave markers among
    the records, they are what the stages of this run have counted (after a kill, up to half a second less), and what
    came on `alerts` and `dead-letters` since its start. A lag is a difference of offsets on both: no less than records.
    """

    produced: int = 0
    classified: int = 0
    stored: int = 0
    dead_letters: int = 0
    alerts: int = 0
    classify_lag: int = 0
    store_lag: int = 0
    raw_end: int = 0  # of `raw-events`, markers counted: moves as soon as something is written
    is_lag_exact: bool = True  # no markers are counted in it
    rates: dict[str, float] = field(default_factory=dict)  # stage -> records a second, lately
    tactics: Counter[str] = field(default_factory=Counter)  # name -> alerts
    last_alerts: deque[SeenAlert] = field(default_factory=lambda: deque(maxlen=_LAST_ALERTS))


class ProgressReader:
    """Reads the state of the bus now and then; costs a few queries."""

    def __init__(self, bus: Bus, figures: Path) -> None:
        """`figures`: the folder in which the stages of this run count."""
        self._bus = bus
        self._figures = figures
        self._history: deque[tuple[float, int, int, int]] = deque()
        self._alerts = _Follower(bus, ALERTS, _ALERTS_AT_ONCE)
        self._dead_letters = _Follower(bus, DEAD_LETTERS, _DEAD_LETTERS_AT_ONCE)
        self.progress = Progress(is_lag_exact=not bus.has_gaps)

    def read(self) -> Progress:
        """Bring the progress up to date and return it."""
        progress, bus = self.progress, self._bus
        classify, store = bus.lag(CLASSIFY_GROUP), bus.lag(STORE_GROUP)
        progress.raw_end = sum(end for _, end in bus.ends(RAW_EVENTS).values())
        progress.classify_lag = sum(lag.records for lag in classify)
        progress.store_lag = sum(lag.records for lag in store)
        ends = bus.ends(ALERTS)
        alerts = self._alerts.new(ends)
        if bus.has_gaps:
            counts = Counter[str]()
            for figures in read_figures(self._figures):
                counts[figures.stage] += figures.records
            progress.produced, progress.classified, progress.stored = (
                counts["produce"],
                counts["classify"],
                counts["store"],
            )
            progress.dead_letters += len(self._dead_letters.new(bus.ends(DEAD_LETTERS)))
            progress.alerts += len(alerts)
        else:
            progress.produced = progress.raw_end
            progress.classified = sum(lag.committed for lag in classify)
            progress.stored = sum(lag.committed for lag in store)
            progress.dead_letters = sum(end for _, end in bus.ends(DEAD_LETTERS).values())
            progress.alerts = sum(end for _, end in ends.values())
        self._rate()
        self._show(alerts)
        return progress

    def _rate(self) -> None:
        progress, now = self.progress, time.monotonic()
        self._history.append((now, progress.produced, progress.classified, progress.stored))
        while len(self._history) > 2 and now - self._history[0][0] > _RATE_SECONDS:
            self._history.popleft()
        then, *before = self._history[0]
        after = self._history[-1][1:]
        for stage, first, last in zip(("produce", "classify", "store"), before, after, strict=True):
            progress.rates[stage] = (last - first) / (now - then) if now > then else 0.0

    def _show(self, alerts: Sequence[Record]) -> None:
        for alert in filter(None, map(_alert_of, alerts)):
            rule = alert.rule
            self.progress.tactics.update(tactic.name for tactic in rule.tactics)
            self.progress.last_alerts.append(SeenAlert(alert.time, rule.level, rule.title, alert.host, alert.event_id))


class _Tactic(msgspec.Struct):
    name: str


class _Rule(msgspec.Struct):
    title: str
    level: Literal["informational", "low", "medium", "high", "critical"]
    tactics: list[_Tactic]


class _Alert(msgspec.Struct):
    time: str
    host: str
    event_id: str
    rule: _Rule


class _Value(msgspec.Struct):
    tocsin: _Alert


_decoder = msgspec.json.Decoder(_Value)


def _alert_of(record: Record) -> _Alert | None:
    """Return what an alert says; None for what somebody else put on its topic."""
    try:
        return _decoder.decode(record.value).tocsin
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _Follower:
    """Reads what comes on a topic from now on; asks only where its end has moved."""

    def __init__(self, bus: Bus, topic: str, at_once: int) -> None:
        self._bus = bus
        self._topic = topic
        self._at_once = at_once
        self._looked_to = {partition: end for partition, (_, end) in bus.ends(topic).items()}
        self._following = dict(self._looked_to)  # partition -> next offset to read

    def new(self, ends: Mapping[int, tuple[int, int]]) -> list[Record]:
        """Return the records that came since the last call, the rest at the next one where there are many."""
        found: list[Record] = []
        for partition, (_, end) in ends.items():
            if end == self._looked_to.get(partition, 0):
                continue
            following = self._following.get(partition, 0)
            records = self._bus.read_from(self._topic, partition, following, self._at_once)
            if records:
                self._following[partition] = records[-1].offset + 1
                found += records
            else:  # all is read, up to markers and what may not be committed yet: its marker moves the end
                self._looked_to[partition] = end
        return found
