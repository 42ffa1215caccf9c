"""What a rule asks, as a tree: tests of an event at its leaves, and, or, not above them."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

from tests.oracle.fields import Layers, all_texts, texts_of, values_of
from tests.oracle.regexes import is_found
from tests.oracle.text import Tokens, Wildcard, fold, is_like


@dataclass(frozen=True)
class All:
    of: "tuple[Node, ...]"

    def holds(self, layers: Layers) -> bool:
        return all(node.holds(layers) for node in self.of)


@dataclass(frozen=True)
class AnyOf:
    of: "tuple[Node, ...]"

    def holds(self, layers: Layers) -> bool:
        return any(node.holds(layers) for node in self.of)


@dataclass(frozen=True)
class Not:
    of: "Node"

    def holds(self, layers: Layers) -> bool:
        return not self.of.holds(layers)


@dataclass(frozen=True)
class TextTest:
    """A text of the field is like a pattern."""

    field: str
    tokens: Tokens
    is_cased: bool = False

    def holds(self, layers: Layers) -> bool:
        return any(is_like(text, self.tokens, self.is_cased) for text in texts_of(layers, self.field))


@dataclass(frozen=True)
class RegexTest:
    """A regular expression is found in a text of the field."""

    field: str
    pattern: str
    flags: str

    def holds(self, layers: Layers) -> bool:
        return any(is_found(text, self.pattern, self.flags) for text in texts_of(layers, self.field))


@dataclass(frozen=True)
class KeywordTest:
    """A pattern lies anywhere in any text of the event itself."""

    tokens: Tokens
    is_cased: bool = False

    def holds(self, layers: Layers) -> bool:
        within = (Wildcard.MANY, *self.tokens, Wildcard.MANY)
        return any(is_like(text, within, self.is_cased) for text in all_texts(layers[-1]))


@dataclass(frozen=True)
class KeywordRegexTest:
    """A regular expression is found in any text of the event itself."""

    pattern: str
    flags: str

    def holds(self, layers: Layers) -> bool:
        return any(is_found(text, self.pattern, self.flags) for text in all_texts(layers[-1]))


@dataclass(frozen=True)
class NullTest:
    """The field is missing, or has no value, or one of its values is null."""

    field: str

    def holds(self, layers: Layers) -> bool:
        values = values_of(layers, self.field)
        return not values or None in values


@dataclass(frozen=True)
class ExistsTest:
    field: str
    is_wanted: bool

    def holds(self, layers: Layers) -> bool:
        return (values_of(layers, self.field) is not None) == self.is_wanted


@dataclass(frozen=True)
class CidrTest:
    """A text of the field is an address of the network; ::ffff:10.0.0.1 is 10.0.0.1 too."""

    field: str
    network: ipaddress.IPv4Network | ipaddress.IPv6Network

    def holds(self, layers: Layers) -> bool:
        return any(address in self.network for text in texts_of(layers, self.field) for address in _addresses(text))


def _addresses(text: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        address = ipaddress.ip_address(text.strip().split("%")[0])
    except ValueError:
        return []
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return [address] if mapped is None else [address, mapped]


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"lt": lt, "lte": le, "gt": gt, "gte": ge}


@dataclass(frozen=True)
class CompareTest:
    """A value of the field is a number that is lt, lte, gt or gte the limit."""

    field: str
    how: str
    limit: int | float

    def holds(self, layers: Layers) -> bool:
        compare = _COMPARISONS[self.how]
        numbers = map(_number, values_of(layers, self.field) or [])
        return any(number is not None and compare(number, Decimal(str(self.limit))) for number in numbers)


_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")


def _number(value: Any) -> Decimal | None:
    """Read a number, or text that is one in decimal notation."""
    if isinstance(value, bool) or value != value:
        return None
    if isinstance(value, (int, float)):
        return Decimal(str(value))
    is_decimal = isinstance(value, str) and _DECIMAL.fullmatch(value) is not None
    return Decimal(value) if is_decimal else None


@dataclass(frozen=True)
class TimeTest:
    """A value of the field is a time whose minute, hour, day, week, month or year (UTC) is the number."""

    field: str
    part: str
    number: int

    def holds(self, layers: Layers) -> bool:
        times = map(_time, values_of(layers, self.field) or [])
        return any(time is not None and self._part_of(time) == self.number for time in times)

    def _part_of(self, time: datetime) -> Any:
        return time.isocalendar().week if self.part == "week" else getattr(time, self.part)


def _time(value: Any) -> datetime | None:
    """Read ISO 8601 (UTC where it names no zone), or seconds or milliseconds since 1970."""
    number = _number(value)
    try:
        if number is not None:
            seconds = number / 1000 if abs(number) >= 100_000_000_000 else number
            return datetime.fromtimestamp(float(seconds), UTC)
        if not isinstance(value, str):
            return None
        time = datetime.fromisoformat(value.strip())
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True)
class FieldTest:
    """A text of the field equals, starts with, ends with or contains a text of another field."""

    field: str
    other: str
    how: str  # equals, startswith, endswith, contains
    is_cased: bool

    def holds(self, layers: Layers) -> bool:
        return any(
            self._compare(text, other)
            for text in texts_of(layers, self.field)
            for other in texts_of(layers, self.other)
        )

    def _compare(self, text: str, other: str) -> bool:
        if not self.is_cased:
            text, other = fold(text), fold(other)
        match self.how:
            case "startswith":
                return text.startswith(other)
            case "endswith":
                return text.endswith(other)
            case "contains":
                return other in text
        return text == other


Test = (
    TextTest
    | RegexTest
    | KeywordTest
    | KeywordRegexTest
    | NullTest
    | ExistsTest
    | CidrTest
    | CompareTest
    | TimeTest
    | FieldTest
)
Node = All | AnyOf | Not | Test
