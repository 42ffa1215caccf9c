"""Measure what each rule, and each field that rules ask for, costs on real events."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import ParamSpec, TypeVar

from tocsin.rules.match import Matcher
from tocsin.rules.probe import Find, Probe, Search
from tocsin.rules.rule import Rule
from tocsin.rules.tree import Holds, atoms_of

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Seen = TypeVar("_Seen")

KEYWORDS = "(keywords)"  # beside the fields, for no field has blanks or brackets in rules


@dataclass
class Cost:
    """How often something was called, and how long it took in all (timing adds up to 0.5 µs to each call)."""

    calls: int = 0
    ns: int = 0

    def timed(self, work: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        def call(*arguments: _Arguments.args, **others: _Arguments.kwargs) -> _Result:
            started = perf_counter_ns()
            try:
                return work(*arguments, **others)
            finally:
                self.ns += perf_counter_ns() - started
                self.calls += 1

        return call


@dataclass(frozen=True)
class RuleCost:
    """What one rule did. A regular expression that several rules have costs each of them an equal part."""

    rule: Rule
    hits: int  # events
    evaluations: int  # of its condition: on signatures that are new and have an atom the rule cannot do without
    condition_us: float
    searches: int  # of its regular expressions, beside the automaton
    search_us: float
    timeouts: int

    @property
    def cost_us(self) -> float:
        return self.condition_us + self.search_us


@dataclass(frozen=True)
class FieldCost:
    """What looking into the values of a field cost, for all rules together."""

    name: str
    scans: int  # of values that were new; twice where case counts for some atoms. Of keywords: looks at events
    us: float


@dataclass
class Profile(Probe):
    """A probe that counts and times all that it is given."""

    conditions: dict[int, Cost] = field(default_factory=dict)  # by the rule's index
    searches: dict[int, Cost] = field(default_factory=dict)  # by the atom's number
    fields: dict[str, Cost] = field(default_factory=dict)
    hits: Counter[Rule] = field(default_factory=Counter)

    def condition(self, rule: int, holds: Holds) -> Holds:
        return self.conditions.setdefault(rule, Cost()).timed(holds)

    def search(self, atom: int, search: Search) -> Search:
        return self.searches.setdefault(atom, Cost()).timed(search)

    def find(self, name: str, find: Find) -> Find:
        return self.fields.setdefault(name, Cost()).timed(find)

    def keywords(self, look: Callable[[_Seen], _Result]) -> Callable[[_Seen], _Result]:
        return self.fields.setdefault(KEYWORDS, Cost()).timed(look)

    def add_hits(self, rules: Iterable[Rule]) -> None:
        """Count an event that these rules match."""
        self.hits.update(rules)

    def rule_costs(self, matcher: Matcher) -> Sequence[RuleCost]:
        """Return what every rule of the matcher that had this probe did, by id."""
        users: Counter[int] = Counter()
        asked = []
        for rule in matcher.rules:
            numbers = {matcher.number_of(atom) for atom in atoms_of(rule.condition)} & self.searches.keys()
            users.update(numbers)
            asked.append(numbers)
        timeouts = matcher.timeouts
        return [
            RuleCost(
                rule=rule,
                hits=self.hits[rule],
                evaluations=self.conditions[index].calls if index in self.conditions else 0,
                condition_us=self.conditions[index].ns / 1000 if index in self.conditions else 0.0,
                searches=sum(self.searches[number].calls for number in numbers),
                search_us=sum(self.searches[number].ns / 1000 / users[number] for number in numbers),
                timeouts=timeouts.get(rule.id, 0),
            )
            for index, (rule, numbers) in enumerate(zip(matcher.rules, asked, strict=True))
        ]

    def field_costs(self) -> Sequence[FieldCost]:
        """Return what every field cost that had a value, the dearest first."""
        costs = [FieldCost(name, cost.calls, cost.ns / 1000) for name, cost in self.fields.items() if cost.calls]
        return sorted(costs, key=lambda cost: -cost.us)
