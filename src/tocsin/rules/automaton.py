"""Find which of many expressions lie in a text, all in one pass (Hyperscan, linear time)."""

import re

import hyperscan

from tocsin.rules.patterns import Kind, Pattern, Wildcard

_COMMON = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_UTF8
_PATTERN_FLAGS = _COMMON | hyperscan.HS_FLAG_DOTALL
# It only has to find too much rather than too little: what it finds is decided by the engine of `regexes`.
_REGEX_FLAGS = _COMMON | hyperscan.HS_FLAG_ALLOWEMPTY | hyperscan.HS_FLAG_PREFILTER
_FLAGS = {"i": hyperscan.HS_FLAG_CASELESS, "m": hyperscan.HS_FLAG_MULTILINE, "s": hyperscan.HS_FLAG_DOTALL}

Expression = tuple[bytes, int]  # in PCRE's syntax, with Hyperscan's flags

# Hyperscan refuses expressions of 16,000 bytes; a regular one of 3,400 takes it half a minute, one of 1,000 a second.
# SigmaHQ's longest has 400. What is longer is searched for without it.
MAX_EXPRESSION_BYTES = 1_000


class Automaton:
    """Finds expressions by number, in a compiled database with its scratch. It finds nothing in an empty text."""

    def __init__(self, database: "hyperscan.Database") -> None:
        found: list[int] = []

        def on_match(number: int, _start: int, _end: int, _flags: int, _context: object) -> None:
            found.append(number)

        self._scan = database.scan
        self._found = found
        self._on_match = on_match

    def find(self, text: bytes) -> list[int]:
        """Return the numbers of the expressions that lie in a text (UTF-8), each once."""
        try:
            self._scan(text, self._on_match)
        except BaseException:  # a Ctrl-C, too: what it found so far is not of the next text
            self._found.clear()
            raise
        if not self._found:
            return []
        found = self._found[:]
        self._found.clear()
        return found

    def finds_any(self, text: bytes) -> bool:
        """Say whether any of the expressions lies in a text."""
        try:
            self._scan(text, self._on_match)
        except BaseException:  # a Ctrl-C, too: what it found so far is not of the next text
            self._found.clear()
            raise
        if not self._found:
            return False
        self._found.clear()
        return True


def expression_of(pattern: Pattern) -> Expression:
    """Write a pattern as an expression; case counts."""
    literal = _escaped(pattern.literal)
    match pattern.kind:
        case Kind.EXACT:
            written = rf"\A{literal}\z"
        case Kind.SUFFIX:
            written = rf"{literal}\z"
        case Kind.PREFIX:
            written = rf"\A{literal}"
        case Kind.CONTAINS:
            written = literal
        case Kind.ANYTHING:
            written = r"\A"
        case Kind.GLOB:
            written = _glob(pattern)
    return written.encode(), _PATTERN_FLAGS


def _glob(pattern: Pattern) -> str:
    parts = list(pattern.parts)
    start, end = r"\A", r"\z"
    if parts[0] is Wildcard.MANY:
        start = ""
        del parts[0]
    if parts and parts[-1] is Wildcard.MANY:
        end = ""
        del parts[-1]
    return start + "".join(_WRITTEN[part] if isinstance(part, Wildcard) else _escaped(part) for part in parts) + end


_WRITTEN = {Wildcard.MANY: ".*", Wildcard.ONE: "."}


def _escaped(literal: str) -> str:
    return "".join(
        character if character.isalnum() or ord(character) > 127 else f"\\x{ord(character):02x}"
        for character in literal
    )


def regex_expression(pattern: str, flags: str) -> Expression | None:
    """Write a regular expression as one that finds wherever it does, or more; None where that cannot be had.

    Hyperscan may refuse it all the same.
    """
    if "(?" in pattern.removeprefix("(?i)") and _sets_flags_within(pattern.removeprefix("(?i)")):
        return None
    options = _REGEX_FLAGS
    for flag in flags:
        options |= _FLAGS[flag]
    written = _LARGE_REPEAT.sub(_unlimited, pattern).encode()
    return (written, options) if len(written) <= MAX_EXPRESSION_BYTES else None


def exact_expression(pattern: str, flags: str) -> Expression | None:
    """Write a regular expression as one that means the same on text of ASCII; None for what engines may read otherwise.

    Hyperscan may refuse it all the same.
    """
    if (
        not pattern.isascii()
        or len(pattern) > MAX_EXPRESSION_BYTES
        or _UNSURE.search(pattern)
        or _LARGE_REPEAT.sub(_unlimited, pattern) != pattern
    ):
        return None
    options = _COMMON | hyperscan.HS_FLAG_ALLOWEMPTY
    for flag in flags:
        options |= _FLAGS[flag]
    if "m" not in flags:
        pattern = _PARTS.sub(lambda part: r"\z" if part[0] == "$" else part[0], pattern)
    return pattern.encode(), options


_PARTS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|\$", re.DOTALL)  # a class, an escape, the end of the text
# Escapes but for the common ones, groups but for plain ones, POSIX classes, a repeat without a lower limit, `#` and the
# brackets of a class within a class.
_UNSURE = re.compile(r"\\[^dwsDWSbnrtf.\\/\-+*?()\[\]{}|^$\"' :=,;<>%&@!~`_]|\(\?(?!:)|\[:|\{,|\[[^\]]*\[")

# A large repeat takes minutes to compile; without a limit the expression finds more. In a class a brace is no repeat.
_LARGE_REPEAT = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\{(\d+),?(\d*)\}", re.DOTALL)
_LARGE = 16


def _unlimited(repeat: re.Match[str]) -> str:
    if repeat[1] or max(int(repeat[2]), int(repeat[3] or 0)) <= _LARGE:
        return repeat[0]
    return "*" if repeat[2] == "0" else "+"


def _sets_flags_within(pattern: str) -> bool:
    """Tell whether flags are set in the middle, which engines understand differently."""
    return any(after[:1].isalpha() or after[:1] == "-" for after in pattern.split("(?")[1:] if after[:2] != "P<")
