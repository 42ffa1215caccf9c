"""Match one Sigma rule slowly and plainly, from its YAML: what the fast matcher has to agree with.

Meaning: Sigma specification 2.1. Nothing of pySigma nor of the matcher it checks is used.
"""

from collections.abc import Mapping
from typing import Any

from tests.oracle.conditions import condition_of
from tests.oracle.errors import UnsupportedRule
from tests.oracle.fields import Layers
from tests.oracle.nodes import All, AnyOf, Node
from tests.oracle.values import Variables, item_of

__all__ = ["PlainRule", "UnsupportedRule"]

_NO_VARIABLES: Variables = {}


class PlainRule:
    """One rule, asked about one event at a time."""

    def __init__(self, rule: Mapping[str, Any], variables: Variables = _NO_VARIABLES) -> None:
        """`variables`: values of placeholders. Raises UnsupportedRule for what cannot be evaluated."""
        detection = rule.get("detection")
        if not isinstance(detection, Mapping):
            raise UnsupportedRule("a rule has a map `detection`")
        selections = {
            name: _selection(definition, variables)
            for name, definition in detection.items()
            if name not in ("condition", "timeframe")
        }
        conditions = detection.get("condition")
        conditions = conditions if isinstance(conditions, list) else [conditions]
        if not conditions or not all(isinstance(condition, str) for condition in conditions):
            raise UnsupportedRule("the condition is a text, or a list of texts")
        self.tree: Node = AnyOf(tuple(condition_of(condition, selections) for condition in conditions))

    def matches(self, layers: Layers) -> bool:
        """Say whether an event matches. `layers`: the first that has a field gives it; the last is the event itself."""
        return self.tree.holds(layers)


def _selection(definition: Any, variables: Variables) -> Node:
    """Read a selection: a map needs all of its lines, a list any of its elements, a text is a keyword."""
    if isinstance(definition, Mapping) and definition:
        return All(tuple(item_of(str(key), value, variables) for key, value in definition.items()))
    if isinstance(definition, list) and definition:
        return AnyOf(tuple(_selection(element, variables) for element in definition))
    return item_of("", definition, variables)
