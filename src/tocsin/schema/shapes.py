"""Give events of one kind that have the same fields one and the same shape."""

from collections.abc import Collection, Iterable

from tocsin.event import Logsource, Shape

_MAX_SHAPES = 8192
MAX_KEYS = 256  # an event with more has no shape that comes again
MAX_KEY_CHARACTERS = 8192  # of all keys together
_MAX_CHARACTERS = 512  # of the other texts of a shape: longer ones are hostile or rare


class Shapes:
    """Shapes handed out before. Bounded: when full it starts anew, and then equal shapes are different objects."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Logsource, str, str, str, tuple[str, ...]], Shape] = {}

    def of(self, shape: Shape, fields: Iterable[str]) -> Shape:
        """Return the shape that stands for all that are like `shape` and have these fields, in this order."""
        keys = tuple(fields)
        if are_rare(keys) or len(shape.channel) + len(shape.provider) + len(shape.code) > _MAX_CHARACTERS:
            return shape
        key = (shape.format, shape.logsource, shape.channel, shape.provider, shape.code, keys)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MAX_SHAPES:
                self._known.clear()
            known = self._known[key] = shape
        return known


def are_rare(keys: Collection[str]) -> bool:
    """Say whether keys are so many or so long that an event with the same hardly comes again."""
    return len(keys) > MAX_KEYS or sum(map(len, keys)) > MAX_KEY_CHARACTERS


SHAPES = Shapes()
