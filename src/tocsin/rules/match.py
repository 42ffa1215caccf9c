"""Match events against rules: values become numbers, an event a short tuple, and what a tuple means is remembered.

Pure: no clock, no network, no globals. Everything that is remembered is bounded, and matches are the same without it.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.event import Event, Logsource
from tocsin.rules.atom import (
    Atom,
    ExistsAtom,
    FieldAtom,
    KeywordAtom,
    KeywordRegexAtom,
    NullAtom,
    RegexAtom,
    TextAtom,
)
from tocsin.rules.automata import Automata
from tocsin.rules.column import Column, Symbols
from tocsin.rules.keywords import Keywords
from tocsin.rules.patterns import Kind, test_of
from tocsin.rules.plan import Part, Plan
from tocsin.rules.rule import Rule, RuleLogsource, rules_digest
from tocsin.rules.text import fold
from tocsin.rules.tree import Holds, Tree, atoms_of, can_hold, compiled, necessary
from tocsin.rules.view import Spellings

# Fields that say of which kind an event is: a rule is not likely because one of them fits.
_ROUTING_FIELDS = ("eventid", "channel", "provider_name")
_MAX_REMEMBERED_CODE = 64  # characters: a longer event id is hostile
_MAX_REMEMBERED_KEYS = 256  # an event with more has no shape that comes again


@dataclass(frozen=True)
class Memory:
    """How much a matcher may remember; 0 is nothing."""

    value_characters: int = 64_000_000  # of values of all fields together
    sets: int = 500_000  # of atoms that hold for one value
    signatures: int = 500_000
    shapes: int = 8_192  # kinds of events times the keys they have


@dataclass(slots=True)
class Counts:
    """What a matcher did."""

    events: int = 0
    signatures: int = 0  # that were not remembered
    evaluated: int = 0  # rules, all together


class Matcher:
    """Finds the rules that events match. One thread only."""

    def __init__(self, rules: Iterable[Rule], memory: Memory | None = None, cache: Path | None = None) -> None:
        """`cache`: a folder where what was compiled is kept for the next start, of this user alone."""
        self.rules: tuple[Rule, ...] = tuple(sorted(rules, key=lambda rule: rule.id))
        self.counts = Counts()
        self._memory = memory or Memory()
        self._atoms = _Numbered()
        self._holds: list[Holds] = []
        self._asked: list[frozenset[int]] = []  # atoms of each rule
        self._codes: list[frozenset[str] | None] = []  # event ids each rule is about; None: any
        self._witnesses: list[frozenset[int] | None] = []
        self._by_rule_logsource: dict[RuleLogsource, list[int]] = {}
        for index, rule in enumerate(self.rules):
            asked = self._atoms.add(rule.condition)
            self._asked.append(asked)
            self._codes.append(self._atoms.codes_of(rule.condition, asked))
            self._holds.append(compiled(rule.condition, self._atoms.numbers))
            self._by_rule_logsource.setdefault(rule.logsource, []).append(index)
        weakness = self._atoms.weakness()
        numbers = self._atoms.numbers
        for rule in self.rules:
            strongest = necessary(rule.condition, lambda atom: weakness[numbers[atom]])
            self._witnesses.append(None if strongest is None else frozenset(numbers[atom] for atom in strongest))
        self._by_witness: dict[int, list[int]] = {}
        for index, witnesses in enumerate(self._witnesses):
            for number in witnesses or ():
                self._by_witness.setdefault(number, []).append(index)
        self._symbols = Symbols(self._memory.value_characters)
        self._automata = Automata(cache, rules_digest(self.rules))
        self._columns = {
            name: Column(atoms, self._symbols, self._automata) for name, atoms in self._atoms.by_field().items()
        }
        self._automata.save()
        self._spellings = Spellings()
        self._by_logsource: dict[Logsource, tuple[list[int], list[int]]] = {}
        self._kinds: dict[tuple[Logsource, str], tuple[Part, Part]] = {}
        self._keywords: dict[frozenset[int], Keywords] = {}
        self._plans: dict[Hashable, Plan] = {}
        self._signatures = 0
        self._found: dict[tuple[int, ...], tuple[Rule, ...]] = {}

    @property
    def timeouts(self) -> Mapping[str, int]:
        """How often a regular expression of a rule ran out of time, by rule id; such an event did not match it."""
        counts: Counter[str] = Counter()
        for number, count in self._symbols.timeouts.items():
            atom = self._atoms.atoms[number]
            counts.update({rule.id: count for rule in self.rules if atom in atoms_of(rule.condition)})
        return counts

    def match(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules that the event matches, by id.

        A rule with a category sees the event's overlay over its fields, another one the fields alone.
        """
        self.counts.events += 1
        fields, overlay = event.fields, event.overlay
        key = (event.shape, *overlay) if overlay else event.shape
        plan = self._plans.get(key)
        if plan is None:
            plan = self._new_plan(key, event)
        signature = plan.signature(fields, overlay, event.json)
        rules: tuple[Rule, ...] | None = plan.verdicts.get(signature)
        return self._judge(plan, signature) if rules is None else rules

    def _judge(self, plan: Plan, signature: tuple[int, ...]) -> tuple[Rule, ...]:
        indexes, evaluated = plan.matches(signature)
        self.counts.signatures += 1
        self.counts.evaluated += evaluated
        rules = self._interned(tuple(indexes))
        if len(self._symbols.sets) > self._memory.sets:
            self._forget()
            return rules
        if self._signatures >= self._memory.signatures:
            self._signatures = 0
            for other in self._plans.values():
                other.verdicts.clear()
        if self._memory.signatures:
            plan.verdicts[signature] = rules
            self._signatures += 1
        return rules

    def _interned(self, indexes: tuple[int, ...]) -> tuple[Rule, ...]:
        rules = self._found.get(indexes)
        if rules is None:
            rules = tuple(self.rules[index] for index in indexes)
            if len(self._found) >= self._memory.signatures:
                self._found.clear()
            self._found[indexes] = rules
        return rules

    def _forget(self) -> None:
        """Drop all memories together: a signature of numbers that are given anew would mean something else."""
        self._symbols.forget()
        self._plans.clear()
        self._signatures = 0

    def _new_plan(self, key: Hashable, event: Event) -> Plan:
        plan = Plan(
            self._parts(event.shape.logsource, event.shape.code),
            (event.overlay, event.fields),
            self._spellings,
            self._symbols,
        )
        if len(event.fields) + len(event.overlay) <= _MAX_REMEMBERED_KEYS:
            if len(self._plans) >= self._memory.shapes:
                self._plans.clear()
                self._signatures = 0
            self._plans[key] = plan
        return plan

    def _parts(self, logsource: Logsource, code: str) -> tuple[Part, Part]:
        """Return the rules for a kind of event: those that see its overlay, and the others."""
        parts = self._kinds.get((logsource, code))
        if parts is None:
            if len(self._kinds) >= self._memory.shapes:
                self._kinds.clear()
            with_category, others = self._fitting(logsource)
            parts = self._part(with_category, code), self._part(others, code)
            if len(code) <= _MAX_REMEMBERED_CODE:
                self._kinds[logsource, code] = parts
        return parts

    def _fitting(self, logsource: Logsource) -> tuple[list[int], list[int]]:
        """Return the rules for a log source: those that ask for a category, and the others."""
        fitting = self._by_logsource.get(logsource)
        if fitting is None:
            if len(self._by_logsource) >= self._memory.shapes:
                self._by_logsource.clear()
            with_category: list[int] = []
            others: list[int] = []
            for asked, indexes in self._by_rule_logsource.items():
                if asked.fits(logsource):
                    (with_category if asked.category else others).extend(indexes)
            fitting = self._by_logsource[logsource] = with_category, others
        return fitting

    def _part(self, indexes: Sequence[int], code: str) -> Part:
        constants: frozenset[int] = frozenset()
        known: frozenset[int] = frozenset()
        if code:
            folded = fold(code)
            indexes = [index for index in indexes if (codes := self._codes[index]) is None or folded in codes]
        asked = frozenset().union(*[self._asked[index] for index in indexes])
        if code:
            known = asked.intersection(self._atoms.about_code)
            constants = frozenset(number for number in known if self._atoms.holds_for_code(number, code))
        always = []
        for index in indexes:
            witnesses = self._witnesses[index]
            if witnesses is None or not witnesses.isdisjoint(constants):
                always.append(index)
        fields = self._atoms.fields
        names = sorted({fields[number] for number in asked.difference(known)} - {""})
        references = self._atoms.references
        return Part(
            rules=frozenset(indexes).difference(always),
            always=always,
            holds=self._holds,
            by_witness=self._by_witness,
            columns={name: self._columns[name] for name in names},
            constants=constants,
            references={number: references[number] for number in asked.intersection(references)},
            keywords=self._keywords_for(asked.intersection(self._atoms.keywords)),
        )

    def _keywords_for(self, numbers: frozenset[int]) -> Keywords | None:
        if not numbers:
            return None
        keywords = self._keywords.get(numbers)
        if keywords is None:
            atoms = {number: self._atoms.keywords[number] for number in numbers}
            keywords = self._keywords[numbers] = Keywords(atoms, self._automata, self._count_timeout)
            self._automata.save()
        return keywords

    def _count_timeout(self, number: int) -> None:
        self._symbols.timeouts[number] += 1


