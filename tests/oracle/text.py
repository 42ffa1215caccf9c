"""Text as Sigma compares it: values written as text, case folded by character, patterns with wildcards."""

import re
from collections.abc import Sequence
from enum import Enum
from functools import cache, lru_cache
from typing import Any


class Wildcard(Enum):
    MANY = "*"  # any number of characters, none too
    ONE = "?"  # one character

    __hash__ = object.__hash__  # that of Enum is slow


Tokens = tuple[str | Wildcard, ...]  # literals and wildcards in a row

# Characters whose full case folding is several characters and that have a simple one: the lines of status S in
# Unicode's CaseFolding.txt. Dotted capital I has none, so it stays itself.
_SIMPLE_FOLDING = {
    "\u1e9e": "\u00df",
    **{chr(capital): chr(capital - 8) for start in (0x1F88, 0x1F98, 0x1FA8) for capital in range(start, start + 8)},
    "\u1fbc": "\u1fb3",
    "\u1fcc": "\u1fc3",
    "\u1ffc": "\u1ff3",
    "\u1fd3": "\u0390",
    "\u1fe3": "\u03b0",
    "\ufb05": "\ufb06",
}


@lru_cache(maxsize=10_000)
def fold(text: str) -> str:
    """Fold case by Unicode's simple folding: one character stays one."""
    return "".join(map(_fold_character, text))


@cache
def _fold_character(character: str) -> str:
    folded = character.casefold()
    return folded if len(folded) == 1 else _SIMPLE_FOLDING.get(character, character)


def text_of(value: Any) -> str | None:
    """Write a scalar as text; null and maps have none."""
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case int() | float():
            return str(value)
    return None


def tokens_of(written: str) -> Tokens:
    """Read a string of a rule: a backslash escapes a wildcard or a backslash, another one is itself."""
    tokens: list[str | Wildcard] = []
    position = 0
    while position < len(written):
        character = written[position]
        following = written[position + 1 : position + 2]
        if character == "\\" and following in ("*", "?", "\\") and following:
            tokens.append(following)
            position += 1
        elif character in "*?":
            tokens.append(Wildcard(character))
        else:
            tokens.append(character)
        position += 1
    return joined(tokens)


def joined(tokens: Sequence[str | Wildcard]) -> Tokens:
    """Join literals that stand side by side; drop empty ones."""
    result: list[str | Wildcard] = []
    for token in tokens:
        if isinstance(token, str) and result and isinstance(result[-1], str):
            result[-1] += token
        elif token != "":
            result.append(token)
    return tuple(result)


def is_like(text: str, tokens: Tokens, is_cased: bool) -> bool:
    """Say whether the whole text is like the pattern."""
    pattern = _expression(tokens, is_cased)
    return pattern.fullmatch(text if is_cased else fold(text)) is not None


@cache
def _expression(tokens: Tokens, is_cased: bool) -> re.Pattern[str]:
    written = {Wildcard.MANY: ".*", Wildcard.ONE: "."}
    parts = [
        written[token] if isinstance(token, Wildcard) else re.escape(token if is_cased else fold(token))
        for token in tokens
    ]
    return re.compile("".join(parts), re.DOTALL)
