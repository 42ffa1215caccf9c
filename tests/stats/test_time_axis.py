from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.stats.time_axis import MAX_BUCKETS, time_axis

_START = datetime(2026, 1, 12, 6, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "width"),
    [
        (timedelta(0), "1 s"),
        (timedelta(seconds=70), "1 s"),
        (timedelta(minutes=50), "1 min"),
        (timedelta(hours=2), "2 min"),
        (timedelta(hours=23), "20 min"),
        (timedelta(days=7), "3 h"),
        (timedelta(days=60), "1 d"),
        (timedelta(days=365), "6 d"),
    ],
)
def test_the_width_of_the_buckets_is_chosen_from_the_span(span: timedelta, width: str) -> None:
    assert time_axis(_START, _START + span).width_name == width


def test_buckets_begin_at_whole_multiples_of_their_width() -> None:
    axis = time_axis(_START, _START + timedelta(hours=1))
    assert axis.edges[:2] == [datetime(2026, 1, 12, 6, 0, tzinfo=UTC), datetime(2026, 1, 12, 6, 1, tzinfo=UTC)]
    assert axis.end == datetime(2026, 1, 12, 7, 1, tzinfo=UTC)
    assert axis.span_name == "2026-01-12 06:00 to 2026-01-12 07:01 UTC"


_TIMES = st.datetimes(datetime(1601, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))


@given(_TIMES, _TIMES)
def test_any_two_times_lie_in_at_most_so_many_buckets(one: datetime, other: datetime) -> None:
    first, last = min(one, other), max(one, other)
    axis = time_axis(first, last)
    assert axis.start <= first <= last < axis.end
    assert 1 <= axis.buckets <= MAX_BUCKETS
