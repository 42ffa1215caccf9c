"""Match events against rules: values become numbers, an event a short tuple, and what a tuple means is remembered.

Pure: no clock, no network, no globals. Everything that is remembered is bounded, and matches are the same without it.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tocsin.event import Event
from tocsin.rules.atom import Atom
from tocsin.rules.automata import Automata
from tocsin.rules.column import Symbols
from tocsin.rules.plan import Plan
from tocsin.rules.probe import Probe
from tocsin.rules.progress import OnProgress, unseen
from tocsin.rules.routing import Routing
from tocsin.rules.rule import Rule, rules_digest
from tocsin.rules.tree import atoms_of
from tocsin.rules.view import Spellings

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

    def __init__(
        self,
        rules: Iterable[Rule],
        memory: Memory | None = None,
        cache: Path | None = None,
        on_progress: OnProgress = unseen,
        probe: Probe | None = None,
    ) -> None:
        """`cache`: a folder where what was compiled is kept for the next start, of this user alone."""
        self.rules: tuple[Rule, ...] = tuple(sorted(rules, key=lambda rule: rule.id))
        self.counts = Counts()
        self._memory = memory or Memory()
        self._symbols = Symbols(self._memory.value_characters)
        automata = Automata(cache, rules_digest(self.rules))
        self._routing = Routing(self.rules, self._symbols, automata, self._memory.shapes, on_progress, probe or Probe())
        self._spellings = Spellings()
        self._plans: dict[Hashable, Plan] = {}
        self._signatures = 0
        self._found: dict[tuple[int, ...], tuple[Rule, ...]] = {}

    @property
    def timeouts(self) -> Mapping[str, int]:
        """How often a regular expression of a rule ran out of time, by rule id; such an event did not match it."""
        counts: Counter[str] = Counter()
        for number, count in self._symbols.timeouts.items():
            atom = self._routing.atoms.atoms[number]
            counts.update({rule.id: count for rule in self.rules if atom in atoms_of(rule.condition)})
        return counts

    def number_of(self, atom: Atom) -> int:
        """Return the number of an atom of one of the rules, by which a probe is told of it."""
        return self._routing.atoms.numbers[atom]

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
            self._routing.parts(event.shape.logsource, event.shape.code),
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
