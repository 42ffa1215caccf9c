"""Atoms: what a rule asks of one field of an event, as plain data that can be compared and kept on disk."""

import msgspec

from tocsin.rules.patterns import Pattern


class TextAtom(msgspec.Struct, frozen=True, tag="text"):
    """A value is like a pattern: folded text where `is_cased` is not set, else the text as it came."""

    field: str
    pattern: Pattern
    is_cased: bool = False


class RegexAtom(msgspec.Struct, frozen=True, tag="regex"):
    """A regular expression is found in a value. Flags: any of i, m, s."""

    field: str
    pattern: str
    flags: str = ""


class NullAtom(msgspec.Struct, frozen=True, tag="null"):
    """The field is missing, null, an empty list, or a list with a null in it."""

    field: str


class ExistsAtom(msgspec.Struct, frozen=True, tag="exists"):
    """The field is there, whatever its value; or is not there."""

    field: str
    is_wanted: bool


class CidrAtom(msgspec.Struct, frozen=True, tag="cidr"):
    """A value is an address of a network, such as 10.0.0.0/8 or fe80::/10."""

    field: str
    network: str


class CompareAtom(msgspec.Struct, frozen=True, tag="compare"):
    """A value is a number that is lt, lte, gt, gte or neq the limit."""

    field: str
    operator: str
    limit: int | float


class TimePartAtom(msgspec.Struct, frozen=True, tag="time"):
    """A value is a time whose minute, hour, day, week, month or year (UTC) is that number."""

    field: str
    part: str
    number: int


class FieldAtom(msgspec.Struct, frozen=True, tag="field"):
    """A folded value equals, starts with, ends with or contains one of another field."""

    field: str
    other: str
    how: str = "equals"  # equals, startswith, endswith, contains


class KeywordAtom(msgspec.Struct, frozen=True, tag="keyword"):
    """Any value of the event, whatever its field, is like a pattern."""

    pattern: Pattern
    is_cased: bool = False


class KeywordRegexAtom(msgspec.Struct, frozen=True, tag="keyword-regex"):
    """A regular expression is found in any value of the event. Flags as in RegexAtom."""

    pattern: str
    flags: str = ""


Atom = (
    TextAtom
    | RegexAtom
    | NullAtom
    | ExistsAtom
    | CidrAtom
    | CompareAtom
    | TimePartAtom
    | FieldAtom
    | KeywordAtom
    | KeywordRegexAtom
)
