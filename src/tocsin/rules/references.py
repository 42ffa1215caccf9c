"""Compare fields with other fields of the same event; what given values compare to is remembered."""

from collections.abc import Callable, Mapping
from typing import Any

from tocsin.rules.atom import FieldAtom
from tocsin.rules.column import Symbols
from tocsin.rules.view import Places, Spellings, View

_MAX_REMEMBERED_CHARACTERS = 2048  # of the values of one event: longer ones hardly come again

Fields = Mapping[str, Any]


class References:
    """From the values of all fields that are compared to a number that stands for the atoms that hold for them."""

    def __init__(self, atoms: Mapping[int, FieldAtom], symbols: Symbols) -> None:
        self._tests = [(number, atom.field, atom.other, _COMPARE[atom.how]) for number, atom in atoms.items()]
        self._names = sorted({name for atom in atoms.values() for name in (atom.field, atom.other)})
        self._symbols = symbols
        self._remembered: dict[tuple[str | None, ...], int] = {}
        symbols.add(self)

    def drop(self) -> None:
        """Forget all values."""
        self._remembered.clear()

    def reader(self, places: Places, first: int, spellings: Spellings) -> Callable[[Fields, Fields, bytes], int]:
        """Return the function from overlay and fields of events of one shape to the symbol.

        `places`: of the fields in the layers from the `first` one on.
        """

        def compared(overlay: Fields, fields: Fields, _: bytes) -> int:
            return self._symbol(View((overlay, fields)[first:], spellings))

        if any(places[name] is None and places.may_have_path(name) for name in self._names):
            return compared
        found = [places[name] for name in self._names]
        where = [place and (place[0] + first, place[1]) for place in found]
        remembered = self._remembered

        def read(overlay: Fields, fields: Fields, json: bytes) -> int:
            layers = (overlay, fields)
            # A missing field compares as null does.
            values = tuple([None if place is None else layers[place[0]][place[1]] for place in where])
            try:
                symbol = remembered.get(values)
            except TypeError:  # a list or a map among them
                return compared(overlay, fields, json)
            if symbol is None:
                symbol = compared(overlay, fields, json)
                self._remember(values, symbol)
            return symbol

        return read

    def _symbol(self, view: View) -> int:
        return self._symbols.number_of(
            frozenset(
                number
                for number, name, other, compare in self._tests
                if any(compare(text, affix) for text in view[name] for affix in view[other])
            )
        )

    def _remember(self, values: tuple[Any, ...], symbol: int) -> None:
        if all(value is None or type(value) is str for value in values):  # `True`, `1` and `1.0` would be one
            characters = sum(len(value) for value in values if value)
            if characters <= _MAX_REMEMBERED_CHARACTERS and self._symbols.has_room(characters + 100):
                self._remembered[values] = symbol


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "equals": str.__eq__,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}
