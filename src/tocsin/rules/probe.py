"""The place where what matching does can be measured: a probe may wrap each thing that is called."""

from collections.abc import Callable
from typing import TypeVar

from tocsin.rules.tree import Holds

Search = Callable[[str], bool]
Find = Callable[[str, list[int]], list[int]]
_Seen = TypeVar("_Seen")
_Result = TypeVar("_Result")


class Probe:
    """Wraps nothing. What it is given is what is called, so not measuring costs nothing."""

    def condition(self, _rule: int, holds: Holds) -> Holds:
        """Wrap the condition of a rule, by its index."""
        return holds

    def search(self, _atom: int, search: Search) -> Search:
        """Wrap a regular expression that is searched beside the automaton, by the number of its atom."""
        return search

    def find(self, _field: str, find: Find) -> Find:
        """Wrap what looks for all atoms of a field in a value that is new."""
        return find

    def keywords(self, look: Callable[[_Seen], _Result]) -> Callable[[_Seen], _Result]:
        """Wrap what looks for keywords in an event: first in its JSON, then in its values."""
        return look
