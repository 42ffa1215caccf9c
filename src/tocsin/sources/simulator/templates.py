"""Compile JSON with places for values into a bytes template, so that an event is made by one `%`."""

import re
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, cast

Values = tuple[Any, ...]
Transform = Callable[[Any], Any]

_PLACE = re.compile(r"<<(\w+)(?:\|(\w+))?>>")


class Template:
    """A compiled template: `render(values)` gives the event's bytes."""

    def __init__(self, pattern: bytes, places: list[tuple[int, Transform | None]], width: int) -> None:
        self._pattern = pattern
        self._derived = list(dict.fromkeys((index, change) for index, change in places if change is not None))
        derived_at = {key: width + number for number, key in enumerate(self._derived)}
        self._pick = itemgetter(*(index if change is None else derived_at[index, change] for index, change in places))
        # Takes the values in the order of the names that the template was compiled with.
        self.render: Callable[[Values], bytes] = self._changed if self._derived else self._plain

    def _plain(self, values: Values) -> bytes:
        return self._pattern % cast("Values", self._pick(values))

    def _changed(self, values: Values) -> bytes:
        return self._plain(values + tuple([change(values[index]) for index, change in self._derived]))


def compiled(text: str, names: tuple[str, ...], writers: Mapping[str, tuple[str, Transform | None]]) -> Template:
    """Compile `text`, in which `<<name|writer>>` stands for a value; `writers` say how: a %-conversion, a change.

    A place without a writer takes bytes as they are. Raises KeyError for a name or writer that is not known.
    """
    index_of = {name: index for index, name in enumerate(names)}
    pattern: list[str] = []
    places: list[tuple[int, Transform | None]] = []
    end = 0
    for place in _PLACE.finditer(text):
        name, writer = place.groups()
        conversion, change = writers[writer] if writer else ("%b", None)
        pattern += (text[end : place.start()].replace("%", "%%"), conversion)
        places.append((index_of[name], change))
        end = place.end()
    pattern.append(text[end:].replace("%", "%%"))
    return Template("".join(pattern).encode(), places, len(names))
