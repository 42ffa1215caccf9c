"""The breaker stops a stage when most of what arrives is unreadable, and lets a share of it pass."""

import pytest

from tocsin.dead_letter import dead_letter_of
from tocsin.errors import ConfigError
from tocsin.event import CLASSIFIED_EVENTS, DEAD_LETTERS, Record
from tocsin.flow import Batch, Outputs
from tocsin.stages.breaker import Breaker, BreakerSettings


def _step(batch: Batch) -> Outputs:
    dead = [record for record in batch.records if record.value == b"bad"]
    return {
        CLASSIFIED_EVENTS: [record for record in batch.records if record.value != b"bad"],
        DEAD_LETTERS: [
            dead_letter_of(record, stage="classify", reason="not_json", detail="a letter at byte 0", time_us=0)
            for record in dead
        ],
    }


def _batch(good: int, bad: int) -> Batch:
    records = [Record(b"good")] * good + [Record(b"bad", topic="raw-events", partition=3, offset=7)] * bad
    return Batch(records, offsets={("raw-events", 3): 8})


def _breaker(ratio: float = 0.5, window: int = 100) -> Breaker:
    return Breaker(_step, BreakerSettings(ratio, window))


def test_it_says_topic_share_reason_place_and_what_to_do() -> None:
    with pytest.raises(ConfigError) as raised:
        _breaker()(_batch(10, 90))
    for part in (
        "90 of the last 100 records of `raw-events`",
        "`not_json`",
        "raw-events/3/7",
        "a letter at byte 0",
        "max_dead_ratio",
    ):
        assert part in str(raised.value)


def test_a_share_below_the_limit_passes_however_long() -> None:
    breaker = _breaker()
    for _ in range(50):
        assert len(breaker(_batch(14, 6))[DEAD_LETTERS]) == 6


def test_nothing_is_judged_before_the_window_is_full() -> None:
    breaker = _breaker(window=100)
    assert len(breaker(_batch(0, 99))[DEAD_LETTERS]) == 99
    with pytest.raises(ConfigError):
        breaker(_batch(0, 1))


def test_a_batch_that_can_be_read_whole_passes_whatever_came_before() -> None:
    breaker = _breaker(window=100)
    breaker(_batch(0, 99))
    assert len(breaker(_batch(1, 0))[CLASSIFIED_EVENTS]) == 1
    with pytest.raises(ConfigError, match="100 of the last 101 "):
        breaker(_batch(0, 1))


def test_only_what_came_lately_counts() -> None:
    breaker = _breaker(window=100)
    for _ in range(100):
        breaker(_batch(100, 0))
    breaker(_batch(50, 50))
    with pytest.raises(ConfigError, match="100 of the last 100 "):
        breaker(_batch(0, 100))


def test_a_ratio_of_one_never_trips() -> None:
    breaker = _breaker(ratio=1.0)
    for _ in range(3):
        breaker(_batch(0, 1000))
