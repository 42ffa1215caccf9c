"""How texts and numbers become microseconds since 1970."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.schema.times import first_time, microseconds

SECOND = 1_768_197_600_000_000  # 2026-01-12T06:00:00Z in microseconds
ASSUMED = timezone(timedelta(hours=-4))


def time_of(value: Any, *, is_utc: bool = False) -> tuple[int, bool] | None:
    found = first_time({"t": value}, (("t", is_utc),), ASSUMED)
    return None if found is None else (found[0], found[2])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-12T06:00:00Z", (SECOND, False)),
        ("2026-01-12T06:00:00.123456Z", (SECOND + 123_456, False)),
        ("2026-01-12T06:00:00.123456789Z", (SECOND + 123_456, False)),
        ("2026-01-12T07:00:00+01:00", (SECOND, False)),
        ("2026-01-12 06:00:00.5 UTC", (SECOND + 500_000, False)),
        ("2026-01-12 02:00:00", (SECOND, True)),
        ("2026-01-12T02:00:00.5", (SECOND + 500_000, True)),
        (1_768_197_600, (SECOND, False)),
        (1_768_197_600.25, (SECOND + 250_000, False)),
        (1_768_197_600_000, (SECOND, False)),
        (1_768_197_600_000_000, (SECOND, False)),
        (1_768_197_600_000_000_000, (SECOND, False)),
        ("1768197600", (SECOND, False)),
        ("1768197600.5", (SECOND + 500_000, False)),
        ("1612010112000", (1_612_010_112_000_000, False)),
        ("1601-01-01T00:00:00.000000Z", (-11_644_473_600_000_000, False)),
    ],
)
def test_a_time_is_read_to_the_microsecond(value: Any, expected: tuple[int, bool]) -> None:
    assert time_of(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", "-", "yesterday", "12.01.2026", "2026-13-01T00:00:00Z", "9" * 100, "2026-01-12" * 9, "٣" * 10, "."),
        *(None, True, 0, -1, 5, 1e300, float("inf"), [], {}, ["2026-01-12"]),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_what_is_no_time_gives_none(value: Any) -> None:
    assert time_of(value) is None


def test_a_field_that_is_utc_needs_no_zone() -> None:
    assert time_of("2026-01-12 06:00:00", is_utc=True) == (SECOND, False)


def test_the_first_candidate_that_holds_a_time_wins() -> None:
    fields = {"a": None, "b": "never", "c": "2026-01-12T06:00:00Z", "d": "2020-01-01T00:00:00Z"}
    candidates = tuple((name, True) for name in "abcd")
    assert first_time(fields, candidates, UTC) == (SECOND, "c", False)


def test_summer_time_is_that_of_the_zone_on_that_day() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for text, utc in (
        ("2026-01-12 07:00:00", "2026-01-12T06:00:00+00:00"),
        ("2026-07-01 12:00:00", "2026-07-01T10:00:00+00:00"),
    ):
        found = first_time({"t": text}, (("t", False),), berlin)
        assert found is not None
        assert found[0] == int(datetime.fromisoformat(utc).timestamp()) * 1_000_000


@given(st.datetimes(timezones=st.sampled_from([UTC, ASSUMED])))
def test_a_time_is_exact_to_the_microsecond(moment: datetime) -> None:
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert microseconds(moment) == since // timedelta(microseconds=1)
