"""Compare text as Sigma does: values as text, without regard to case."""

from functools import lru_cache
from typing import Any


def fold(text: str) -> str:
    """Fold case by Unicode's simple case folding: one character stays one, so `?` keeps its meaning.

    The Kelvin sign folds to k, long s to s, final sigma to sigma; sharp s and dotted capital I fold to themselves.
    """
    if text.isascii():
        return text.lower()
    folded = text.casefold()
    # casefold() maps each character to one or more; where the length stayed, every one of them to just one.
    if len(folded) == len(text):
        return folded
    return text.translate({ord(character): _fold_character(character) for character in set(text)})


def plain_name(name: str) -> str:
    """Return a field's name without case and blanks, as names are compared."""
    return _known_name(name) if len(name) <= _MAX_KNOWN_NAME else fold(name).replace(" ", "")


_MAX_KNOWN_NAME = 64  # characters: longer ones hardly come again


@lru_cache(maxsize=16_384)
def _known_name(name: str) -> str:
    return fold(name).replace(" ", "")


def text_of(value: Any) -> str | None:
    """Write a scalar as the text that rules compare with; None for what has no text (null, maps)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int) and value.bit_length() > 4096:  # decimal digits of hostile numbers take quadratic time
        return hex(value)
    return str(value) if isinstance(value, (int, float)) else None


def _fold_character(character: str) -> str:
    folded = character.casefold()
    if len(folded) == 1:
        return folded
    lowered = character.lower()
    return lowered if len(lowered) == 1 else character
