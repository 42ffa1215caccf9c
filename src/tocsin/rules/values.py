"""Turn what a Sigma rule says of one field, or of any value, into a test of an event."""

import ipaddress
import operator
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import regex
from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    TimestampPart,
)

from tocsin.rules.patterns import Kind, Pattern, TextTest, any_of, pattern_of
from tocsin.rules.text import fold, text_of
from tocsin.rules.view import VALUE_SEPARATOR, View

Test = Callable[[View], bool]

# A regular expression of a rule on text of an attacker: one that runs longer gives TimeoutError, not a hang.
REGEX_TIMEOUT_SECONDS = 0.25

_NUMBER = re.compile(r"[+-]?(\d{1,40})(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_MILLISECONDS_FROM = 100_000_000_000  # a number of seconds that large would lie in the year 5138
_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: regex.IGNORECASE,
    SigmaRegularExpressionFlag.MULTILINE: regex.MULTILINE,
    SigmaRegularExpressionFlag.DOTALL: regex.DOTALL,
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "LT": operator.lt,
    "LTE": operator.le,
    "GT": operator.gt,
    "GTE": operator.ge,
    "NEQ": operator.ne,
}
_TIME_PARTS: dict[TimestampPart, Callable[[datetime], int]] = {
    TimestampPart.MINUTE: lambda time: time.minute,
    TimestampPart.HOUR: lambda time: time.hour,
    TimestampPart.DAY: lambda time: time.day,
    TimestampPart.WEEK: lambda time: time.isocalendar().week,
    TimestampPart.MONTH: lambda time: time.month,
    TimestampPart.YEAR: lambda time: time.year,
}


class UnsupportedValueError(Exception):
    """A value that no event can be compared with here: the rule cannot be compiled."""


def folded_pattern(value: object) -> Pattern | None:
    """Return a value as a pattern on folded text, if that is what it is: strings, numbers, booleans."""
    if isinstance(value, (SigmaTimestampPart, SigmaCasedString)):
        return None
    if isinstance(value, SigmaString):
        _refuse_placeholders(value)
        return pattern_of(value, fold)
    if isinstance(value, SigmaNumber):
        return Pattern(Kind.EXACT, fold(text_of(value.number) or ""))
    if isinstance(value, SigmaBool):
        return Pattern(Kind.EXACT, "true" if value.boolean else "false")
    return None


def field_matches(field: str, patterns: Sequence[Pattern]) -> Test:
    """Any value of the field, folded, is like any of the patterns."""
    kinds = {pattern.kind for pattern in patterns}
    literals = tuple(pattern.literal for pattern in patterns)
    if kinds == {Kind.SUFFIX}:
        return _field_ends_with(field, literals)
    if kinds == {Kind.CONTAINS} and len(literals) == 1:
        return _field_contains(field, literals[0])
    return _any_folded(field, any_of(patterns))


def field_test(field: str, value: object) -> Test:
    """Any value of the field is as the rule says, for all that is not a folded pattern."""
    match value:
        case SigmaNull():
            return lambda view: (raws := view.raws(field)) is None or not raws or None in raws
        case SigmaExists():
            is_wanted = bool(value.exists)
            return lambda view: (view.raws(field) is not None) is is_wanted
        case SigmaCasedString():
            _refuse_placeholders(value)
            return _any_text(field, any_of([pattern_of(value, str)]))
        case SigmaRegularExpression():
            return _any_text(field, _regex_test(value))
        case SigmaCIDRExpression():
            return _any_text(field, _cidr_test(value))
        case SigmaCompareExpression():
            return _compares(field, value)
        case SigmaFieldReference():
            return _refers(field, value)
        case SigmaTimestampPart():
            return _time_part_is(field, value.timestamp_part, int(value.number))
    raise UnsupportedValueError(f"a value of type {type(value).__name__} has no meaning here")


def folded_keyword(value: object) -> Pattern | None:
    """Return a keyword as a pattern on folded text that may lie anywhere in it, if that is what it is."""
    if isinstance(value, (SigmaNumber, SigmaBool)):
        value = SigmaString.from_str(str(value).lower())
    if not isinstance(value, SigmaString) or isinstance(value, SigmaCasedString):
        return None
    _refuse_placeholders(value)
    return pattern_of(value, fold, is_within=True)


def keywords_match(patterns: Sequence[Pattern]) -> Test:
    """Any value of the event holds any of the keywords."""
    needles = [p for p in patterns if p.kind is Kind.CONTAINS and VALUE_SEPARATOR not in p.literal]
    others = [pattern for pattern in patterns if pattern not in needles]
    in_joined, in_one = any_of(needles), any_of(others)

    def test(view: View) -> bool:
        return in_joined(view.joined_texts()) or (bool(others) and any(map(in_one, map(fold, view.all_texts()))))

    return test


