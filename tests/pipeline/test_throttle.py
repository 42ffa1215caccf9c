"""A stage that is to go slowly."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.command import start_tocsin, tocsin

from tocsin.event import Record
from tocsin.flow import Batch
from tocsin.pipeline.throttle import Throttle, records_at_once


class _Clock:
    """Goes on only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float, is_stopped: Callable[[], bool]) -> bool:
        if not is_stopped():
            self.now += max(0.0, seconds)
        return not is_stopped()


class _Source:
    def __init__(self, *sizes: int) -> None:
        self._sizes = list(sizes)

    def read(self) -> Batch | None:
        return Batch([Record(b"x")] * self._sizes.pop(0)) if self._sizes else None

    def close(self) -> None: ...


def _times(source: _Source, clock: _Clock, rate: float, is_stopped: bool = False) -> list[float]:
    throttle = Throttle(source, rate, lambda: is_stopped, clock.monotonic, clock.wait)
    times = []
    while throttle.read() is not None:
        times.append(clock.now - 1000)
    return times


def test_a_batch_waits_until_those_before_it_were_due() -> None:
    assert _times(_Source(100, 50, 100, 1), _Clock(), rate=100) == [0, 1, 1.5, 2.5]


def test_a_batch_says_how_long_it_waited() -> None:
    clock = _Clock()
    throttle = Throttle(_Source(100, 50), 100, lambda: False, clock.monotonic, clock.wait)
    waited = [batch.waited_seconds for _ in range(2) if (batch := throttle.read())]
    assert waited == [0, 1]


def test_a_tick_waits_for_nothing() -> None:
    assert _times(_Source(100, 0, 0, 100), _Clock(), rate=100) == [0, 0, 0, 1]


def test_time_in_which_nothing_came_is_not_saved_up() -> None:
    clock, source = _Clock(), _Source(10, 10, 10)
    throttle = Throttle(source, 10, lambda: False, clock.monotonic, clock.wait)
    throttle.read()
    clock.now += 3600
    for _ in range(2):
        throttle.read()
    assert clock.now == 1000 + 3600 + 1


def test_a_batch_in_hand_waits_no_longer_after_a_stop() -> None:
    assert _times(_Source(100, 100), _Clock(), rate=1, is_stopped=True) == [0, 0]


@pytest.mark.parametrize(("rate", "records"), [(None, 2000), (10, 10), (1500, 1500), (20_000, 2000), (2.5, 2)])
def test_batches_are_small_where_a_large_one_would_wait_for_long(rate: float | None, records: int) -> None:
    assert records_at_once(rate, 2000) == records


def test_classify_takes_no_more_than_it_may(tmp_path: Path) -> None:
    assert tocsin("produce", "--count", 3000, cwd=tmp_path).returncode == 0
    classify = start_tocsin("classify", "--max-rate", 500, cwd=tmp_path)
    try:
        started = None
        deadline = time.monotonic() + 60
        while (read := _read_of(tmp_path)) < 2500:
            assert time.monotonic() < deadline, (tmp_path / "output.txt").read_text()
            if read and started is None:
                started, before = time.monotonic(), read
    finally:
        classify.terminate()
        assert classify.wait(30) == 0
    assert started is not None, "all of it was read at once"
    assert (read - before) / (time.monotonic() - started) < 1000


def _read_of(folder: Path) -> int:
    lags = json.loads(tocsin("lag", "--json", cwd=folder).stdout)
    return sum(lag["committed"] for lag in lags if lag["group"] == "classify")
