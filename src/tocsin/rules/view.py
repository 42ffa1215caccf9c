"""What a rule sees of an event: the values of a field, looked up as Sigma does, each prepared once."""

from collections.abc import Iterator, Mapping
from typing import Any

from tocsin.rules.text import fold, plain_name, text_of

Layers = tuple[Mapping[str, Any], ...]  # the first one that has a field gives it

VALUE_SEPARATOR = "\0\x1f\0"  # between values that are searched at one go
_MISSING = object()
_MAX_SHAPES = 2048
_MAX_REMEMBERED_CHARACTERS = 8192  # of the keys of one event
_MAX_REMEMBERED_KEYS = 256  # an event with more has no shape that comes again


class View(dict[str, tuple[str, ...]]):
    """`view[name]` is the field's values as folded text: empty for a missing field and for null alone.

    A list gives the texts of its elements, at any depth; a map has none. Names are looked up exactly, then
    without regard to case and blanks, then as a path into nested maps and lists (`userIdentity.arn`).
    """

    __slots__ = ("_all_texts", "_joined_texts", "_layers", "_places", "_raws", "_spellings", "_texts")

    def __init__(self, layers: Layers, spellings: "Spellings") -> None:
        self._layers = layers
        self._spellings = spellings
        self._places: Places | None = None
        self._raws: dict[str, tuple[Any, ...] | None] = {}
        self._texts: dict[str, tuple[str, ...]] = {}
        self._all_texts: tuple[str, ...] | None = None
        self._joined_texts: str | None = None

    def __missing__(self, name: str) -> tuple[str, ...]:
        value = self._value(name)
        texts = (fold(value),) if type(value) is str else tuple(map(fold, self.texts(name)))
        self[name] = texts
        return texts

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the field's values as text, not folded."""
        texts = self._texts.get(name)
        if texts is None:
            texts = tuple(text for raw in self.raws(name) or () if (text := text_of(raw)) is not None)
            self._texts[name] = texts
        return texts

    def raws(self, name: str) -> tuple[Any, ...] | None:
        """Return the field's values as they came, lists flattened; None for a field that is not there."""
        if name not in self._raws:
            self._raws[name] = self._values(name)
        return self._raws[name]

    def all_texts(self) -> tuple[str, ...]:
        """Return every value of the event as text, nested ones too, never a name."""
        if self._all_texts is None:
            texts: list[str] = []
            for layer in self._layers:
                _add_texts_within(layer, texts)
            self._all_texts = tuple(texts)
        return self._all_texts

    def joined_texts(self) -> str:
        """Return every value of the event as one folded text, with VALUE_SEPARATOR between them."""
        if self._joined_texts is None:
            self._joined_texts = fold(VALUE_SEPARATOR.join(self.all_texts()))
        return self._joined_texts

    def _values(self, name: str) -> tuple[Any, ...] | None:
        value = self._value(name)
        if value is not _MISSING:
            return _flattened(value)
        if "." not in name:
            return None
        found = [value for layer in self._layers for value in _along_path(layer, name)]
        return _flattened(found) if found else None

    def _value(self, name: str) -> Any:
        for layer in self._layers:
            if name in layer:
                return layer[name]
        if self._places is None:
            self._places = self._spellings.places(self._layers)
        place = self._places[name]
        return _MISSING if place is None else self._layers[place[0]][place[1]]


class Spellings:
    """Finds fields whose names are spelled otherwise; remembered by an event's keys, for those of a kind share them."""

    def __init__(self) -> None:
        self._by_shape: dict[tuple[tuple[str, ...], ...], Places] = {}

    def places(self, layers: Layers) -> "Places":
        """Return where fields are that are called as asked but for case and blanks."""
        shape = tuple(map(tuple, layers))
        places = self._by_shape.get(shape)
        if places is None:
            places = Places(layers)
            names = [name for layer in shape for name in layer]
            if len(names) <= _MAX_REMEMBERED_KEYS and sum(map(len, names)) <= _MAX_REMEMBERED_CHARACTERS:
                if len(self._by_shape) >= _MAX_SHAPES:
                    self._by_shape.clear()
                self._by_shape[shape] = places
        return places


class Places(dict[str, tuple[int, str] | None]):
    """Layer and key of fields in events with certain keys, by the names that rules ask for; None for none.

    Exactly that name in the first layer that has it, else one that differs in case and blanks.
    """

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        places = [(number, key) for number, layer in enumerate(layers) for key in layer]
        self._exact = {key: (number, key) for number, key in reversed(places)}
        self._folded = {plain_name(key): (number, key) for number, key in reversed(places)}

    def __missing__(self, name: str) -> tuple[int, str] | None:
        place = self[name] = self._exact.get(name) or self._folded.get(plain_name(name))
        return place

    def may_have_path(self, name: str) -> bool:
        """Say whether some of these events may have the field within another one (`userIdentity.arn`)."""
        wanted = plain_name(name)
        return any(wanted[:dot] in self._folded for dot in range(len(wanted)) if wanted[dot] == ".")


def _flattened(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        return (value,)
    return tuple(element for element in _elements(value))


def _elements(values: list[Any]) -> Iterator[Any]:
    """Yield the elements of a list, and of the lists in it; without recursion, for depth is the sender's choice."""
    pending = values[::-1]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(reversed(value))
        else:
            yield value


def _add_texts_within(values: Mapping[str, Any], texts: list[str]) -> None:
    nested: list[Any] = []
    for value in values.values():
        if type(value) is str:
            texts.append(value)
        else:
            nested.append(value)
    while nested:  # no recursion, as in _elements
        value = nested.pop()
        if isinstance(value, dict):
            nested.extend(value.values())
        elif isinstance(value, list):
            nested.extend(value)
        elif (text := text_of(value)) is not None:
            texts.append(text)


def _along_path(value: Any, path: str) -> Iterator[Any]:
    """Yield what lies at a dotted path; keys may hold dots themselves, lists are searched element by element."""
    if isinstance(value, list):
        for element in _elements(value):
            yield from _along_path(element, path)
    if not isinstance(value, dict):
        return
    key = _key_like(value, path)
    if key is not None:
        yield value[key]
        return
    dot = path.find(".")
    while dot >= 0:
        key = _key_like(value, path[:dot])
        if key is not None:
            yield from _along_path(value[key], path[dot + 1 :])
        dot = path.find(".", dot + 1)


def _key_like(values: Mapping[str, Any], name: str) -> str | None:
    if name in values:
        return name
    wanted = plain_name(name)
    return next((key for key in values if plain_name(key) == wanted), None)
