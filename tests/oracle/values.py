"""From `Field|modifier|modifier: values` of a rule to tests of an event, each modifier expanded here."""

import ipaddress
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from tests.oracle.errors import UnsupportedRule
from tests.oracle.nodes import (
    All,
    AnyOf,
    CidrTest,
    CompareTest,
    ExistsTest,
    FieldTest,
    KeywordRegexTest,
    KeywordTest,
    Node,
    Not,
    NullTest,
    RegexTest,
    TextTest,
    TimeTest,
)
from tests.oracle.regexes import compiled
from tests.oracle.text import Tokens, Wildcard, joined, text_of, tokens_of

Variables = Mapping[str, Sequence[str]]  # name of a placeholder -> its values, strings as in a rule

_COMPARISONS = {"lt", "lte", "gt", "gte"}
_TIME_PARTS = {"minute", "hour", "day", "week", "month", "year"}
_REGEX_FLAGS = {"i": "i", "m": "m", "s": "s", "ignorecase": "i", "multiline": "m", "dotall": "s"}
_ENCODINGS = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16": "utf-16-le", "utf16be": "utf-16-be"}
_AFFIXES = {"contains", "startswith", "endswith"}
_DASHES = "-/\u2013\u2014\u2015"
_MAX_DASHES = 5  # in one value, each of which may be any of five
_BYTE_ORDER_MARK = "\ufeff"


def item_of(key: str, written: Any, variables: Variables) -> Node:
    """Read one line of a selection; a key without a name is of keywords."""
    name, *modifiers = key.split("|")
    values = written if isinstance(written, list) else [written]
    if not values:
        raise UnsupportedRule(f"'{key}' has no value")
    of_values = [modifier for modifier in modifiers if modifier not in ("all", "neq")]
    alternatives = tuple(_value(name, of_values, value, variables) for value in values)
    node: Node = All(alternatives) if "all" in modifiers else AnyOf(alternatives)
    return Not(node) if "neq" in modifiers else node


def _value(name: str, modifiers: list[str], value: Any, variables: Variables) -> Node:
    """Read one value."""
    known = set(modifiers)
    if value is None and not modifiers and name:
        return NullTest(name)
    if not isinstance(value, (str, int, float)):
        raise UnsupportedRule(f"'{name}' with {modifiers} of a {type(value).__name__}")
    if "re" in known:
        return _regex(name, modifiers, value, variables)
    if not name or not known & {"exists", "cidr", "fieldref", *_COMPARISONS, *_TIME_PARTS}:
        return _text(name, modifiers, value, variables)
    if "fieldref" in known and isinstance(value, str):
        return _reference(name, known - {"fieldref"}, value)
    if len(modifiers) > 1:
        raise UnsupportedRule(f"modifiers {modifiers} together")
    return _other(name, modifiers[0], value)


