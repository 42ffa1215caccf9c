"""How long something took, in the unit that fits."""

import pytest

from tocsin.stats.durations import short_duration


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (0, "0 µs"),
        (7, "7 ns"),
        (999, "999 ns"),
        (1_000, "1 µs"),
        (50_000, "50 µs"),
        (999_400, "999 µs"),
        (999_600, "1 ms"),
        (3_214_000, "3.21 ms"),
        (32_140_000, "32.1 ms"),
        (1_200_000_000, "1.2 s"),
        (59_990_000_000, "60 s"),
        (60_000_000_000, "1 min"),
        (125_000_000_000, "2 min 5 s"),
        (3_600_000_000_000 * 3 + 60_000_000_000, "3 h 1 min"),
        (86_400_000_000_000 * 2, "2 d"),
        (86_400_000_000_000 * 20_465, "20,465 d"),
        (-3_000_000, "-3 ms"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_fits(ns: int, said: str) -> None:
    assert short_duration(ns) == said
