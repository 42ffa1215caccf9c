"""Values for which a test of a rule holds, and values that only just fail it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.oracle.nodes import CidrTest, CompareTest, KeywordRegexTest, KeywordTest, RegexTest, Test, TextTest, TimeTest
from tests.oracle.regexes import compiled
from tests.oracle.text import Tokens, Wildcard

_parse = re._parser.parse  # type: ignore[attr-defined]


def witnesses(test: Test) -> Iterator[Any]:
    """Yield values for which the test should hold; the first one is the plainest."""
    match test:
        case TextTest() | KeywordTest():
            yield from _texts(test.tokens)
        case RegexTest() | KeywordRegexTest():
            yield from _found_by(test.pattern, test.flags)
        case CidrTest():
            yield str(test.network.network_address)
            yield str(test.network.broadcast_address)
        case CompareTest():
            step = {"lt": -1, "lte": 0, "gt": 1, "gte": 0}[test.how]
            yield test.limit + step
            yield str(test.limit + step)
        case TimeTest():
            yield from (time for time in _times() if test.holds([{test.field: time}]))


def near_misses(test: Test) -> Iterator[Any]:
    """Yield values that differ little from one for which the test holds; it may hold for some of them too."""
    match test:
        case TextTest() | KeywordTest():
            text = next(_texts(test.tokens))
            yield from _changed(text)
            yield text.swapcase()
            for tokens in _shifted(test.tokens):
                yield _written(tokens, "")
        case RegexTest() | KeywordRegexTest():
            for text in _found_by(test.pattern, test.flags):
                yield from _changed(text)
                yield text.swapcase()
                break
        case CidrTest():
            first, last = test.network.network_address, test.network.broadcast_address
            yield str(first - 1 if int(first) else last + 1)
            yield "::ffff:" + str(first) if test.network.version == 4 else "10.0.0.1"
        case CompareTest():
            yield from (test.limit - 1, test.limit, test.limit + 1, str(test.limit), f"{test.limit}x")
        case TimeTest():
            yield from _times()


def _texts(tokens: Tokens) -> Iterator[str]:
    yield _written(tokens, "")
    if Wildcard.MANY in tokens:
        yield _written(tokens, "z\nq")


def _written(tokens: Tokens, many: str) -> str:
    return "".join({Wildcard.MANY: many, Wildcard.ONE: "q"}[t] if isinstance(t, Wildcard) else t for t in tokens)


def _changed(text: str) -> Iterator[str]:
    """Yield a text with one more character at either end, one less, and one changed here and there."""
    yield from ("~" + text, text + "~", text + "\n", text[1:], text[:-1])
    for place in {0, len(text) // 2, len(text) - 1} if text else ():
        yield f"{text[:place]}{'~' if text[place] != '~' else '!'}{text[place + 1 :]}"


def _shifted(tokens: Tokens) -> Iterator[Tokens]:
    """Yield a pattern with one character of one literal changed, or one wildcard filled otherwise."""
    for number, token in enumerate(tokens):
        if token is Wildcard.ONE:
            yield (*tokens[:number], *tokens[number + 1 :])
            yield (*tokens[:number], "\n", *tokens[number + 1 :])
        elif isinstance(token, str):
            yield (*tokens[:number], token[:-1] + ("~" if token[-1] != "~" else "!"), *tokens[number + 1 :])


def _times() -> Iterator[str]:
    for number in range(60):
        yield datetime(2026, 1 + number % 12, 1 + number % 28, number % 24, number, 30, tzinfo=UTC).isoformat()
    for year in range(1990, 2040):
        yield datetime(year, 7, 1, tzinfo=UTC).isoformat()


def _found_by(pattern: str, flags: str) -> Iterator[str]:
    expression = compiled(pattern, flags)
    parsed = _parse(expression.pattern, expression.flags)
    for fill in ("q", "7", " ", "-", "/"):
        for repeats in (0, 1, 3):
            text = _Writer(fill, repeats).sequence(parsed)
            if expression.search(text):
                yield text


class _Writer:
    """Writes text that a parsed regular expression is likely to be found in."""

    def __init__(self, fill: str, repeats: int) -> None:
        """`fill`: the character for any character; `repeats`: how often more than needed a part is repeated."""
        self._fill = fill
        self._repeats = repeats
        self._groups: dict[int, str] = {}

    def sequence(self, parsed: Any) -> str:
        return "".join(self._part(str(operation), argument) for operation, argument in parsed)

    def _part(self, operation: str, argument: Any) -> str:
        match operation:
            case "LITERAL":
                return chr(argument)
            case "NOT_LITERAL":
                return self._fill if ord(self._fill) != argument else "~"
            case "ANY":
                return self._fill
            case "IN":
                return self._member(argument)
            case "BRANCH":
                return self.sequence(argument[1][0])
            case "SUBPATTERN":
                text = self.sequence(argument[3])
                self._groups[argument[0]] = text
                return text
            case "ATOMIC_GROUP":
                return self.sequence(argument)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, repeated = argument
                count = min(int(most), int(least) + self._repeats)
                return "".join(self.sequence(repeated) for _ in range(count))
            case "GROUPREF":
                return self._groups.get(argument, "")
        return ""  # anchors, and what lies ahead or behind

    def _member(self, members: Any) -> str:
        candidates = [self._fill, *"aA0 _-\\/.\t\u00e9~", *map(chr, range(32, 127))]
        for operation, argument in members:
            if str(operation) == "LITERAL":
                candidates.insert(1, chr(argument))
            if str(operation) == "RANGE":
                candidates.insert(1, chr(argument[0]))
        return next((one for one in candidates if _is_member(one, members)), "")


def _is_member(character: str, members: Any) -> bool:
    is_negated = bool(members) and str(members[0][0]) == "NEGATE"
    is_listed = any(_is_listed(character, str(operation), argument) for operation, argument in members)
    return bool(is_listed != is_negated)


def _is_listed(character: str, operation: str, argument: Any) -> bool:
    match operation:
        case "LITERAL":
            return bool(ord(character) == argument)
        case "RANGE":
            return bool(argument[0] <= ord(character) <= argument[1])
        case "CATEGORY":
            return _CATEGORIES[str(argument)].fullmatch(character) is not None
    return False


_CATEGORIES = {
    "CATEGORY_DIGIT": re.compile(r"\d", re.ASCII),
    "CATEGORY_NOT_DIGIT": re.compile(r"\D", re.ASCII),
    "CATEGORY_SPACE": re.compile(r"\s", re.ASCII),
    "CATEGORY_NOT_SPACE": re.compile(r"\S", re.ASCII),
    "CATEGORY_WORD": re.compile(r"\w", re.ASCII),
    "CATEGORY_NOT_WORD": re.compile(r"\W", re.ASCII),
}
