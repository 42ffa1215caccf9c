"""Fields of an event as Sigma names them: exactly, without case and blanks, along paths, in lists."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.oracle.text import fold, text_of

Layers = Sequence[Mapping[str, Any]]  # the first one that has a field gives it; the last one is the event itself


def values_of(layers: Layers, name: str) -> list[Any] | None:
    """Return the values of a field, lists flattened at any depth; None where the field is missing."""
    for key_of in (_same_key, _like_key):
        for layer in layers:
            key = key_of(layer, name)
            if key is not None:
                return flattened(layer[key])
    for layer in layers:
        found = list(_along(layer, name))
        if found:
            return flattened(found)
    return None


def texts_of(layers: Layers, name: str) -> list[str]:
    """Return the texts of a field's values: none for a missing field, null and maps."""
    return [text for value in values_of(layers, name) or [] if (text := text_of(value)) is not None]


def all_texts(value: Any) -> Iterator[str]:
    """Yield every value within a value as text, never a name."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from all_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from all_texts(inner)
    elif (text := text_of(value)) is not None:
        yield text


def flattened(value: Any) -> list[Any]:
    """Return the elements of a list and of the lists in it; another value by itself."""
    if not isinstance(value, list):
        return [value]
    return [element for inner in value for element in flattened(inner)]


def _along(value: Any, path: str) -> Iterator[Any]:
    """Yield what lies at a dotted path. Names may hold dots themselves; a whole name goes before a path."""
    if isinstance(value, list):
        for element in value:
            yield from _along(element, path)
    if not isinstance(value, Mapping):
        return
    key = _key(value, path)
    if key is not None:
        yield value[key]
        return
    for dot, character in enumerate(path):
        if character == "." and (key := _key(value, path[:dot])) is not None:
            yield from _along(value[key], path[dot + 1 :])


def _key(fields: Mapping[str, Any], name: str) -> str | None:
    key = _same_key(fields, name)
    return key if key is not None else _like_key(fields, name)


def _same_key(fields: Mapping[str, Any], name: str) -> str | None:
    return name if name in fields else None


def _like_key(fields: Mapping[str, Any], name: str) -> str | None:
    return next((key for key in fields if _plain(key) == _plain(name)), None)


def _plain(name: str) -> str:
    return fold(name).replace(" ", "")
