"""Remember what a pure function said of short texts that come again and again."""

from collections.abc import Callable
from typing import TypeVar

Key = TypeVar("Key", str, tuple[str, str])
Value = TypeVar("Value")


class Remembered(dict[Key, Value]):
    """Results of a function by its argument: `memory[key]` calls it when the key is new.

    Holds at most `entries` keys of at most `max_chars` characters each, so that hostile values cannot fill the
    memory; when it is full it starts anew. What it hands out is shared: never change it.
    """

    def __init__(self, function: Callable[[Key], Value], *, entries: int, max_chars: int) -> None:
        super().__init__()
        self._function: Callable[[Key], Value] = function
        self._entries = entries
        self._max_chars = max_chars

    def __missing__(self, key: Key) -> Value:
        value: Value = self._function(key)
        if _chars(key) <= self._max_chars:
            if len(self) >= self._entries:
                self.clear()
            self[key] = value
        return value


def _chars(key: str | tuple[str, str]) -> int:
    return len(key) if isinstance(key, str) else len(key[0]) + len(key[1])
