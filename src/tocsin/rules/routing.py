"""Choose the rules that events of a kind may match: by log source, then by event id."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tocsin.cores import cores
from tocsin.event import Logsource
from tocsin.rules.automata import Automata
from tocsin.rules.column import Column, Symbols
from tocsin.rules.keywords import Keywords
from tocsin.rules.numbering import NumberedAtoms
from tocsin.rules.plan import Part
from tocsin.rules.probe import Probe
from tocsin.rules.progress import OnProgress
from tocsin.rules.references import References
from tocsin.rules.rule import Rule, RuleLogsource
from tocsin.rules.text import fold
from tocsin.rules.tree import Holds, compiled, necessary

_Made = TypeVar("_Made")

_FEW_COLUMNS = 8  # are made before threads have begun
_MAX_REMEMBERED_CODE = 64  # characters: a longer event id is hostile


class _Conditions(dict[int, Holds]):
    """Conditions of rules by index, each compiled when it is first asked for."""

    def __init__(self, rules: Sequence[Rule], atoms: NumberedAtoms, probe: Probe) -> None:
        super().__init__()
        self._rules = rules
        self._atoms = atoms
        self._probe = probe

    def __missing__(self, index: int) -> Holds:
        holds = compiled(self._rules[index].condition, self._atoms.numbers)
        self[index] = self._probe.condition(index, holds)
        return self[index]


class _Columns(dict[str, Column]):
    """Columns by field name, each made when it is first asked for."""

    def __init__(self, atoms: NumberedAtoms, symbols: Symbols, automata: Automata, probe: Probe) -> None:
        super().__init__()
        self._atoms = atoms.by_field()
        self._symbols = symbols
        self._automata = automata
        self._probe = probe

    def __missing__(self, name: str) -> Column:
        column = self[name] = Column(name, self._atoms[name], self._symbols, self._automata, self._probe)
        return column

    def make_all(self, on_progress: OnProgress) -> None:
        """Make all at once, the largest first. Hyperscan compiles without holding Python up: threads share the work."""
        names = sorted(self._atoms, key=lambda name: len(self._atoms[name]), reverse=True)
        if len(names) <= _FEW_COLUMNS:
            for name in names:
                self[name]
            return
        with ThreadPoolExecutor(cores()) as pool:
            for done, _ in enumerate(pool.map(self.__getitem__, names), 1):
                on_progress("compiling rules", done, len(names))


class Routing:
    """All rules, with what each asks for, by the kinds of events they are for. Remembers `max_kinds` kinds."""

    def __init__(
        self,
        rules: Sequence[Rule],
        symbols: Symbols,
        automata: Automata,
        max_kinds: int,
        on_progress: OnProgress,
        probe: Probe,
    ) -> None:
        self.atoms = NumberedAtoms()
        self._automata = automata
        self._symbols = symbols
        self._max_kinds = max_kinds
        self._probe = probe
        self._holds = _Conditions(rules, self.atoms, probe)
        self._asked: list[frozenset[int]] = []  # atoms of each rule
        self._codes: list[frozenset[str] | None] = []  # event ids each rule is about; None: any
        self._by_rule_logsource: dict[RuleLogsource, list[int]] = {}
        for index, rule in enumerate(rules):
            asked = self.atoms.add(rule.condition)
            self._asked.append(asked)
            self._codes.append(self.atoms.codes_of(rule.condition, asked))
            self._by_rule_logsource.setdefault(rule.logsource, []).append(index)
        self._witnesses = self._strongest(rules)
        self._by_witness: dict[int, list[int]] = {}
        for index, witnesses in enumerate(self._witnesses):
            for number in witnesses or ():
                self._by_witness.setdefault(number, []).append(index)
        self._columns = _Columns(self.atoms, symbols, automata, probe)
        if not automata.were_kept:  # a new set of rules: all is compiled now, and found again by the next start
            self._columns.make_all(on_progress)
            automata.save()
        self._by_logsource: dict[Logsource, tuple[list[int], list[int]]] = {}
        self._kinds: dict[tuple[Logsource, str], tuple[Part, Part]] = {}
        self._keywords: dict[frozenset[int], Keywords] = {}
        self._references: dict[frozenset[int], References] = {}

    def parts(self, logsource: Logsource, code: str) -> tuple[Part, Part]:
        """Return the rules for a kind of event: those that see its overlay, and the others."""
        parts = self._kinds.get((logsource, code))
        if parts is None:
            if len(self._kinds) >= self._max_kinds:
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
            if len(self._by_logsource) >= self._max_kinds:
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
            known = asked.intersection(self.atoms.about_code)
            constants = frozenset(number for number in known if self.atoms.holds_for_code(number, code))
        always = []
        for index in indexes:
            witnesses = self._witnesses[index]
            if witnesses is None or not witnesses.isdisjoint(constants):
                always.append(index)
        fields = self.atoms.fields
        names = sorted({fields[number] for number in asked.difference(known)} - {""})
        return Part(
            rules=frozenset(indexes).difference(always),
            always=always,
            holds=self._holds,
            by_witness=self._by_witness,
            columns={name: self._columns[name] for name in names},
            constants=constants,
            references=_made(self._references, self._new_references, asked.intersection(self.atoms.references)),
            keywords=_made(self._keywords, self._new_keywords, asked.intersection(self.atoms.keywords)),
        )

    def _new_references(self, numbers: frozenset[int]) -> References:
        return References({number: self.atoms.references[number] for number in numbers}, self._symbols)

    def _new_keywords(self, numbers: frozenset[int]) -> Keywords:
        atoms = {number: self.atoms.keywords[number] for number in numbers}
        keywords = Keywords(atoms, self._automata, self._count_timeout, self._probe)
        self._automata.save()
        return keywords

    def _strongest(self, rules: Sequence[Rule]) -> list[frozenset[int] | None]:
        """Return atoms of each rule of which one holds wherever it does, the rarest there are; None for none."""
        weakness = self.atoms.weakness()
        return [necessary(rule.condition, self.atoms.numbers, weakness) for rule in rules]

    def _count_timeout(self, number: int) -> None:
        self._symbols.timeouts[number] += 1


def _made(
    known: dict[frozenset[int], _Made], make: Callable[[frozenset[int]], _Made], numbers: frozenset[int]
) -> _Made | None:
    """Return what finds these atoms, made when first asked for; None for no atoms."""
    if numbers and numbers not in known:
        known[numbers] = make(numbers)
    return known.get(numbers)