def keyword_test(value: object) -> Test:
    """Any value of the event is as the rule says, for keywords that are not a folded pattern."""
    if isinstance(value, SigmaRegularExpression):
        text_test = _regex_test(value)
    elif isinstance(value, SigmaCasedString):
        _refuse_placeholders(value)
        text_test = any_of([pattern_of(value, str, is_within=True)])
    else:
        raise UnsupportedValueError(f"a keyword cannot be of type {type(value).__name__}")
    return lambda view: any(map(text_test, view.all_texts()))


def _field_ends_with(field: str, suffixes: tuple[str, ...]) -> Test:
    def test(view: View) -> bool:
        for text in view[field]:  # noqa: SIM110 - any() with a generator takes twice the time
            if text.endswith(suffixes):
                return True
        return False

    return test


def _field_contains(field: str, needle: str) -> Test:
    def test(view: View) -> bool:
        for text in view[field]:  # noqa: SIM110 - as above
            if needle in text:
                return True
        return False

    return test


def _any_folded(field: str, text_test: TextTest) -> Test:
    def test(view: View) -> bool:
        for text in view[field]:  # noqa: SIM110 - as above
            if text_test(text):
                return True
        return False

    return test


def _any_text(field: str, text_test: TextTest) -> Test:
    return lambda view: any(map(text_test, view.texts(field)))


def _refuse_placeholders(string: SigmaString) -> None:
    names = [part.name for part in string.s if isinstance(part, Placeholder)]
    if names:
        needed = ", ".join(f"%{name}%" for name in names)
        raise UnsupportedValueError(f"needs placeholder {needed}: copy the rule and write the values in")


def _regex_test(value: SigmaRegularExpression) -> TextTest:
    _refuse_placeholders(value.regexp)
    flags = regex.VERSION0
    for flag in value.flags:
        flags |= _FLAGS[flag]
    try:
        search = regex.compile(str(value.regexp), flags).search
    except (regex.error, ValueError, RecursionError) as error:
        raise UnsupportedValueError(f"regular expression '{value.regexp}': {error}") from error
    return lambda text: search(text, timeout=REGEX_TIMEOUT_SECONDS) is not None


def _cidr_test(value: SigmaCIDRExpression) -> TextTest:
    version = value.network.version
    first, last = int(value.network.network_address), int(value.network.broadcast_address)

    def test(text: str) -> bool:
        address = _address(text)
        return address is not None and address[0] == version and first <= address[1] <= last

    return test


@lru_cache(maxsize=65_536)
def _address(text: str) -> tuple[int, int] | None:
    """Return (4 or 6, address as number); a mapped address (::ffff:10.0.0.1) is the one of version 4."""
    if len(text) > 64:
        return None
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (4, int(mapped)) if mapped is not None else (address.version, int(address))


def _compares(field: str, value: SigmaCompareExpression) -> Test:
    compare, limit = _COMPARE[value.op.name], value.number.number

    def test(view: View) -> bool:
        numbers = map(_number, view.raws(field) or ())
        return any(number is not None and compare(number, limit) for number in numbers)

    return test


def _number(value: Any) -> float | None:
    """Read a number, or text that is one in decimal notation; a boolean is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    return float(found[0]) if found[2] or found[3] else int(found[0])


def _refers(field: str, value: SigmaFieldReference) -> Test:
    other = value.field
    compare: Callable[[str, str], bool] = operator.eq
    if getattr(value, "starts_with", False):
        compare = operator.contains if value.ends_with else str.startswith
    elif getattr(value, "ends_with", False):
        compare = str.endswith
    return lambda view: any(compare(text, affix) for text in view[field] for affix in view[other])


def _time_part_is(field: str, part: TimestampPart, number: int) -> Test:
    part_of = _TIME_PARTS[part]

    def test(view: View) -> bool:
        times = map(_time, view.raws(field) or ())
        return any(time is not None and part_of(time) == number for time in times)

    return test


def _time(value: Any) -> datetime | None:
    """Read ISO 8601 (UTC where it names no zone), or seconds or milliseconds since 1970, as UTC."""
    number = _number(value)
    try:
        if number is not None:
            seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
            return datetime.fromtimestamp(seconds, UTC)
        time = datetime.fromisoformat(value.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError, OSError, AttributeError):
        return None
