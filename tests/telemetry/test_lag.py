"""The lag is asked for on a thread of its own, and left out where asking fails."""

import threading
from collections.abc import Sequence
from contextlib import closing

import pytest

from tests.waiting import until
from tocsin.flow import PartitionLag
from tocsin.telemetry.lag import LagWatch

_LAG = PartitionLag("classify", "raw-events", 0, committed=7, end=19, oldest_age_seconds=1.5)


def test_the_newest_answer_is_kept_and_comes_from_another_thread() -> None:
    threads = []

    def read() -> Sequence[PartitionLag]:
        threads.append(threading.current_thread())
        return [_LAG]

    with closing(LagWatch(lambda: read, pause_seconds=0.001)) as watch:
        until(lambda: bool(watch.latest), 10)
        assert watch.latest == (_LAG,)
    assert threading.current_thread() not in threads


def test_as_long_as_there_is_nobody_to_ask_there_is_no_lag() -> None:
    asked = threading.Event()
    with closing(LagWatch(lambda: asked.set(), pause_seconds=0.001)) as watch:
        assert asked.wait(10)
        assert watch.latest == ()


def test_where_asking_fails_there_is_none_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([[_LAG]])
    failures = []

    def read() -> Sequence[PartitionLag]:
        for answer in answers:
            return answer
        failures.append("broker gone")
        raise RuntimeError("broker gone")

    with closing(LagWatch(lambda: read, pause_seconds=0.001)) as watch:
        until(lambda: len(failures) > 2, 10)
        assert watch.latest == ()
    assert caplog.messages == ["The lag cannot be read now, and is left out of the metrics: broker gone"]
