"""Read the time of an event: UTC, microseconds since 1970, from whichever field says it best."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US = -62_135_596_800_000_000  # year 1
_END_US = 253_402_300_800_000_000  # year 10,000
LONGEST_CHARS = 40  # 2026-01-12T06:00:00.000000000+00:00 has 35

# A number is seconds, milliseconds, microseconds or nanoseconds by its size: from 1973 to 5138 in each unit.
_UNITS = ((1e11, 1_000_000.0), (1e14, 1_000.0), (1e17, 1.0), (1e20, 0.001))


def first_time(
    fields: Mapping[str, Any], candidates: Sequence[tuple[str, bool]], timezone: tzinfo
) -> tuple[int, str, bool] | None:
    """Return microseconds since 1970, the field that gave them, and whether a time zone had to be assumed.

    `candidates`: field names, best first, each with whether it is UTC where it names no zone; other zone-less times are
    in `timezone`. None when no candidate holds a time.
    """
    for name, is_utc in candidates:
        value = fields.get(name)
        if value is None:
            continue
        moment = _datetime_of(value) if type(value) is str else None
        is_assumed = False
        if moment is None:
            time_us = _time_of_number(value)
        elif moment.tzinfo is None:
            is_assumed = not is_utc
            time_us = microseconds(moment.replace(tzinfo=UTC if is_utc else timezone))
        else:
            time_us = microseconds(moment)
        if time_us is not None:
            return time_us, name, is_assumed
    return None


def _datetime_of(text: str) -> datetime | None:
    if len(text) > LONGEST_CHARS or text[4:5] != "-":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return _datetime_with_utc_suffix(text)


def _datetime_with_utc_suffix(text: str) -> datetime | None:
    """Read `2019-02-13 18:01:41.593830 UTC`, as older EVTX tools write it."""
    if not text.endswith(" UTC"):
        return None
    try:
        return datetime.fromisoformat(text.removesuffix(" UTC") + "Z")
    except ValueError:
        return None


def microseconds(moment: datetime) -> int | None:
    """Return microseconds since 1970 of a time with a zone; None where its zone moves it out of years 1 to 9999."""
    try:
        seconds = moment.timestamp()
        if -_EXACT_SECONDS < seconds < _EXACT_SECONDS:
            return round(seconds * 1e6)
        since = moment - _EPOCH
    except OverflowError:
        return None
    time_us = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return time_us if _FIRST_US <= time_us < _END_US else None


_EXACT_SECONDS = 4e9  # until the year 2096 a float of seconds is exact to a quarter of a microsecond


def _time_of_number(value: object) -> int | None:
    if isinstance(value, str):
        if not (len(value) <= LONGEST_CHARS and value.isascii() and value.replace(".", "", 1).isdigit()):
            return None
        value = float(value)
    if type(value) is not int and type(value) is not float:
        return None
    for end, factor in _UNITS:
        if 1e8 < value < end:
            return round(value * factor)
    return None
