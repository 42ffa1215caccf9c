"""Follow a run from outside: how far each stage is, and what the latest alerts say."""

import time
from collections import Counter, deque
from dataclasses import dataclass, field

import orjson

from tocsin.bus.contract import Bus
from tocsin.event import ALERTS, DEAD_LETTERS, RAW_EVENTS
from tocsin.pipeline.topology import CLASSIFY_GROUP, STORE_GROUP

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
    """Where a run is now. Counts are of records since the topics were made."""

    produced: int = 0
    classified: int = 0
    stored: int = 0
    dead_letters: int = 0
    alerts: int = 0
    classify_lag: int = 0
    store_lag: int = 0
    rates: dict[str, float] = field(default_factory=dict)  # stage -> records a second, lately
    tactics: Counter[str] = field(default_factory=Counter)  # name -> alerts
    last_alerts: deque[SeenAlert] = field(default_factory=lambda: deque(maxlen=_LAST_ALERTS))


class ProgressReader:
    """Reads the state of the bus now and then; costs a few queries."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._history: deque[tuple[float, int, int, int]] = deque()
        self._alerts_read = {partition: end for partition, (_, end) in bus.ends(ALERTS).items()}
        self.progress = Progress()

    def read(self) -> Progress:
        """Bring the progress up to date and return it."""
        progress, bus = self.progress, self._bus
        progress.produced = sum(end for _, end in bus.ends(RAW_EVENTS).values())
        progress.dead_letters = sum(end for _, end in bus.ends(DEAD_LETTERS).values())
        progress.alerts = sum(end for _, end in bus.ends(ALERTS).values())
        progress.classify_lag = sum(lag.records for lag in bus.lag(CLASSIFY_GROUP))
        progress.store_lag = sum(lag.records for lag in bus.lag(STORE_GROUP))
        progress.classified = sum(lag.committed for lag in bus.lag(CLASSIFY_GROUP))
        progress.stored = sum(lag.committed for lag in bus.lag(STORE_GROUP))
        self._rate()
        self._follow_alerts()
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

    def _follow_alerts(self) -> None:
        for partition, offset in self._alerts_read.items():
            for record in self._bus.read_from(ALERTS, partition, offset, _ALERTS_AT_ONCE):
                self._alerts_read[partition] = record.offset + 1
                alert = orjson.loads(record.value)["tocsin"]
                rule = alert["rule"]
                self.progress.tactics.update(tactic["name"] for tactic in rule["tactics"])
                self.progress.last_alerts.append(
                    SeenAlert(alert["time"], rule["level"], rule["title"], alert["host"], alert["event_id"])
                )
