"""Match events against compiled rules: only those of the event's log source, and of these only likely ones."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.event import Event, Logsource
from tocsin.rules.patterns import Kind, Pattern, TextTest, any_of
from tocsin.rules.rule import Rule
from tocsin.rules.view import Spellings, View

Guard = tuple[tuple[str, tuple[Pattern, ...]], ...]  # (field, patterns): at least one part holds if the rule does

_MAX_ROUTES = 4096
_MAX_REMEMBERED_CHARACTERS = 1024  # of one value: longer ones hardly come again
_MAX_MEMORY_CHARACTERS = 4_000_000  # of all values of one field


@dataclass(frozen=True)
class CompiledRule:
    """A rule as a test of events, and what must hold of some field before the test is worth its while."""

    rule: Rule
    test: Callable[[View], bool]
    guard: Guard | None  # None: every event has to be tested


class Matcher:
    """Finds the rules that an event matches. Holds memories of values and kinds, all bounded; one thread only."""

    def __init__(self, compiled: Iterable[CompiledRule]) -> None:
        self._compiled = sorted(compiled, key=lambda one: one.rule.id)
        self._tests = [one.test for one in self._compiled]
        self._routes: dict[tuple[str, str, tuple[str, ...]], _Route] = {}
        self._spellings = Spellings()
        self._timeouts: Counter[str] = Counter()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules that can match, by id."""
        return tuple(one.rule for one in self._compiled)

    @property
    def timeouts(self) -> Mapping[str, int]:
        """How often a regular expression of a rule ran out of time, by rule id; such an event did not match it."""
        return self._timeouts

    def match(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules that the event matches, by id.

        A rule with a category sees that category's view laid over the fields, another one the fields alone.
        """
        route = self._route(event.logsource)
        found: list[int] = []
        fields_view: View | None = None
        for category, candidates in route:
            of_category = event.views.get(category)
            if of_category is not None:
                view = View((of_category, event.fields), self._spellings)
            elif fields_view is None:
                view = fields_view = View((event.fields,), self._spellings)
            else:
                view = fields_view
            for index in candidates.likely(view):
                if self._holds(index, view):
                    found.append(index)
        return tuple(self._compiled[index].rule for index in sorted(found))

    def _holds(self, index: int, view: View) -> bool:
        try:
            return self._tests[index](view)
        except TimeoutError:
            self._timeouts[self._compiled[index].rule.id] += 1
            return False

    def _route(self, logsource: Logsource) -> "_Route":
        """Return the candidates for events of a log source, by the category whose view they see."""
        key = (logsource.product, logsource.service, logsource.categories)
        route = self._routes.get(key)
        if route is None:
            if len(self._routes) >= _MAX_ROUTES:
                self._routes.clear()
            route = self._routes[key] = self._new_route(logsource)
        return route

    def _new_route(self, logsource: Logsource) -> "_Route":
        by_category: dict[str, list[int]] = {}
        for index, one in enumerate(self._compiled):
            if one.rule.logsource.fits(logsource):
                by_category.setdefault(one.rule.logsource.category, []).append(index)
        return tuple((category, self._candidates(indexes)) for category, indexes in by_category.items())

    def _candidates(self, indexes: Sequence[int]) -> "_Candidates":
        return _Candidates([(index, self._compiled[index].guard) for index in indexes])


class _Candidates:
    """Rules for one view of a log source, by the guards that make them likely."""

    def __init__(self, guards: Sequence[tuple[int, Guard | None]]) -> None:
        self._always = [index for index, guard in guards if guard is None]
        by_field: dict[str, list[tuple[int, tuple[Pattern, ...]]]] = {}
        for index, guard in guards:
            for field, patterns in guard or ():
                by_field.setdefault(field, []).append((index, patterns))
        self._fields = [(field, _LikelyByText(patterns)) for field, patterns in by_field.items()]

    def likely(self, view: View) -> Iterable[int]:
        """Return the rules that may hold, each once: a rule whose guard does not hold cannot."""
        likely: set[int] = set()
        for field, by_text in self._fields:
            for text in view[field]:
                if indexes := by_text[text]:
                    likely.update(indexes)
        return [*self._always, *likely] if likely else self._always


class _LikelyByText(dict[str, tuple[int, ...]]):
    """By the folded text of one field: rules with a guard that holds. Remembered, for values repeat."""

    def __init__(self, guards: Sequence[tuple[int, tuple[Pattern, ...]]]) -> None:
        super().__init__()
        self._exact: dict[str, list[int]] = {}
        self._suffixes: dict[int, dict[str, list[int]]] = {}  # by their length, for a lookup each
        self._prefixes: dict[int, dict[str, list[int]]] = {}
        self._needles: list[tuple[str, int]] = []
        self._others: list[tuple[TextTest, int]] = []
        self._characters = 0
        for index, patterns in guards:
            for pattern in patterns:
                self._add(pattern, index)

    def __missing__(self, text: str) -> tuple[int, ...]:
        indexes = tuple(self._likely(text))
        if len(text) <= _MAX_REMEMBERED_CHARACTERS:
            self._characters += len(text)
            if self._characters > _MAX_MEMORY_CHARACTERS:
                self.clear()
                self._characters = len(text)
            self[text] = indexes
        return indexes

    def _add(self, pattern: Pattern, index: int) -> None:
        literal = pattern.literal
        match pattern.kind:
            case Kind.EXACT:
                self._exact.setdefault(literal, []).append(index)
            case Kind.SUFFIX:
                self._suffixes.setdefault(len(literal), {}).setdefault(literal, []).append(index)
            case Kind.PREFIX:
                self._prefixes.setdefault(len(literal), {}).setdefault(literal, []).append(index)
            case Kind.CONTAINS:
                self._needles.append((literal, index))
            case _:
                self._others.append((any_of([pattern]), index))

    def _likely(self, text: str) -> set[int]:
        likely = set(self._exact.get(text, ()))
        for length, by_suffix in self._suffixes.items():
            likely.update(by_suffix.get(text[-length:], ()))
        for length, by_prefix in self._prefixes.items():
            likely.update(by_prefix.get(text[:length], ()))
        likely.update([index for needle, index in self._needles if needle in text])
        likely.update([index for test, index in self._others if test(text)])
        return likely


_Route = tuple[tuple[str, _Candidates], ...]
