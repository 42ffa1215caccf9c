"""How the rules for one kind of event read events of one shape: which keys, into which columns, in which order."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import getitem, itemgetter
from typing import Any

from tocsin.rules.column import Column, Symbols
from tocsin.rules.keywords import Keywords
from tocsin.rules.references import References
from tocsin.rules.tree import Holds
from tocsin.rules.view import Layers, Places, Spellings, View

Fields = Mapping[str, Any]
Signature = tuple[int, ...]
Compute = Callable[[Fields, Fields, bytes], int]  # overlay, fields, JSON -> symbol


@dataclass(frozen=True)
class Part:
    """The rules for a kind of event that see the same layers, and what they ask for."""

    rules: frozenset[int]  # by index: those that may match where one of their witnesses holds
    always: Sequence[int]  # those that have to be evaluated whatever holds
    holds: Mapping[int, Holds]  # of all rules, by index
    by_witness: Mapping[int, Sequence[int]]  # atom -> rules, of all there are, that may match where it holds
    columns: Mapping[str, Column]  # by field name
    constants: frozenset[int]  # atoms that hold for every event of the kind
    references: References | None
    keywords: Keywords | None

    def matches(self, hits: AbstractSet[int]) -> tuple[list[int], int]:
        """Return the rules that match where these atoms hold, and how many had to be evaluated."""
        by_witness = self.by_witness
        likely = self.rules.intersection([index for hit in hits if hit in by_witness for index in by_witness[hit]])
        holds = self.holds
        found = [index for index in (*self.always, *likely) if holds[index](hits)]
        return found, len(self.always) + len(likely)


class Plan:
    """Reads the signature of events of one shape, and knows the matches of signatures seen before."""

    __slots__ = ("_columns", "_computed", "_get", "_overlay_keys", "_parts", "_symbols", "verdicts")

    def __init__(self, parts: Sequence[Part], layers: Layers, spellings: Spellings, symbols: Symbols) -> None:
        """`layers`: of an event of that shape, the overlay (maybe empty) and the fields.

        The first part sees both layers, the second one the fields alone.
        """
        self.verdicts: dict[Signature, Any] = {}
        self._symbols = symbols
        firsts = (0, 1) if layers[0] else (1, 1)  # an empty overlay, which all events of the shape have, adds nothing
        places = {first: Places(layers[first:]) for first in firsts}
        readings = [
            _Reading(part, places[first], first, spellings, symbols) for part, first in zip(parts, firsts, strict=True)
        ]
        slots = sorted({slot for reading in readings for slot in reading.slots}, key=lambda slot: slot.layer)
        self._overlay_keys = [slot.key for slot in slots if slot.layer == 0]
        self._get = _getter([slot.key for slot in slots if slot.layer == 1])
        self._columns = [slot.column for slot in slots]
        self._computed = [compute for reading in readings for compute in reading.computed]
        position = {slot: number for number, slot in enumerate(slots)}
        self._parts = []
        computed = len(slots)
        for reading in readings:
            positions = [position[slot] for slot in reading.slots]
            positions += range(computed, computed + len(reading.computed))
            computed += len(reading.computed)
            self._parts.append((reading.part, frozenset(reading.constants), positions))

    def signature(self, fields: Fields, overlay: Fields, json: bytes) -> Signature:
        """Return the symbols of an event's values, for an event of this plan's shape."""
        values = self._get(fields)
        if self._overlay_keys:
            values = (*[overlay[key] for key in self._overlay_keys], *values)
        try:
            signature = tuple(map(getitem, self._columns, values))
        except TypeError:  # a list or a map among them
            signature = tuple(_symbol(column, value) for column, value in zip(self._columns, values, strict=True))
        if self._computed:
            signature += tuple([compute(overlay, fields, json) for compute in self._computed])
        return signature

    def matches(self, signature: Signature) -> tuple[list[int], int]:
        """Return the rules that match an event of that signature, and how many had to be evaluated."""
        sets = self._symbols.sets
        found: list[int] = []
        evaluated = 0
        for part, base, positions in self._parts:
            hits = base.union(*[sets[signature[position]] for position in positions])
            matching, count = part.matches(hits)
            found += matching
            evaluated += count
        return sorted(found), evaluated


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in a signature: the symbol that a column has for the value under a key of a layer."""

    layer: int
    key: str
    column: Column


class _Reading:
    """What one part reads of events with certain keys."""

    def __init__(self, part: Part, places: Places, first: int, spellings: Spellings, symbols: Symbols) -> None:
        """`places`: of the fields in the layers from the `first` one on."""
        self.part = part
        self.slots: list[_Slot] = []
        self.constants = set(part.constants)
        self.computed: list[Compute] = []
        for name, column in part.columns.items():
            place = places[name]
            if place is not None:
                self.slots.append(_Slot(place[0] + first, place[1], column))
            elif places.may_have_path(name):
                self.computed.append(_path_reader(name, column, first, spellings))
            else:
                self.constants |= column.when_missing
        if part.references:
            self.computed.append(part.references.reader(places, first, spellings))
        if part.keywords:
            self.computed.append(_keyword_reader(part.keywords, spellings, symbols))


def _getter(keys: Sequence[str]) -> Callable[[Fields], tuple[Any, ...]]:
    if not keys:
        return lambda _: ()
    if len(keys) == 1:
        (key,) = keys
        return lambda fields: (fields[key],)
    return itemgetter(*keys)


def _symbol(column: Column, value: Any) -> int:
    if type(value) is list or type(value) is dict:
        return column.symbol_of(View(({"": value},), Spellings()).raws(""))
    return column[value]


def _path_reader(name: str, column: Column, first: int, spellings: Spellings) -> Compute:
    def read(overlay: Fields, fields: Fields, _: bytes) -> int:
        return column.symbol_of(View((overlay, fields)[first:], spellings).raws(name))

    return read


def _keyword_reader(keywords: Keywords, spellings: Spellings, symbols: Symbols) -> Compute:
    first_look = keywords.first_look
    nothing = symbols.number_of(frozenset())

    def read(_: Fields, fields: Fields, json: bytes) -> int:
        return symbols.number_of(keywords.find(View((fields,), spellings))) if first_look(json) else nothing

    return read
