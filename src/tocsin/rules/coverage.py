"""Say what a set of rules covers of ATT&CK, and which of its rules no connected source can feed."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.event import Logsource
from tocsin.rules.atom import Atom, ExistsAtom, FieldAtom, KeywordAtom, KeywordRegexAtom, NullAtom
from tocsin.rules.rule import Rule
from tocsin.rules.tree import atoms_of, can_hold
from tocsin.rules.view import Places
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
    asked = {rule.logsource for rule in rules}
    fitting = {one: [names for source, names in sources.items() if one.fits(source)] for one in asked}
    places = {
        one: Places(tuple(dict.fromkeys(names) for names in found if names is not None))
        for one, found in fitting.items()
        if None not in found
    }
    found = []
    for rule in rules:
        if not fitting[rule.logsource]:
            found.append(Starved(rule, str(rule.logsource)))
        elif rule.logsource in places and (lacking := _lacking(rule, places[rule.logsource])):
            found.append(Starved(rule, "", lacking))
    return sorted(found, key=lambda one: (-LEVELS.index(one.rule.level), one.logsource, one.rule.title))


def _lacking(rule: Rule, places: Places) -> tuple[str, ...]:
    """Return the fields that no event has, where the rule cannot hold without them."""

    def known(atom: Atom) -> bool | None:
        if isinstance(atom, (KeywordAtom, KeywordRegexAtom)):
            return None
        wanted = (atom.field, atom.other) if isinstance(atom, FieldAtom) else (atom.field,)
        if all(_is_there(name, places) for name in wanted):
            return None
        return isinstance(atom, NullAtom) or (isinstance(atom, ExistsAtom) and not atom.is_wanted)

    if can_hold(rule.condition, known):
        return ()
    asked = {atom.field for atom in atoms_of(rule.condition) if not isinstance(atom, (KeywordAtom, KeywordRegexAtom))}
    return tuple(sorted(name for name in asked if not _is_there(name, places)))


def _is_there(name: str, places: Places) -> bool:
    """Say whether a field is, or the object that a path begins with."""
    return places[name] is not None or places.may_have_path(name)
