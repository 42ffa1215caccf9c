"""A rate is kept without long sleeps."""

import pytest

from tocsin.sources.simulator import SimulatorSettings, SimulatorSource


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def produced_after(seconds: float, settings: SimulatorSettings) -> tuple[int, Clock]:
    clock = Clock()
    source = SimulatorSource(settings, {}, monotonic=clock.monotonic, sleep=clock.sleep)
    events = 0
    while clock.now < 100.0 + seconds:
        batch = source.read()
        assert batch is not None
        assert batch.is_tick or batch.records
        events += len(batch.records)
    return events, clock


@pytest.mark.parametrize("rate", [3.0, 500.0, 5_000.0])
def test_after_two_seconds_there_are_twice_the_rate(rate: float) -> None:
    events, clock = produced_after(2.0, SimulatorSettings(rate=rate))
    assert abs(events - 2 * rate) <= 0.05 * rate + 1
    assert max(clock.sleeps) <= 0.05


def test_a_burst_comes_first_then_the_rate() -> None:
    settings = SimulatorSettings(rate=100.0, burst=(4_000.0, 1.0))
    assert abs(produced_after(1.0, settings)[0] - 4_000) <= 200
    assert abs(produced_after(3.0, settings)[0] - 4_200) <= 10


def test_a_slow_rate_gives_ticks_until_an_event_is_due() -> None:
    clock = Clock()
    source = SimulatorSource(SimulatorSettings(rate=2.0), {}, monotonic=clock.monotonic, sleep=clock.sleep)
    sizes = [len(batch.records) for _ in range(21) if (batch := source.read()) is not None]
    assert sizes.count(1) == 2
    assert sizes.count(0) == 19


def test_a_batch_says_how_long_its_events_were_not_due() -> None:
    clock = Clock()
    source = SimulatorSource(SimulatorSettings(rate=500.0), {}, monotonic=clock.monotonic, sleep=clock.sleep)
    batch = source.read()
    assert batch is not None
    assert batch.records
    assert batch.waited_seconds == pytest.approx(sum(clock.sleeps))


def test_without_a_rate_nobody_sleeps() -> None:
    clock = Clock()
    source = SimulatorSource(SimulatorSettings(), {}, monotonic=clock.monotonic, sleep=clock.sleep)
    batch = source.read()
    assert batch is not None
    assert len(batch.records) == 1000
    assert clock.sleeps == []
