"""Translate conditions that pySigma parsed into trees over atoms."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from itertools import product
from math import prod
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from tocsin.errors import RuleError
from tocsin.rules.atom import (
    Atom,
    CidrAtom,
    CompareAtom,
    ExistsAtom,
    FieldAtom,
    KeywordAtom,
    KeywordRegexAtom,
    NullAtom,
    RegexAtom,
    TextAtom,
    TimePartAtom,
)
from tocsin.rules.patterns import Kind, Pattern, Wildcard, pattern_of
from tocsin.rules.preparation import Variables
from tocsin.rules.regexes import search_of
from tocsin.rules.text import fold, text_of
from tocsin.rules.tree import And, Leaf, Not, Or, Tree

Place = Callable[[str], str]  # field name, "" for keywords -> where the rule says it, path:line

_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_MAX_FILLED = 100_000  # values that one value of a rule may become
_WILDCARDS = {SpecialChars.WILDCARD_MULTI: Wildcard.MANY, SpecialChars.WILDCARD_SINGLE: Wildcard.ONE}


class _UnusableError(Exception):
    """A value that no event can be compared with."""


def tree_of(condition: Any, place: Place, variables: Variables) -> Tree:
    """Translate one condition; `variables`: values of placeholders.

    Raises RuleError, with the place, for a value that no event can be compared with.
    """
    match condition:
        case ConditionAND():
            return _joined(And, [tree_of(part, place, variables) for part in condition.args])
        case ConditionOR():
            return _joined(Or, [tree_of(part, place, variables) for part in condition.args])
        case ConditionNOT():
            return Not(tree_of(condition.args[0], place, variables))
        case ConditionFieldEqualsValueExpression():
            field = str(condition.field)
            return _alternatives(condition.value, place, field, lambda value: _field_atom(field, value), variables)
        case ConditionValueExpression():
            return _alternatives(condition.value, place, "", _keyword_atom, variables)
    raise RuleError(place(""), f"its condition holds a {type(condition).__name__}, which is not known here")


def _joined(kind: type[And] | type[Or], parts: list[Tree]) -> Tree:
    """Join parts; what is of the same kind among them becomes part of the whole."""
    flat: list[Tree] = []
    for part in parts:
        flat.extend(part.of if isinstance(part, kind) else [part])
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def _alternatives(value: Any, place: Place, field: str, atom_of: Callable[[Any], Atom], variables: Variables) -> Tree:
    try:
        atoms = [atom_of(filled) for one in _expanded(value) for filled in _filled(one, variables)]
    except _UnusableError as error:
        of_field = f"field '{field}': " if field else ""
        raise RuleError(place(field), f"{of_field}{error}") from error
    return _joined(Or, [Leaf(atom) for atom in atoms])


def _expanded(value: Any) -> Iterator[Any]:
    if isinstance(value, SigmaExpansion):
        for one in value.values:
            yield from _expanded(one)
    else:
        yield value


def _filled(value: Any, variables: Variables) -> Iterator[Any]:
    """Yield a value with its placeholders replaced, once for each choice of their values."""
    if isinstance(value, SigmaRegularExpression):
        for regexp in _filled_string(value.regexp, lambda text: (text,), variables):
            filled = copy(value)
            filled.regexp = regexp
            yield filled
    elif isinstance(value, SigmaString):
        yield from _filled_string(value, lambda text: SigmaString(text).s, variables)
    else:
        yield value


def _filled_string(
    string: SigmaString, parts_of: Callable[[str], Sequence[Any]], variables: Variables
) -> Iterator[SigmaString]:
    """`parts_of`: what the text of a variable means; in a string it may hold wildcards, in a regex it is one."""
    names = {part.name for part in string.s if isinstance(part, Placeholder)}
    if not names:
        yield string
        return
    if missing := names - variables.keys():
        needed = ", ".join(f"%{name}%" for name in sorted(missing))
        raise _UnusableError(f"needs placeholder {needed}: give its values in a file, by --variables")
    choices = [
        [parts_of(text) for text in variables[part.name]] if isinstance(part, Placeholder) else [(part,)]
        for part in string.s
    ]
    if prod(map(len, choices)) > _MAX_FILLED:
        raise _UnusableError(f"its placeholders have more than {_MAX_FILLED:,} combinations of values")
    for choice in product(*choices):
        filled = copy(string)
        filled.s = type(string.s)(part for parts in choice for part in parts)
        yield filled


def _field_atom(field: str, value: Any) -> Atom:
    match value:
        case SigmaTimestampPart():
            return TimePartAtom(field, value.timestamp_part.name.lower(), int(value.number))
        case SigmaCasedString():
            return TextAtom(field, _pattern(value, str), is_cased=True)
        case SigmaString():
            return TextAtom(field, _pattern(value, fold))
        case SigmaNumber():
            return TextAtom(field, Pattern(Kind.EXACT, fold(text_of(value.number) or "")))
        case SigmaBool():
            return TextAtom(field, Pattern(Kind.EXACT, "true" if value.boolean else "false"))
        case SigmaNull():
            return NullAtom(field)
        case SigmaExists():
            return ExistsAtom(field, bool(value.exists))
        case SigmaRegularExpression():
            return RegexAtom(field, *_regex(value))
        case SigmaCIDRExpression():
            return CidrAtom(field, str(value.network))
        case SigmaCompareExpression():
            return CompareAtom(field, value.op.name.lower(), value.number.number)
        case SigmaFieldReference():
            return FieldAtom(field, value.field, _HOW[bool(value.starts_with), bool(value.ends_with)])
    raise _UnusableError(f"a value of type {type(value).__name__} has no meaning here")


_HOW: Mapping[tuple[bool, bool], str] = {
    (False, False): "equals",
    (True, False): "startswith",
    (False, True): "endswith",
    (True, True): "contains",
}


def _keyword_atom(value: Any) -> Atom:
    match value:
        case SigmaNumber() | SigmaBool():
            return KeywordAtom(_pattern(SigmaString.from_str(str(value).lower()), fold, is_within=True))
        case SigmaCasedString():
            return KeywordAtom(_pattern(value, str, is_within=True), is_cased=True)
        case SigmaString():
            return KeywordAtom(_pattern(value, fold, is_within=True))
        case SigmaRegularExpression():
            return KeywordRegexAtom(*_regex(value))
    raise _UnusableError(f"a keyword cannot be of type {type(value).__name__}")


def _pattern(string: SigmaString, change: Callable[[str], str], is_within: bool = False) -> Pattern:
    """Read a string; `change` is applied to its literals (case folding), `is_within` puts `*` at both ends."""
    parts = [change(part) if isinstance(part, str) else _WILDCARDS[SpecialChars(part)] for part in string.s]
    return pattern_of([Wildcard.MANY, *parts, Wildcard.MANY] if is_within else parts)


def _regex(value: SigmaRegularExpression) -> tuple[str, str]:
    pattern, flags = str(value.regexp), "".join(sorted(_FLAGS[flag] for flag in value.flags))
    try:
        search_of(pattern, flags)
    except ValueError as error:
        raise _UnusableError(str(error)) from error
    return pattern, flags
