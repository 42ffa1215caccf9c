"""Decide what a rule says of one value that is more than text: networks, numbers, times."""

import ipaddress
import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

ValueTest = Callable[[Any], bool]  # of one value as it came

_NUMBER = re.compile(r"[+-]?(\d{1,40})(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_MILLISECONDS_FROM = 100_000_000_000  # a number of seconds that large would lie in the year 5138
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "neq": operator.ne,
}
_TIME_PARTS: dict[str, Callable[[datetime], int]] = {
    "minute": lambda time: time.minute,
    "hour": lambda time: time.hour,
    "day": lambda time: time.day,
    "week": lambda time: time.isocalendar().week,
    "month": lambda time: time.month,
    "year": lambda time: time.year,
}


def within_network(network: str) -> Callable[[str], bool]:
    """Test whether a text is an address of a network; a mapped address (::ffff:10.0.0.1) is the one of version 4."""
    parsed = ipaddress.ip_network(network, strict=False)
    version = parsed.version
    first, last = int(parsed.network_address), int(parsed.broadcast_address)

    def test(text: str) -> bool:
        address = _address(text)
        return address is not None and address[0] == version and first <= address[1] <= last

    return test


@lru_cache(maxsize=65_536)
def _address(text: str) -> tuple[int, int] | None:
    if len(text) > 64:
        return None
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (4, int(mapped)) if mapped is not None else (address.version, int(address))


def compares(how: str, limit: float) -> ValueTest:
    """Test a number, or text that is one in decimal notation; what is none is false."""
    compare = _COMPARE[how]

    def test(value: Any) -> bool:
        number = _number(value)
        return number is not None and compare(number, limit)

    return test


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    return float(found[0]) if found[2] or found[3] else int(found[0])


def has_time_part(part: str, number: int) -> ValueTest:
    """Test a time: ISO 8601 (UTC where it names no zone), or seconds or milliseconds since 1970."""
    part_of = _TIME_PARTS[part]

    def test(value: Any) -> bool:
        time = _time(value)
        return time is not None and part_of(time) == number

    return test


def _time(value: Any) -> datetime | None:
    number = _number(value)
    try:
        if number is not None:
            seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
            return datetime.fromtimestamp(seconds, UTC)
        time = datetime.fromisoformat(value.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError, OSError, AttributeError):
        return None
