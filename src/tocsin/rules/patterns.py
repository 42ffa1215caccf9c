"""Patterns of text with wildcards, and tests of text made of them."""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum

import msgspec

TextTest = Callable[[str], bool]


class Wildcard(IntEnum):
    """What stands for text that is not given; both cross line ends."""

    MANY = 0  # `*`: any number of characters, none too
    ONE = 1  # `?`: one character


class Kind(IntEnum):
    """How a pattern lies in the text; the order is that of how much a hit says."""

    EXACT = 0
    SUFFIX = 1
    PREFIX = 2
    CONTAINS = 3
    GLOB = 4  # wildcards elsewhere
    ANYTHING = 5  # `*`: any text, the empty one too


class Pattern(msgspec.Struct, frozen=True):
    """One string of a rule: a literal at a certain place, or a sequence of literals and wildcards."""

    kind: Kind
    literal: str = ""  # of a glob, its longest one
    parts: tuple[str | Wildcard, ...] = ()  # of a glob


def pattern_of(parts: Iterable[str | Wildcard]) -> Pattern:
    """Make the pattern of literals and wildcards in a row."""
    joined: list[str | Wildcard] = []
    for part in parts:
        if part == "" or (part is Wildcard.MANY and joined and joined[-1] is Wildcard.MANY):
            continue
        if type(part) is str and joined and type(joined[-1]) is str:
            joined[-1] += part
        else:
            joined.append(part)
    match joined:
        case []:
            return Pattern(Kind.EXACT)
        case [str(literal)]:
            return Pattern(Kind.EXACT, literal)
        case [Wildcard.MANY]:
            return Pattern(Kind.ANYTHING)
        case [Wildcard.MANY, str(literal)]:
            return Pattern(Kind.SUFFIX, literal)
        case [str(literal), Wildcard.MANY]:
            return Pattern(Kind.PREFIX, literal)
        case [Wildcard.MANY, str(literal), Wildcard.MANY]:
            return Pattern(Kind.CONTAINS, literal)
    longest = max((part for part in joined if isinstance(part, str)), key=len, default="")
    return Pattern(Kind.GLOB, longest, tuple(joined))


def test_of(pattern: Pattern) -> TextTest:
    """Make a test of text; case counts."""
    literal = pattern.literal
    match pattern.kind:
        case Kind.EXACT:
            return literal.__eq__
        case Kind.SUFFIX:
            return lambda text: text.endswith(literal)
        case Kind.PREFIX:
            return lambda text: text.startswith(literal)
        case Kind.CONTAINS:
            return lambda text: literal in text
        case Kind.ANYTHING:
            return lambda _: True
    return _glob(pattern.parts)


def _glob(parts: Sequence[str | Wildcard]) -> TextTest:
    """Match wildcards without backtracking: every piece between two `*` at its leftmost place, the last at the end."""
    pieces = _between_stars(parts)
    first, *middle = [_piece(piece) for piece in pieces]
    if not middle:
        return lambda text: first.fullmatch(text) is not None
    last = middle.pop()
    last_length = sum(len(part) if isinstance(part, str) else 1 for part in pieces[-1])

    def test(text: str) -> bool:
        found = first.match(text)
        for piece in middle:
            if found is None:
                return False
            found = piece.search(text, found.end())
        last_start = len(text) - last_length
        return found is not None and found.end() <= last_start and last.match(text, last_start) is not None

    return test


def _between_stars(parts: Iterable[str | Wildcard]) -> list[list[str | Wildcard]]:
    pieces: list[list[str | Wildcard]] = [[]]
    for part in parts:
        if part is Wildcard.MANY:
            pieces.append([])
        else:
            pieces[-1].append(part)
    return pieces


def _piece(parts: Iterable[str | Wildcard]) -> re.Pattern[str]:
    """Compile a piece without `*`: all its matches have one length."""
    return re.compile("".join(re.escape(part) if isinstance(part, str) else "." for part in parts), re.DOTALL)
