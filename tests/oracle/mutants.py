"""Rules with one atom dropped or shifted: what tests of the engine have to notice."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import msgspec

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
from tocsin.rules.patterns import Kind, Pattern, Wildcard
from tocsin.rules.rule import Rule
from tocsin.rules.tree import And, Leaf, Not, Or, Tree

Path = tuple[int, ...]


def mutant(rule: Rule, random: Random) -> tuple[Rule, Atom, str]:
    """Return the rule with one atom dropped or shifted, the atom, and what was done to it."""
    path = random.choice(list(_paths(rule.condition)))
    atom = _at(rule.condition, path)
    if path and random.random() < 0.5:
        return replace(rule, condition=_without(rule.condition, path)), atom, "dropped"
    shifted = _shifted(atom, random)
    return replace(rule, condition=_with(rule.condition, path, shifted)), atom, f"shifted to {shifted}"


def _paths(tree: Tree, path: Path = ()) -> Iterator[Path]:
    match tree:
        case Leaf():
            yield path
        case Not(of):
            yield from _paths(of, (*path, 0))
        case And(of) | Or(of):
            for number, part in enumerate(of):
                yield from _paths(part, (*path, number))


def _at(tree: Tree, path: Path) -> Atom:
    for number in path:
        tree = tree.of if isinstance(tree, Not) else tree.of[number]  # type: ignore[union-attr]
    assert isinstance(tree, Leaf)
    return tree.atom


def _with(tree: Tree, path: Path, atom: Atom) -> Tree:
    if not path:
        return Leaf(atom)
    number, rest = path[0], path[1:]
    if isinstance(tree, Not):
        return Not(_with(tree.of, rest, atom))
    assert isinstance(tree, (And, Or))
    parts = [_with(part, rest, atom) if place == number else part for place, part in enumerate(tree.of)]
    return type(tree)(tuple(parts))


def _without(tree: Tree, path: Path) -> Tree:
    """Drop an atom from the nearest node that has others; a negation of it alone goes with it."""
    assert isinstance(tree, (And, Or, Not))
    if isinstance(tree, Not):
        return tree if len(path) == 1 else Not(_without(tree.of, path[1:]))
    number, rest = path[0], path[1:]
    part = tree.of[number]
    if isinstance(part, Leaf) or (isinstance(part, Not) and isinstance(part.of, Leaf)):
        others = tree.of[:number] + tree.of[number + 1 :]
        return others[0] if len(others) == 1 else type(tree)(others)
    parts = tuple(_without(part, rest) if place == number else one for place, one in enumerate(tree.of))
    return type(tree)(parts)


def _shifted(atom: Atom, random: Random) -> Atom:
    """Return an atom that asks for something a little different."""
    match atom:
        case TextAtom(pattern=pattern) | KeywordAtom(pattern=pattern):
            return msgspec.structs.replace(atom, pattern=_shifted_pattern(pattern, random))
        case RegexAtom(pattern=written) | KeywordRegexAtom(pattern=written):
            return msgspec.structs.replace(atom, pattern=f"(?:{written})~")
        case NullAtom(field):
            return ExistsAtom(field, True)
        case ExistsAtom(field, is_wanted):
            return ExistsAtom(field, not is_wanted)
        case CidrAtom(field):
            return CidrAtom(field, "198.51.100.0/24")
        case CompareAtom(field, operator, limit):
            return CompareAtom(field, operator, limit + 1)
        case TimePartAtom(field, part, number):
            return TimePartAtom(field, part, number + 1)
        case FieldAtom(field, other, how):
            return FieldAtom(field, other, "contains" if how == "equals" else "equals")


def _shifted_pattern(pattern: Pattern, random: Random) -> Pattern:
    """Change one character of the literal, or anchor the pattern otherwise."""
    if pattern.kind is Kind.ANYTHING:
        return Pattern(Kind.EXACT)
    if pattern.kind is Kind.GLOB:
        places = [number for number, part in enumerate(pattern.parts) if isinstance(part, str)]
        if not places:
            return Pattern(Kind.GLOB, "", (*pattern.parts, Wildcard.ONE))
        parts = list(pattern.parts)
        place = random.choice(places)
        parts[place] = _changed(str(parts[place]), random)
        longest = max((part for part in parts if isinstance(part, str)), key=len)
        return Pattern(Kind.GLOB, longest, tuple(parts))
    if random.random() < 0.5 and pattern.literal:
        return Pattern(pattern.kind, _changed(pattern.literal, random))
    others = [kind for kind in (Kind.EXACT, Kind.SUFFIX, Kind.PREFIX, Kind.CONTAINS) if kind is not pattern.kind]
    if not pattern.literal:
        return Pattern(Kind.ANYTHING)
    return Pattern(random.choice(others), pattern.literal)


def _changed(literal: str, random: Random) -> str:
    place = random.randrange(len(literal))
    return f"{literal[:place]}{'~' if literal[place] != '~' else '!'}{literal[place + 1 :]}"
