"""Say what a set of rules covers of ATT&CK, and which of its rules no connected source can feed."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.event import Logsource
from tocsin.rules.atom import Atom, ExistsAtom, FieldAtom, KeywordAtom, KeywordRegexAtom, NullAtom
from tocsin.rules.rule import Rule
from tocsin.rules.text import plain_name
from tocsin.rules.tree import atoms_of, can_hold
from tocsin.verdict import LEVELS


@dataclass(frozen=True)
class Starved:
    """A rule that no source can feed, and what it lacks."""

    rule: Rule
    logsource: str  # what it asks for, where no source is of it; else ""
    fields: tuple[str, ...] = ()  # those it asks for that no event of its log source has, where it cannot do without


def levels_by_tactic(rules: Iterable[Rule]) -> Mapping[str, Counter[str]]:
    """Count rules by tactic id and level; a rule of several tactics counts for each, one of none for ""."""
    counts: dict[str, Counter[str]] = {}
    for rule in rules:
        for tactic in rule.tactics or ("",):
            counts.setdefault(tactic, Counter())[rule.level] += 1
    return counts


def techniques_by_tactic(rules: Iterable[Rule]) -> Mapping[str, frozenset[str]]:
    """Return the techniques of the rules of each tactic."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        for tactic in rule.tactics or ("",):
            found.setdefault(tactic, set()).update(rule.techniques)
    return {tactic: frozenset(techniques) for tactic, techniques in found.items()}


def starved(rules: Sequence[Rule], sources: Mapping[Logsource, Collection[str] | None]) -> list[Starved]:
    """Return the rules that none of the sources can feed, the most severe first.

    `sources`: log sources there are, each with the names of the fields that its events have; None: not known.
    """
    plain = {one: None if names is None else {plain_name(name) for name in names} for one, names in sources.items()}
    found = []
    for rule in rules:
        fitting = [names for one, names in plain.items() if rule.logsource.fits(one)]
        if not fitting:
            asked = rule.logsource
            found.append(Starved(rule, " ".join(filter(None, (asked.product, asked.category, asked.service)))))
        elif None not in fitting:
            names = frozenset().union(*[one for one in fitting if one is not None])
            if lacking := _lacking(rule, names):
                found.append(Starved(rule, "", lacking))
    return sorted(found, key=lambda one: (-LEVELS.index(one.rule.level), one.logsource, one.rule.title))


def _lacking(rule: Rule, names: Collection[str]) -> tuple[str, ...]:
    """Return the fields that no event has, where the rule cannot hold without them."""

    def known(atom: Atom) -> bool | None:
        if isinstance(atom, (KeywordAtom, KeywordRegexAtom)):
            return None
        wanted = (atom.field, atom.other) if isinstance(atom, FieldAtom) else (atom.field,)
        if all(_is_there(name, names) for name in wanted):
            return None
        return isinstance(atom, NullAtom) or (isinstance(atom, ExistsAtom) and not atom.is_wanted)

    if can_hold(rule.condition, known):
        return ()
    asked = {atom.field for atom in atoms_of(rule.condition) if not isinstance(atom, (KeywordAtom, KeywordRegexAtom))}
    return tuple(sorted(name for name in asked if not _is_there(name, names)))


def _is_there(name: str, names: Collection[str]) -> bool:
    """Say whether a field is, or the object that a path begins with."""
    plain = plain_name(name)
    return plain in names or any(plain[:dot] in names for dot in range(len(plain)) if plain[dot] == ".")
