"""From a field's value to a number that stands for the atoms that hold for it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from tocsin.rules.atom import Atom, CidrAtom, CompareAtom, ExistsAtom, NullAtom, RegexAtom, TextAtom, TimePartAtom
from tocsin.rules.automata import Automata
from tocsin.rules.automaton import MAX_EXPRESSION_BYTES, exact_expression, expression_of, regex_expression
from tocsin.rules.patterns import Kind, Pattern, test_of
from tocsin.rules.probe import Probe
from tocsin.rules.regexes import search_of
from tocsin.rules.text import fold, text_of
from tocsin.rules.values import compares, has_time_part, within_network

_MAX_REMEMBERED_CHARACTERS = 2048  # of one value: longer ones hardly come again
_MAX_TIMEOUTS = 4  # of one field of an event: so long an event may hold up the others
_MAX_FOUND = 50_000  # of one column
_FEW = 4  # so many patterns are searched one by one quicker than by an automaton


class Symbols:
    """Sets of atoms by the number that stands for each, and how much all columns remember together."""

    def __init__(self, max_characters: int) -> None:
        self.sets: list[frozenset[int]] = []
        self._numbers: dict[frozenset[int], int] = {}
        self._max_characters = max_characters
        self._characters = 0
        self._memories: list[Memory] = []
        self.timeouts: Counter[int] = Counter()  # atom -> how often its regular expression ran out of time

    def number_of(self, hits: frozenset[int]) -> int:
        number = self._numbers.get(hits)
        if number is None:
            number = self._numbers[hits] = len(self.sets)
            self.sets.append(hits)
        return number

    def forget(self) -> None:
        """Drop everything: numbers that were handed out before mean nothing afterwards."""
        self._numbers.clear()
        self.sets.clear()
        self._drop_values()

    def add(self, memory: "Memory") -> None:
        self._memories.append(memory)

    def has_room(self, characters: int) -> bool:
        """Count what a column wants to remember; where all is full, drop what all columns remember of values."""
        if self._max_characters <= 0:
            return False
        self._characters += characters
        if self._characters > self._max_characters:
            self._drop_values()
            self._characters = characters
        return True

    def _drop_values(self) -> None:
        self._characters = 0
        for memory in self._memories:
            memory.drop()


class Memory(Protocol):
    """Remembers which symbol values have."""

    def drop(self) -> None:
        """Forget all values."""


class Column(dict[Any, int]):
    """`column[value]` is the symbol of a value of one field: the number of the set of atoms that hold for it.

    Only texts are keys: `True`, `1` and `1.0` would be one. A list or map raises TypeError: see `symbol_of`.
    """

    def __init__(
        self, name: str, atoms: Mapping[int, Atom], symbols: Symbols, automata: Automata, probe: Probe
    ) -> None:
        """`atoms`: all that ask for the field of that name."""
        super().__init__()
        self._symbols = symbols
        self._scalars: dict[tuple[type, Any], int] = {}
        self._by_found: dict[tuple[int, ...], int] = {}  # what was found, in the order it was -> its symbol
        self._present = _numbers(atoms, lambda atom: isinstance(atom, ExistsAtom) and atom.is_wanted)
        self._null = _numbers(atoms, lambda atom: isinstance(atom, NullAtom))
        absent = _numbers(atoms, lambda atom: isinstance(atom, ExistsAtom) and not atom.is_wanted)
        self.when_missing = self._null | absent
        folded = _Texts(
            {n: a.pattern for n, a in atoms.items() if isinstance(a, TextAtom) and not a.is_cased}, {}, automata, probe
        )
        cased = _Texts(
            {n: a.pattern for n, a in atoms.items() if isinstance(a, TextAtom) and a.is_cased},
            {n: a for n, a in atoms.items() if isinstance(a, RegexAtom)},
            automata,
            probe,
        )
        self._find_folded = None if folded.is_empty else probe.find(name, folded.find)
        self._find_cased = None if cased.is_empty else probe.find(name, cased.find)
        self._networks = [(n, within_network(a.network)) for n, a in atoms.items() if isinstance(a, CidrAtom)]
        self._values = [(n, compares(a.operator, a.limit)) for n, a in atoms.items() if isinstance(a, CompareAtom)]
        self._values += [(n, has_time_part(a.part, a.number)) for n, a in atoms.items() if isinstance(a, TimePartAtom)]
        symbols.add(self)

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __missing__(self, value: Any) -> int:
        if type(value) is not str:
            return self._symbol_of_scalar(value)
        timed_out: list[int] = []
        found = tuple(self._found(value, timed_out))
        symbol = self._by_found.get(found)
        if symbol is None:
            symbol = self._symbols.number_of(self._present.union(found))
            if len(self._by_found) >= _MAX_FOUND:
                self._by_found.clear()
            self._by_found[found] = symbol
        if timed_out:
            self._symbols.timeouts.update(timed_out)
        elif len(value) <= _MAX_REMEMBERED_CHARACTERS and self._symbols.has_room(len(value) + 50):
            self[value] = symbol
        return symbol

    def symbol_of(self, values: Iterable[Any] | None) -> int:
        """Return the symbol of a field with these values, lists flattened; None: the field is missing."""
        if values is None:
            return self._symbols.number_of(self.when_missing)
        found = list(values)
        hits = self._present | self._null if not found or None in found else self._present
        timed_out: list[int] = []
        for value in found:
            hits = hits.union(self._found(value, timed_out))
        self._symbols.timeouts.update(timed_out)
        return self._symbols.number_of(hits)

    def drop(self) -> None:
        """Forget all values."""
        self.clear()
        self._scalars.clear()
        self._by_found.clear()

    def _symbol_of_scalar(self, value: Any) -> int:
        key = (type(value), value)
        symbol = self._scalars.get(key)
        if symbol is None:
            symbol = self.symbol_of((value,))
            if self._symbols.has_room(60):
                self._scalars[key] = symbol
        return symbol

    def _found(self, value: Any, timed_out: list[int]) -> list[int]:
        """Return the atoms that hold for one value; those that ran out of time are added to `timed_out`."""
        found = [number for number, test in self._values if test(value)] if self._values else []
        text = value if type(value) is str else text_of(value)
        if text is not None:
            if self._find_folded:
                found += self._find_folded(fold(text), timed_out)
            if self._find_cased:
                found += self._find_cased(text, timed_out)
            if self._networks:
                found += [number for number, test in self._networks if test(text)]
        return found


class _Texts:
    """Patterns and regular expressions on text in which case counts."""

    def __init__(
        self, patterns: Mapping[int, Pattern], regexes: Mapping[int, RegexAtom], automata: Automata, probe: Probe
    ) -> None:
        self._exact: dict[str, list[int]] = {}
        self._always: list[int] = []
        self._regexes: list[tuple[int, Callable[[str], bool]]] = []  # that no automaton knows
        self._confirm: dict[int, Callable[[str], bool]] = {}
        self._sure: set[int] = set()  # of these: those that need no confirmation in ASCII
        searched = {}
        for number, pattern in patterns.items():
            if pattern.kind is Kind.EXACT:
                self._exact.setdefault(pattern.literal, []).append(number)
            elif pattern.kind is Kind.ANYTHING:
                self._always.append(number)
            else:
                searched[number] = pattern
        expressions = {number: expression_of(pattern) for number, pattern in searched.items()}
        if len(searched) > _FEW:
            searched = {n: p for n, p in searched.items() if len(expressions[n][0]) > MAX_EXPRESSION_BYTES}
        self._tests = [(number, test_of(pattern)) for number, pattern in searched.items()]
        for number in searched:
            del expressions[number]
        for number, atom in regexes.items():
            search = probe.search(number, search_of(atom.pattern, atom.flags))
            exact = exact_expression(atom.pattern, atom.flags)
            if exact is not None and automata.can_search(exact):
                expressions[number] = exact
                self._sure.add(number)
                self._confirm[number] = search
                continue
            expression = regex_expression(atom.pattern, atom.flags)
            if expression is None or not automata.can_search(expression):
                self._regexes.append((number, search))
            else:
                expressions[number] = expression
                self._confirm[number] = search
        self._automaton = automata.of(expressions) if expressions else None

    @property
    def is_empty(self) -> bool:
        return not (self._exact or self._always or self._tests or self._regexes or self._automaton)

    def find(self, text: str, timed_out: list[int]) -> list[int]:
        """Return the numbers that hold for a text; those that ran out of time are added to `timed_out`."""
        found = [*self._always, *self._exact.get(text, ())]
        if self._tests:
            found += [number for number, test in self._tests if test(text)]
        doubtful = self._regexes
        if self._automaton:
            if not text:  # an automaton finds nothing there, but a regular expression may
                doubtful = [*doubtful, *self._confirm.items()]
            else:
                candidates = self._automaton.find(text.encode())
                if self._confirm and candidates:
                    is_sure = self._sure if text.isascii() else ()
                    confirm = self._confirm
                    doubtful = [*doubtful]
                    for number in candidates:
                        search = confirm.get(number)
                        if search is None or number in is_sure:
                            found.append(number)
                        else:
                            doubtful.append((number, search))
                else:
                    found += candidates
        if doubtful:
            _decide(doubtful, text, found, timed_out)
        return found


def _decide(
    doubtful: Sequence[tuple[int, Callable[[str], bool]]], text: str, found: list[int], timed_out: list[int]
) -> None:
    for number, search in doubtful:
        if len(timed_out) >= _MAX_TIMEOUTS:
            timed_out.append(number)
            continue
        try:
            if search(text):
                found.append(number)
        except TimeoutError:
            timed_out.append(number)


def _numbers(atoms: Mapping[int, Atom], is_one: Callable[[Atom], bool]) -> frozenset[int]:
    return frozenset(number for number, atom in atoms.items() if is_one(atom))
