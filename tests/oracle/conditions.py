"""Conditions of rules: and, or, not, parentheses, `1 of x*`, `all of them`."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from tests.oracle.errors import UnsupportedRule
from tests.oracle.nodes import All, AnyOf, Node, Not

_TOKENS = re.compile(r"\s*([()]|[^\s()]+)")
_OPERATORS = ("and", "or", "not", "of", "(", ")", "")


def condition_of(written: str, selections: Mapping[str, Node]) -> Node:
    """Read one condition."""
    parser = _Parser(_TOKENS.findall(written), selections)
    node = parser.any_of()
    if parser.next:
        raise UnsupportedRule(f"condition '{written}': '{parser.next}' was not expected")
    return node


class _Parser:
    """Reads from the weakest operator to the strongest: or, and, not."""

    def __init__(self, tokens: list[str], selections: Mapping[str, Node]) -> None:
        self._tokens = [*tokens, ""]
        self._selections = selections

    @property
    def next(self) -> str:
        return self._tokens[0]

    def any_of(self) -> Node:
        nodes = [self._all_of()]
        while self._takes("or"):
            nodes.append(self._all_of())
        return AnyOf(tuple(nodes)) if len(nodes) > 1 else nodes[0]

    def _all_of(self) -> Node:
        nodes = [self._negation()]
        while self._takes("and"):
            nodes.append(self._negation())
        return All(tuple(nodes)) if len(nodes) > 1 else nodes[0]

    def _negation(self) -> Node:
        return Not(self._negation()) if self._takes("not") else self._operand()

    def _operand(self) -> Node:
        if self._takes("("):
            node = self.any_of()
            self._expect(")")
            return node
        word = self._tokens.pop(0)
        if word in ("1", "any", "all") and self._takes("of"):
            return self._quantified(word, self._tokens.pop(0))
        if word in _OPERATORS or word not in self._selections:
            raise UnsupportedRule(f"'{word}' is no selection")
        return self._selections[word]

    def _quantified(self, quantifier: str, pattern: str) -> Node:
        names = [name for name in self._selections if _is_meant(name, pattern)]
        if not names:
            raise UnsupportedRule(f"'{quantifier} of {pattern}' means no selection")
        nodes = tuple(self._selections[name] for name in names)
        return All(nodes) if quantifier == "all" else AnyOf(nodes)

    def _takes(self, token: str) -> bool:
        if self.next != token:
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            raise UnsupportedRule(f"'{token}' is missing before '{self.next}'")


def _is_meant(name: str, pattern: str) -> bool:
    """A selection whose name begins with an underscore is meant only by a pattern that does."""
    if name.startswith("_") and not pattern.startswith("_"):
        return False
    return pattern == "them" or fnmatchcase(name, re.sub(r"([?[])", r"[\1]", pattern))