class _Numbered:
    """All atoms of all rules, each with a number."""

    def __init__(self) -> None:
        self.numbers: dict[Atom, int] = {}
        self.atoms: list[Atom] = []
        self.fields: list[str] = []  # of each atom; "" for those that ask for more than one field
        self.references: dict[int, FieldAtom] = {}
        self.keywords: dict[int, KeywordAtom | KeywordRegexAtom] = {}
        self._uses: list[int] = []  # how many rules ask for each
        self.about_code: dict[int, TextAtom] = {}  # the atoms that ask for the event id

    def add(self, tree: Tree) -> frozenset[int]:
        """Number the atoms of a rule; return their numbers."""
        atoms = set(atoms_of(tree))
        for atom in atoms:
            if atom not in self.numbers:
                self._add(atom)
        asked = frozenset(self.numbers[atom] for atom in atoms)
        for number in asked:
            self._uses[number] += 1
        return asked

    def _add(self, atom: Atom) -> None:
        number = self.numbers[atom] = len(self.atoms)
        self.atoms.append(atom)
        field = ""
        if isinstance(atom, FieldAtom):
            self.references[number] = atom
        elif isinstance(atom, (KeywordAtom, KeywordRegexAtom)):
            self.keywords[number] = atom
        else:
            field = atom.field
            if isinstance(atom, TextAtom) and _name_of(atom) == "eventid":
                self.about_code[number] = atom
        self.fields.append(field)
        self._uses.append(0)

    def weakness(self) -> list[float]:
        """Rank atoms by how many events they hold for, roughly: what many rules ask for is common."""
        return [_weakness(atom) * uses for atom, uses in zip(self.atoms, self._uses, strict=True)]

    def codes_of(self, tree: Tree, asked: frozenset[int]) -> frozenset[str] | None:
        """Return the event ids, folded, for which alone a rule may hold; None where others may do, too."""
        about_code = [self.about_code[number] for number in asked.intersection(self.about_code)]
        if any(atom.is_cased or atom.pattern.kind is not Kind.EXACT for atom in about_code):
            return None

        def known(atom: Atom) -> bool | None:
            return False if atom in about_code else None

        if not about_code or can_hold(tree, known):
            return None
        return frozenset(atom.pattern.literal for atom in about_code)

    def by_field(self) -> Mapping[str, Mapping[int, Atom]]:
        fields: dict[str, dict[int, Atom]] = {}
        for number, (atom, field) in enumerate(zip(self.atoms, self.fields, strict=True)):
            if field:
                fields.setdefault(field, {})[number] = atom
        return fields

    def holds_for_code(self, number: int, code: str) -> bool:
        """Say whether an atom about the event id holds for this one."""
        atom = self.about_code[number]
        return test_of(atom.pattern)(code if atom.is_cased else fold(code))


def _name_of(atom: TextAtom) -> str:
    return fold(atom.field).replace(" ", "")


def _weakness(atom: Atom) -> float:
    """Rank atoms by how many events they hold for: long literals at a known end of the text for the fewest."""
    match atom:
        case TextAtom(field, pattern):
            if fold(field).replace(" ", "") in _ROUTING_FIELDS:
                return 100_000
            if pattern.kind is Kind.ANYTHING:
                return 10_000
            is_short = len(pattern.literal) < _SHORT_LITERAL and pattern.kind > Kind.PREFIX
            return 1 + pattern.kind + (100 if is_short else 0)
        case KeywordAtom() | KeywordRegexAtom() | RegexAtom():
            return 5
        case NullAtom() | ExistsAtom():
            return 10_000
    return 100


_SHORT_LITERAL = 4
