"""Cut a span of time into buckets of a width that people read easily."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MAX_BUCKETS = 72  # as many as leave room for a number in each

_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US
_WIDTHS_US = tuple(
    seconds * _SECOND_US
    for seconds in (1, 5, 10, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TimeAxis:
    """Buckets of one width, side by side; starts are whole multiples of the width since 1970, UTC."""

    start_us: int  # of the first bucket, microseconds since 1970
    width_us: int
    buckets: int

    @property
    def end_us(self) -> int:
        return self.start_us + self.width_us * self.buckets

    @property
    def start(self) -> datetime:
        return _time(self.start_us)

    @property
    def end(self) -> datetime:
        return _time(self.end_us)

    @property
    def edges(self) -> list[datetime]:
        """Return the `buckets + 1` times at which buckets begin and end."""
        return [_time(self.start_us + index * self.width_us) for index in range(self.buckets + 1)]

    @property
    def span_name(self) -> str:
        """Return the span for people: `2026-01-12 06:00 to 2026-01-13 06:00 UTC`."""
        clock = "%Y-%m-%d %H:%M" if self.width_us % (60 * _SECOND_US) == 0 else "%Y-%m-%d %H:%M:%S"
        return f"{self.start:{clock}} to {self.end:{clock}} UTC"

    @property
    def width_name(self) -> str:
        """Return the width for people: `30 min`."""
        for unit, name in ((_DAY_US, "d"), (3600 * _SECOND_US, "h"), (60 * _SECOND_US, "min")):
            if self.width_us % unit == 0:
                return f"{self.width_us // unit} {name}"
        return f"{self.width_us // _SECOND_US} s"


def time_axis(first: datetime, last: datetime) -> TimeAxis:
    """Return buckets that hold both times: mostly 36 to 72 of a second to a day, wider beyond ten weeks."""
    first_us, last_us = _microseconds(first), _microseconds(last)
    width_us = next((width for width in _WIDTHS_US if _buckets(first_us, last_us, width) <= MAX_BUCKETS), None)
    if width_us is None:
        width_us = _DAY_US * -(-(last_us - first_us) // (_DAY_US * (MAX_BUCKETS - 1)))
    return TimeAxis(first_us // width_us * width_us, width_us, _buckets(first_us, last_us, width_us))


def _buckets(first_us: int, last_us: int, width_us: int) -> int:
    return last_us // width_us - first_us // width_us + 1


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
