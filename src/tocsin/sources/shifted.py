"""Move the times that stand in an event's JSON, and change nothing else of it."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

# A whole string value, not a key: 2019-02-13T18:01:41.593830300Z, 2019-02-13 18:01:41.593, ... UTC, ... +02:00. What
# stands under a name such as CreationUtcTime is UTC whatever the zone of the log.
_TEXT = re.compile(
    rb'(UtcTime"\s*:\s*)?(?<!\\)"(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d| UTC)?"'
    rb"(?=\s*[,}\]])"
)
# A value that is a number, or a whole string value that is one; other strings are passed over, whatever is in them.
_SINCE_1970 = rb"[12]\d{9}(?:\.\d{1,9})?|[12]\d{12}|[12]\d{15}|[12]\d{18}"
_NUMBER = re.compile(
    rb'"(?P<whole>%b)"(?=\s*[,}\]])' % _SINCE_1970
    + rb'|"[^"\\]*(?:\\.[^"\\]*)*"'
    + rb"|(?<=[:\[,\s])(?P<bare>%b)(?=\s*[,}\]])" % _SINCE_1970
)

_FIRST_YEAR = 1980  # earlier ones say "never": 1601 and 1970 are zero in two ways of counting
_NEAR_US = 1_000_000


def shifted(raw: bytes, time_us: int, shift_us: int, zone: tzinfo = UTC) -> bytes:
    """Return an event's JSON with its times `shift_us` later, as long and as exact as they were written.

    `zone`: of times that name none; where it has summer time, clocks of another season stand elsewhere.

    Times are whole string values in ISO 8601's order, and numbers since 1970 (seconds to nanoseconds) within a second
    of the event's own, `time_us`. Years before 1980 stand for "never" and stay, as do times that would leave year 9999.
    """
    delta = timedelta(microseconds=shift_us)
    raw = _TEXT.sub(lambda found: _later_text(found, delta, zone), raw)
    return _NUMBER.sub(lambda found: _later_value(found, time_us, shift_us), raw)


def _later_text(found: re.Match[bytes], delta: timedelta, zone: tzinfo) -> bytes:
    name, day, between, clock, fraction, written_zone = found.groups()
    digits = (fraction or b"").decode()
    try:
        moment = datetime.fromisoformat(f"{day.decode()}T{clock.decode()}.{digits[:6]:0<6}")
        later = moment + delta if name or written_zone else _later_in(zone, moment, delta)
    except (ValueError, OverflowError):  # 2019-02-31, or beyond year 9999
        return found[0]
    if moment.year < _FIRST_YEAR:
        return found[0]
    written = later.isoformat(between.decode(), "microseconds") + digits[6:]
    without_fraction, _, exact = written.partition(".")
    fraction_text = f".{exact[: len(digits)]}" if digits else ""
    return (name or b"") + f'"{without_fraction}{fraction_text}{(written_zone or b"").decode()}"'.encode()


def _later_in(zone: tzinfo, moment: datetime, delta: timedelta) -> datetime:
    """Add to what a clock of that zone showed."""
    return (moment.replace(tzinfo=zone).astimezone(UTC) + delta).astimezone(zone).replace(tzinfo=None)


def _later_value(found: re.Match[bytes], time_us: int, shift_us: int) -> bytes:
    if found["whole"]:
        return b'"%b"' % _later_number(found["whole"], time_us, shift_us)
    return _later_number(found["bare"], time_us, shift_us) if found["bare"] else found[0]


def _later_number(text: bytes, time_us: int, shift_us: int) -> bytes:
    whole, point, fraction = text.partition(b".")
    nanoseconds_each = 10 ** (19 - len(whole))  # of the last digit before the point
    nanoseconds = int(whole) * nanoseconds_each + (int(fraction.ljust(9, b"0")) if point else 0)
    if abs(nanoseconds - time_us * 1000) > _NEAR_US * 1000:
        return text
    later = nanoseconds + shift_us * 1000
    if later < 10**18 or later >= 3 * 10**18:  # another number of digits, or a year past 2065
        return text
    whole_later, rest = divmod(later, nanoseconds_each)
    return b"%d" % whole_later + (b"." + b"%09d" % rest)[: 1 + len(fraction)] * bool(point)
