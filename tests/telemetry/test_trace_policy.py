"""Every alert's trace is sent, and of the others the share that was asked for, within a limit."""

import numpy as np
import pytest

from tocsin.telemetry.ids import event_id_of, origin_of
from tocsin.telemetry.spans import Ids
from tocsin.telemetry.trace_policy import Sampler, TracePolicy

_NOON_US = 1_768_219_200_000_000
_ANY = 1e9  # spans a second


def _ids(count: int) -> Ids:
    origin = origin_of("test")
    ids = b"".join(event_id_of(origin, number, b"") for number in range(count))
    return np.frombuffer(ids, np.uint8).reshape(-1, 16)


def _none(count: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.zeros(count, bool)


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_the_share_of_the_others_is_the_ratio(ratio: float) -> None:
    chosen, limited = Sampler(TracePolicy(ratio=ratio, max_spans=_ANY)).chosen(_ids(40_000), _none(40_000), _NOON_US)
    spread = 4 * (ratio * (1 - ratio) / 40_000) ** 0.5
    assert abs(chosen.mean() - ratio) <= spread
    assert limited == 0


def test_an_id_is_chosen_by_its_last_seven_bytes_alone() -> None:
    ids = np.array([[255] * 9 + [0] * 7, [0] * 9 + [255] * 7, [7] * 9 + [128] + [0] * 6], np.uint8)
    chosen, _ = Sampler(TracePolicy(ratio=0.5, max_spans=_ANY)).chosen(ids, _none(3), _NOON_US)
    assert chosen.tolist() == [False, True, True]


def test_what_is_chosen_at_a_ratio_is_chosen_at_every_greater_one() -> None:
    ids = _ids(5_000)
    few, many = (
        Sampler(TracePolicy(ratio=ratio, max_spans=_ANY)).chosen(ids, _none(5_000), _NOON_US)[0] for ratio in (0.1, 0.3)
    )
    assert few.any()
    assert not (few & ~many).any()


def test_an_alert_is_chosen_whatever_its_id() -> None:
    alerts = np.arange(100) % 10 == 0
    chosen, _ = Sampler(TracePolicy(ratio=0.0, max_spans=_ANY)).chosen(_ids(100), alerts, _NOON_US)
    assert chosen.tolist() == alerts.tolist()


def test_the_limit_takes_alerts_first_and_says_how_many_had_to_stay() -> None:
    sampler = Sampler(TracePolicy(ratio=1.0, max_spans=80.0))  # ten traces a second
    alerts = np.arange(30) >= 24
    chosen, limited = sampler.chosen(_ids(30), alerts, _NOON_US)
    assert (int(chosen.sum()), int(chosen[alerts].sum()), limited) == (10, 6, 20)
    assert sampler.chosen(_ids(30), alerts, _NOON_US)[1] == 30
    chosen, limited = sampler.chosen(_ids(30), alerts, _NOON_US + 500_000)
    assert (chosen.sum(), limited) == (5, 25)


def test_all_means_all_and_knows_no_limit() -> None:
    chosen, limited = Sampler(TracePolicy(is_all=True, max_spans=1.0)).chosen(_ids(50), _none(50), _NOON_US)
    assert (int(chosen.sum()), limited) == (50, 0)


def test_a_clock_that_was_ahead_and_is_set_right_limits_nothing_from_then_on() -> None:
    sampler = Sampler(TracePolicy(ratio=1.0, max_spans=80.0))
    sampler.chosen(_ids(10), _none(10), _NOON_US + 3_600_000_000)
    for second in range(30):
        chosen, limited = sampler.chosen(_ids(10), _none(10), _NOON_US + second * 1_000_000)
        assert (int(chosen.sum()), limited) == ((10, 0) if second else (0, 10))
    few_seconds_before, _ = sampler.chosen(_ids(10), _none(10), _NOON_US + 25 * 1_000_000)
    assert not few_seconds_before.any()
