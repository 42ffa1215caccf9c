"""Percentiles out of buckets, beside those of the sorted numbers themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.stats.distribution import Distribution

_numbers = st.one_of(st.integers(0, 5_000), st.integers(0, 2**53 - 1), st.integers(0, 52).map(lambda bit: 2**bit))


def _of(numbers: list[int], counts: list[int] | None = None) -> Distribution:
    distribution = Distribution()
    distribution.add(np.array(numbers, np.int64), np.array(counts or [1] * len(numbers), np.int64))
    return distribution


@given(st.lists(st.tuples(_numbers, st.integers(1, 4)), min_size=1, max_size=60), st.integers(0, 100))
def test_a_percentile_is_that_of_the_sorted_numbers_and_at_most_a_thousandth_above(
    counted: list[tuple[int, int]], percent: int
) -> None:
    everything = sorted(number for number, count in counted for _ in range(count))
    exact = everything[max(1, -(-len(everything) * percent // 100)) - 1]
    distribution = _of([number for number, _ in counted], [count for _, count in counted])
    assert exact <= distribution.percentile(percent) <= exact + exact // 1024
    assert distribution.largest == everything[-1]
    assert distribution.count == len(everything)


def test_numbers_below_2048_are_exact() -> None:
    assert [_of(list(range(2048))).percentile(percent) for percent in (0, 50, 99, 100)] == [0, 1023, 2027, 2047]


def test_numbers_may_come_in_turns() -> None:
    distribution = _of([1, 2])
    distribution.add(np.array([3, 100_000], np.int64), np.array([7, 1], np.int64))
    assert (distribution.count, distribution.total, distribution.largest) == (10, 3 + 21 + 100_000, 100_000)
    assert distribution.percentile(90) == 3


@pytest.mark.parametrize("percent", [0, 50, 100])
def test_of_no_numbers_every_percentile_is_0(percent: int) -> None:
    assert _of([]).percentile(percent) == 0
