"""Regular expressions of rules: Sigma's, which are PCRE's, written for the engine that decides them."""

from collections.abc import Callable

import regex

# A regular expression of a rule on text of an attacker: one that runs longer gives TimeoutError, not a hang.
TIMEOUT_SECONDS = 0.25

_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL}

# PCRE's classes are of ASCII unless told otherwise; those of `regex` are of Unicode.
_MEMBERS = {
    "d": "0-9",
    "w": "A-Za-z0-9_",
    "s": " \\t\\n\\v\\f\\r",
    "D": "\\x00-/:-\\U0010ffff",
    "W": "\\x00-/:-@\\[-\\^`{-\\U0010ffff",
    "S": "\\x00-\\x08\\x0e-\\x1f!-\\U0010ffff",
}
_WORD = "[A-Za-z0-9_]"
_WORD_START = f"(?:(?<!{_WORD})(?={_WORD}))"
_WORD_END = f"(?:(?<={_WORD})(?!{_WORD}))"
_BOUNDARY = f"(?:{_WORD_START}|{_WORD_END})"
_NO_BOUNDARY = f"(?!{_BOUNDARY})"


def search_of(pattern: str, flags: str) -> Callable[[str], bool]:
    """Make a test that finds the expression in a text. It raises TimeoutError after TIMEOUT_SECONDS.

    `$` without the flag m is the end of the text, never before a last line feed; classes such as `\\w` are of ASCII.
    Raises ValueError with the reason where the expression is none.
    """
    options = regex.VERSION0
    for flag in flags:
        options |= _FLAGS[flag]
    try:
        search = regex.compile(_rewritten(pattern, "m" in flags), options).search
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"regular expression '{pattern}': {error}") from error
    return lambda text: search(text, timeout=TIMEOUT_SECONDS) is not None


def _rewritten(pattern: str, is_multiline: bool) -> str:
    written = []
    is_in_class = False
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            written.append(_escape(pattern[position : position + 2], is_in_class))
            position += 2
            continue
        if is_in_class:
            is_in_class = character != "]"
        elif character == "[":
            end = position + 1 + (pattern[position + 1 : position + 2] == "^")
            end += pattern[end : end + 1] == "]"  # a bracket that comes first is one of the class
            written.append(pattern[position:end].replace("]", "\\]"))
            is_in_class = True
            position = end
            continue
        elif character == "$" and not is_multiline:
            character = "\\Z"
        written.append(character)
        position += 1
    return "".join(written)


def _escape(escape: str, is_in_class: bool) -> str:
    members = _MEMBERS.get(escape[1:])
    if members is not None:
        return members if is_in_class else f"[{members}]"
    if is_in_class:
        return escape
    return _OTHER_ESCAPES.get(escape[1:], escape)


_OTHER_ESCAPES = {"b": _BOUNDARY, "B": _NO_BOUNDARY, "z": "\\Z", "Z": "(?=\\n?\\Z)"}