def _other(name: str, modifier: str, value: Any) -> Node:
    """Read a value that is not compared as text."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if modifier == "exists" and isinstance(value, bool):
        return ExistsTest(name, value)
    if modifier in _COMPARISONS and is_number:
        return CompareTest(name, modifier, value)
    if modifier in _TIME_PARTS and isinstance(value, int) and is_number:
        return TimeTest(name, modifier, value)
    if modifier == "cidr" and isinstance(value, str):
        try:
            return CidrTest(name, ipaddress.ip_network(value, strict=False))
        except ValueError as error:
            raise UnsupportedRule(str(error)) from error
    raise UnsupportedRule(f"'{name}|{modifier}' of {value!r}")


def _reference(name: str, others: set[str], value: str) -> Node:
    affixes = others & _AFFIXES
    if others - _AFFIXES - {"cased"} or len(affixes) > 1 or re.search(r"[*?]", value):
        raise UnsupportedRule(f"reference to '{value}' with {sorted(others)}")
    return FieldTest(name, value, next(iter(affixes), "equals"), "cased" in others)


def _regex(name: str, modifiers: list[str], value: Any, variables: Variables) -> Node:
    others = [modifier for modifier in modifiers[1:] if modifier not in _REGEX_FLAGS]
    if modifiers[0] != "re" or set(others) - {"expand", "contains"} or not isinstance(value, str):
        raise UnsupportedRule(f"a regular expression with {modifiers}")
    flags = "".join(sorted({_REGEX_FLAGS[modifier] for modifier in modifiers[1:] if modifier in _REGEX_FLAGS}))
    patterns = _filled_regex(value, variables) if "expand" in others else [value]
    for pattern in patterns:
        compiled(pattern, flags)
    return _any([RegexTest(name, p, flags) if name else KeywordRegexTest(p, flags) for p in patterns])


def _text(name: str, modifiers: list[str], value: Any, variables: Variables) -> Node:
    """Read a value that is compared as text. Each modifier makes one or several patterns of each pattern."""
    written = text_of(value) or ""
    if not isinstance(value, str):
        patterns: list[Tokens] = [(written,)]
    elif "expand" in modifiers:
        patterns = _filled(written, variables)
    else:
        patterns = [tokens_of(written)]
    encoding = ""
    for modifier in modifiers:
        if modifier in ("base64", "base64offset"):
            encode = _base64 if modifier == "base64" else _base64_at_offsets
            patterns = [(text,) for tokens in patterns for text in encode(_bytes(tokens, encoding))]
            encoding = ""
        elif modifier in _ENCODINGS:
            encoding = modifier
        elif modifier == "windash":
            patterns = [variant for tokens in patterns for variant in _with_dashes(tokens)]
        elif modifier in _AFFIXES:
            if not name and modifier != "contains":
                raise UnsupportedRule(f"a keyword with {modifier}")
            patterns = [_affixed(tokens, modifier) for tokens in patterns]
        elif modifier not in ("cased", "expand"):
            raise UnsupportedRule(f"modifier '{modifier}'")
    if encoding:
        patterns = [_encoded(tokens, encoding) for tokens in patterns]
    is_cased = "cased" in modifiers
    return _any([TextTest(name, p, is_cased) if name else KeywordTest(p, is_cased) for p in patterns])


def _any(tests: Sequence[Node]) -> Node:
    return tests[0] if len(tests) == 1 else AnyOf(tuple(tests))


def _affixed(tokens: Tokens, modifier: str) -> Tokens:
    before = () if modifier == "startswith" else (Wildcard.MANY,)
    after = () if modifier == "endswith" else (Wildcard.MANY,)
    return (*before, *tokens, *after)


def _with_dashes(tokens: Tokens) -> list[Tokens]:
    """Put each of the five dashes where a dash leads a word."""
    places = re.compile(rf"\B([{_DASHES}])\b")
    pieces: list[str | Wildcard] = []
    for token in tokens:
        pieces += [token] if isinstance(token, Wildcard) else places.split(token)
    is_dash = [
        isinstance(token, str) and number % 2 == 1
        for part in tokens
        for number, token in enumerate([part] if isinstance(part, Wildcard) else places.split(part))
    ]
    if sum(is_dash) > _MAX_DASHES:
        raise UnsupportedRule(f"more than {_MAX_DASHES} dashes")
    choices = [list(_DASHES) if dash else [piece] for dash, piece in zip(is_dash, pieces, strict=True)]
    return [joined(choice) for choice in product(*choices)]


def _encoded(tokens: Tokens, encoding: str) -> Tokens:
    """Write the bytes of an encoding as text."""
    try:
        parts = [t if isinstance(t, Wildcard) else t.encode(_ENCODINGS[encoding]).decode() for t in tokens]
    except UnicodeDecodeError as error:
        raise UnsupportedRule(f"bytes of {encoding} that are no text") from error
    return joined([_BYTE_ORDER_MARK, *parts] if encoding == "utf16" else parts)


def _bytes(tokens: Tokens, encoding: str) -> bytes:
    text = "".join(token for token in tokens if isinstance(token, str))
    if any(isinstance(token, Wildcard) for token in tokens):
        raise UnsupportedRule("wildcards in what is encoded")
    return ((_BYTE_ORDER_MARK if encoding == "utf16" else "") + text).encode(_ENCODINGS.get(encoding, "utf-8"))


def _base64(content: bytes) -> list[str]:
    return [b64encode(content).decode()]


def _base64_at_offsets(content: bytes) -> list[str]:
    """Return what is the same whatever stands before and after, 0, 1 and 2 bytes into a group of three."""
    variants = []
    for offset in range(3):
        bits_before, bits_after = 8 * offset, 8 * (offset + len(content))
        encoded = b64encode(b"\0" * offset + content + b"\0\0").decode()
        variants.append(encoded[-(-bits_before // 6) : bits_after // 6])  # characters of six bits of the content each
    return variants


_PLACEHOLDER = re.compile(r"\\(.)|%([^%\\]+)%", re.DOTALL)


def _filled(written: str, variables: Variables) -> list[Tokens]:
    """Put the values of its variables into a string; `\\%` is a percent sign."""
    choices: list[list[Tokens]] = []
    raw = ""
    position = 0
    for found in _PLACEHOLDER.finditer(written):
        raw += written[position : found.start()]
        position = found.end()
        if found[1] is not None:
            raw += "%" if found[1] == "%" else found[0]
            continue
        choices += [[tokens_of(raw)], [tokens_of(value) for value in _variable(found[2], variables)]]
        raw = ""
    choices.append([tokens_of(raw + written[position:])])
    return [joined([token for tokens in choice for token in tokens]) for choice in product(*choices)]


def _filled_regex(written: str, variables: Variables) -> list[str]:
    """Put the values of its variables into a regular expression, as they are written."""
    parts = re.split(r"%([^%\\]+)%", written)
    choices = [_variable(part, variables) if number % 2 else [part] for number, part in enumerate(parts)]
    return ["".join(choice) for choice in product(*choices)]


def _variable(name: str, variables: Variables) -> Sequence[str]:
    if name not in variables:
        raise UnsupportedRule(f"no values for placeholder %{name}%")
    return variables[name]
