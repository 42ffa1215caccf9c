"""Turn Sigma strings with wildcards into tests on text, many at once where that is quicker."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from sigma.types import SigmaString, SpecialChars

TextTest = Callable[[str], bool]


class Kind(IntEnum):
    """How a pattern lies in the text; the order is that of how much a hit says."""

    EXACT = 0
    SUFFIX = 1
    PREFIX = 2
    CONTAINS = 3
    GLOB = 4  # wildcards elsewhere
    ANYTHING = 5  # `*`: any text, the empty one too


@dataclass(frozen=True)
class Pattern:
    """One string of a rule: a literal at a certain place, or a sequence of literals and wildcards."""

    kind: Kind
    literal: str = ""
    parts: tuple[str | SpecialChars, ...] = ()  # of a glob


def pattern_of(string: SigmaString, change: Callable[[str], str], is_within: bool = False) -> Pattern:
    """Read a SigmaString; `change` is applied to its literals (case folding), `is_within` puts `*` at both ends."""
    star = SpecialChars.WILDCARD_MULTI
    parts: list[str | SpecialChars] = [star] if is_within else []
    for part in (*string.s, *([star] if is_within else ())):
        if part == "" or (part == star and parts and parts[-1] == star):
            continue
        if not isinstance(part, (str, SpecialChars)):
            raise TypeError(f"a Sigma string cannot hold a {type(part).__name__}")
        parts.append(change(part) if isinstance(part, str) else part)
    match parts:
        case []:
            return Pattern(Kind.EXACT)
        case [str(literal)]:
            return Pattern(Kind.EXACT, literal)
        case [SpecialChars.WILDCARD_MULTI]:
            return Pattern(Kind.ANYTHING)
        case [SpecialChars.WILDCARD_MULTI, str(literal)]:
            return Pattern(Kind.SUFFIX, literal)
        case [str(literal), SpecialChars.WILDCARD_MULTI]:
            return Pattern(Kind.PREFIX, literal)
        case [SpecialChars.WILDCARD_MULTI, str(literal), SpecialChars.WILDCARD_MULTI]:
            return Pattern(Kind.CONTAINS, literal)
    longest = max((part for part in parts if isinstance(part, str)), key=len, default="")
    return Pattern(Kind.GLOB, longest, tuple(parts))


def any_of(patterns: Sequence[Pattern]) -> TextTest:
    """Make one test that holds where any of the patterns does; never, where there are none."""
    by_kind = {kind: tuple(p.literal for p in patterns if p.kind is kind) for kind in Kind}
    tests: list[TextTest] = []
    if by_kind[Kind.ANYTHING]:
        return lambda _: True
    if exact := by_kind[Kind.EXACT]:
        tests.append(frozenset(exact).__contains__)
    if suffixes := by_kind[Kind.SUFFIX]:
        tests.append(lambda text: text.endswith(suffixes))
    if prefixes := by_kind[Kind.PREFIX]:
        tests.append(lambda text: text.startswith(prefixes))
    if needles := by_kind[Kind.CONTAINS]:
        tests.append(_contains_any(needles))
    tests.extend(_glob(pattern.parts) for pattern in patterns if pattern.kind is Kind.GLOB)
    return tests[0] if len(tests) == 1 else _either(tests)


def _contains_any(needles: tuple[str, ...]) -> TextTest:
    if len(needles) == 1:
        (needle,) = needles
        return lambda text: needle in text

    def test(text: str) -> bool:
        for needle in needles:  # noqa: SIM110 - any() with a generator takes twice the time
            if needle in text:
                return True
        return False

    return test


def _either(tests: Sequence[TextTest]) -> TextTest:
    def test(text: str) -> bool:
        for one in tests:  # noqa: SIM110 - as above
            if one(text):
                return True
        return False

    return test


def _glob(parts: Sequence[str | SpecialChars]) -> TextTest:
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


def _between_stars(parts: Iterable[str | SpecialChars]) -> list[list[str | SpecialChars]]:
    pieces: list[list[str | SpecialChars]] = [[]]
    for part in parts:
        if part is SpecialChars.WILDCARD_MULTI:
            pieces.append([])
        else:
            pieces[-1].append(part)
    return pieces


def _piece(parts: Iterable[str | SpecialChars]) -> re.Pattern[str]:
    """Compile a piece without `*`: all its matches have one length."""
    return re.compile("".join(re.escape(part) if isinstance(part, str) else "." for part in parts), re.DOTALL)
