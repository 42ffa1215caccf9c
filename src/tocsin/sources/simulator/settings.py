"""What a simulation is made with."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tocsin.errors import ConfigError
from tocsin.sources.simulator import scenarios
from tocsin.sources.simulator.documents import DOCUMENTS

SCENARIOS = tuple(scenarios.SCENARIOS)
FORMATS = tuple(DOCUMENTS)

MAX_HOSTS = 10_000


@dataclass(frozen=True)
class SimulatorSettings:
    """Everything but `count`, `rate`, `burst` and `batch_size` shapes the bytes; the same again give the same."""

    seed: int = 1
    run: str = "default"  # a name that keeps the ids of two otherwise equal runs apart
    count: int | None = None  # events from the start of the run; None: without end
    rate: float | None = None  # events per second; None: as fast as possible
    burst: tuple[float, float] | None = None  # (events per second, seconds) before `rate` holds
    hosts: int = 50
    attacks: tuple[str, ...] = SCENARIOS  # names of scenarios; ("all",) is all of them, () or ("none",) is none
    format: str = "evtx-json"
    start: datetime = datetime(2026, 1, 12, 6, tzinfo=UTC)  # simulated time of the first event: a Monday morning
    batch_size: int = 1000

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios that are played, each once, in the order of `SCENARIOS`."""
        if "all" in self.attacks:
            return SCENARIOS
        return tuple(name for name in SCENARIOS if name in self.attacks)

    def check(self) -> None:
        """Raise ConfigError with all that is wrong."""
        problems = self.problems()
        if problems:
            raise ConfigError(*(f"sources.simulator: {problem}" for _, problem in problems))

    def problems(self) -> list[tuple[str, str]]:
        """Return what is wrong: the name of a setting, and a sentence."""
        return list(_problems_of(self))


def _problems_of(settings: SimulatorSettings) -> Iterator[tuple[str, str]]:
    if not 1 <= settings.hosts <= MAX_HOSTS:
        yield "hosts", f"hosts must be from 1 to {MAX_HOSTS}, not {settings.hosts}"
    if settings.count is not None and settings.count < 1:
        yield "count", f"count must be 1 or more, not {settings.count}"
    if settings.batch_size < 1:
        yield "batch_size", f"batch_size must be 1 or more, not {settings.batch_size}"
    if settings.rate is not None and not 0 < settings.rate < float("inf"):
        yield "rate", f"rate must be more than 0 events a second, not {settings.rate}"
    if settings.burst is not None and not all(0 < value < float("inf") for value in settings.burst):
        rate, seconds = settings.burst
        yield "burst", f"burst must be RATE:SECONDS, both more than 0, not {rate}:{seconds}"
    if settings.start.tzinfo is None:
        yield "start", f"start must name its time zone (UTC), not {settings.start.isoformat()}"
    elif not 1990 <= settings.start.year <= 2100:
        yield "start", f"start must lie between 1990 and 2100, not {settings.start.isoformat()}"
    if settings.format not in FORMATS:
        yield "format", f"unknown format '{settings.format}'{_suggestion(settings.format, FORMATS)}"
    for name in settings.attacks:
        if name not in (*SCENARIOS, "all", "none"):
            yield "attacks", f"unknown attack '{name}'{_suggestion(name, (*SCENARIOS, 'all', 'none'))}"
    if "none" in settings.attacks and len(settings.attacks) > 1:
        yield "attacks", "attacks names 'none' beside others; leave one of them out"


def _suggestion(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(known)}"
