"""Conditions of rules as trees over atoms, and what must hold for them to hold."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from tocsin.rules.atom import Atom

Holds = Callable[[AbstractSet[int]], bool]  # numbers of the atoms that hold -> whether the tree does


class Leaf(msgspec.Struct, frozen=True, tag="leaf"):
    atom: Atom


class And(msgspec.Struct, frozen=True, tag="and"):
    of: "tuple[Tree, ...]"


class Or(msgspec.Struct, frozen=True, tag="or"):
    of: "tuple[Tree, ...]"


class Not(msgspec.Struct, frozen=True, tag="not"):
    of: "Tree"


Tree = Leaf | And | Or | Not


def atoms_of(tree: Tree) -> list[Atom]:
    """Return every atom of the tree, in its order, as often as it stands there."""
    found: list[Atom] = []
    pending = [tree]
    while pending:
        part = pending.pop()
        if isinstance(part, Leaf):
            found.append(part.atom)
        elif isinstance(part, Not):
            pending.append(part.of)
        else:
            pending.extend(reversed(part.of))
    return found


def compiled(tree: Tree, numbers: Mapping[Atom, int]) -> Holds:
    """Make a function of the tree; `numbers` says which number stands for an atom."""
    match tree:
        case Leaf(atom):
            number = numbers[atom]
            return lambda hits: number in hits
        case Not(of):
            negated = compiled(of, numbers)
            return lambda hits: not negated(hits)
    leaves = frozenset(numbers[part.atom] for part in tree.of if isinstance(part, Leaf))
    tests = [compiled(part, numbers) for part in tree.of if not isinstance(part, Leaf)]
    return _all_of(leaves, tests) if isinstance(tree, And) else _any_of(leaves, tests)


def _all_of(leaves: frozenset[int], tests: Sequence[Holds]) -> Holds:
    def holds(hits: AbstractSet[int]) -> bool:
        if not leaves <= hits:
            return False
        for test in tests:  # noqa: SIM110 - all() with a generator takes twice the time
            if not test(hits):
                return False
        return True

    return holds


def _any_of(leaves: frozenset[int], tests: Sequence[Holds]) -> Holds:
    def holds(hits: AbstractSet[int]) -> bool:
        if not leaves.isdisjoint(hits):
            return True
        for test in tests:  # noqa: SIM110 - as above
            if test(hits):
                return True
        return False

    return holds


def can_hold(tree: Tree, known: Callable[[Atom], bool | None]) -> bool:
    """Say whether the tree may hold where some atoms are known to hold or not to (None: not known)."""
    match tree:
        case Leaf(atom):
            return known(atom) is not False
        case Not(of):
            return not must_hold(of, known)
        case And(of):
            return all(can_hold(part, known) for part in of)
    return any(can_hold(part, known) for part in tree.of)


def must_hold(tree: Tree, known: Callable[[Atom], bool | None]) -> bool:
    """Say whether the tree holds whatever the atoms that are not known say."""
    match tree:
        case Leaf(atom):
            return known(atom) is True
        case Not(of):
            return not can_hold(of, known)
        case And(of):
            return all(must_hold(part, known) for part in of)
    return any(must_hold(part, known) for part in tree.of)


def necessary(tree: Tree, numbers: Mapping[Atom, int], weakness: Sequence[float]) -> frozenset[int] | None:
    """Return numbers of atoms of which one holds wherever the tree does; None where there are no such atoms.

    `weakness` of an atom, by number: how many events it holds for, roughly; of several choices the strongest is taken.
    """
    match tree:
        case Leaf(atom):
            return frozenset((numbers[atom],))
        case Not():
            return None
        case And(of):
            choices = [found for part in of if (found := necessary(part, numbers, weakness)) is not None]
            return min(choices, key=lambda found: sum([weakness[number] for number in found]), default=None)
    everywhere: set[int] = set()
    for part in tree.of:
        found = necessary(part, numbers, weakness)
        if found is None:
            return None
        everywhere |= found
    return frozenset(everywhere)
