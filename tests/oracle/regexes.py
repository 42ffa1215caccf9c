"""Regular expressions of rules, which are PCRE's, written for Python's `re`."""

import re
import warnings
from functools import cache

from tests.oracle.errors import UnsupportedRule

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}

# Python takes these two for forms of `i`; in simple case folding they are only themselves.
_OTHER_I = str.maketrans({"\u0130": "\ue130", "\u0131": "\ue131"})


def is_found(text: str, pattern: str, flags: str) -> bool:
    """Say whether the expression is found anywhere in the text. Flags: any of i, m, s."""
    return compiled(pattern, flags).search(text.translate(_OTHER_I)) is not None


@cache
def compiled(pattern: str, flags: str) -> re.Pattern[str]:
    """Compile an expression. Raises UnsupportedRule for what `re` does not know."""
    options = re.NOFLAG
    for flag in flags:
        options |= _FLAGS[flag]
    inline = re.match(r"\(\?([imsx]+)\)", pattern)
    is_multiline = "m" in flags or (inline is not None and "m" in inline[1])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of brackets in classes, which mean what they say
            return re.compile(_written(pattern, is_multiline).translate(_OTHER_I), options)
    except (re.error, RecursionError, OverflowError) as error:
        raise UnsupportedRule(f"regular expression '{pattern}': {error}") from error


def _written(pattern: str, is_multiline: bool) -> str:
    """Make `$` the end of the text and the classes (`\\w`, `\\b`, ...) those of ASCII."""
    return "".join(_part(part, is_multiline) for part in _PARTS.findall(pattern))


_PARTS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|.", re.DOTALL)  # a class, an escape, another character


def _part(part: str, is_multiline: bool) -> str:
    if part == "$" and not is_multiline:
        return r"\Z"
    if part.startswith("[") and len(part) > 1:
        if "[:" in part:
            raise UnsupportedRule(f"named class in '{part}'")
        part = re.sub(r"^\[(\^?)\]", r"[\1\\]", part)
        return f"(?a:{part})" if re.search(r"\\[dwsDWS]", part) else part
    if part in (r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r"\b", r"\B"):
        return f"(?a:{part})"
    return {r"\z": r"\Z", r"\Z": r"(?=\n?\Z)"}.get(part, part)
