"""Say why a rule matches an event, or why it does not: condition by selection, selection by line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from tocsin.errors import RuleError
from tocsin.event import Event, Logsource
from tocsin.rules.attack import Attack
from tocsin.rules.documents import Document, read_documents
from tocsin.rules.filters import Filter, without_filters
from tocsin.rules.load import RuleReader
from tocsin.rules.match import Matcher, Memory
from tocsin.rules.preparation import Preparation
from tocsin.rules.rule import Rule
from tocsin.rules.tree import Tree
from tocsin.rules.view import Spellings, View

_MEMORY = Memory(value_characters=100_000, sets=1_000, signatures=0, shapes=64)  # there may be hundreds of questions


@dataclass(frozen=True)
class Line:
    """One line of a selection: `Field|modifier: values`, or keywords."""

    key: str  # as the rule has it; "" for keywords
    wanted: Any
    holds: bool
    values: tuple[Any, ...] | None  # of the field in the event; None: it is missing, or the line is of keywords


@dataclass(frozen=True)
class Selection:
    """One selection: any of its alternatives has to hold, and of an alternative all lines."""

    name: str
    holds: bool
    alternatives: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True)
class FilterAnswer:
    """What a filter that is for the rule says of the event."""

    title: str
    place: str
    holds: bool  # else it keeps the rule from firing


@dataclass(frozen=True)
class Explanation:
    rule: Rule
    event_logsource: Logsource
    is_routed: bool  # whether the rule is for events of that log source
    holds: bool  # whether its own condition does, whatever the log source
    conditions: tuple[str, ...]  # any of which has to hold
    selections: tuple[Selection, ...]
    filters: tuple[FilterAnswer, ...]

    @property
    def fires(self) -> bool:
        return self.is_routed and self.holds and all(one.holds for one in self.filters)


def explain(
    rule: Rule, filters: Sequence[Filter], event: Event, attack: Attack, preparation: Preparation
) -> Explanation:
    """Explain what the engine says of one rule and one event, as `Question` does."""
    return Question(rule, filters, attack, preparation).explain(event)


@dataclass(frozen=True)
class _LineAsked:
    key: str
    wanted: Any
    part: str


@dataclass(frozen=True)
class _SelectionAsked:
    name: str
    part: str
    alternatives: tuple[tuple[_LineAsked, ...], ...]


class Question:
    """Asks the engine about one rule and about all parts of it, of any number of events."""

    def __init__(self, rule: Rule, filters: Sequence[Filter], attack: Attack, preparation: Preparation) -> None:
        """`filters`: those that were added to the rule. Raises RuleError where the rule's file has changed."""
        self._rule = rule
        self._filters = filters
        self._document = _document_of(rule)
        self._reader = RuleReader(attack, rule.is_baseline, preparation)
        self._parts: list[Rule] = []
        detection = self._document.content["detection"]
        conditions = detection["condition"]
        self._conditions = tuple(conditions) if isinstance(conditions, list) else (conditions,)
        self._whole = self._part(without_filters(rule, len(filters)).condition)
        self._of_filters = [self._part(one.condition) for one in filters]
        self._selections = [
            self._asked(name, definition)
            for name, definition in detection.items()
            if name not in ("condition", "timeframe")
        ]
        self._matcher = Matcher(self._parts, _MEMORY)

    def explain(self, event: Event) -> Explanation:
        """Explain what the engine says of an event, taken for one of the rule's log source."""
        asked = self._rule.logsource
        logsource = Logsource(asked.product, asked.service, (asked.category,) if asked.category else ())
        taken = msgspec.structs.replace(event, shape=replace(event.shape, logsource=logsource))
        held = {part.id for part in self._matcher.match(taken)}
        view = View((event.overlay, event.fields) if asked.category else (event.fields,), Spellings())
        return Explanation(
            rule=self._rule,
            event_logsource=event.shape.logsource,
            is_routed=asked.fits(event.shape.logsource),
            holds=self._whole in held,
            conditions=self._conditions,
            selections=tuple(_answered(selection, held, view) for selection in self._selections),
            filters=tuple(
                FilterAnswer(one.title, one.place, part in held)
                for one, part in zip(self._filters, self._of_filters, strict=True)
            ),
        )

    def _asked(self, name: str, definition: Any) -> _SelectionAsked:
        alternatives = tuple(tuple(self._lines(one)) for one in _alternatives(definition))
        return _SelectionAsked(name, self._part_of(definition), alternatives)

    def _lines(self, alternative: Any) -> Iterator[_LineAsked]:
        if not isinstance(alternative, Mapping):
            yield _LineAsked("", alternative, self._part_of(alternative))
            return
        for key, wanted in alternative.items():
            yield _LineAsked(str(key), wanted, self._part_of({key: wanted}))

    def _part_of(self, definition: Any) -> str:
        return self._part(self._reader.tree_of_part(self._document, definition))

    def _part(self, condition: Tree) -> str:
        """Add a condition as a rule of its own; return by which id it is known."""
        self._parts.append(replace(self._rule, id=str(len(self._parts)), condition=condition))
        return self._parts[-1].id


def _answered(asked: _SelectionAsked, held: set[str], view: View) -> Selection:
    alternatives = tuple(tuple(_line(line, held, view) for line in lines) for lines in asked.alternatives)
    return Selection(asked.name, asked.part in held, alternatives)


def _line(asked: _LineAsked, held: set[str], view: View) -> Line:
    field = asked.key.partition("|")[0]
    return Line(asked.key, asked.wanted, asked.part in held, view.raws(field) if field else None)


def _document_of(rule: Rule) -> Document:
    for document in read_documents(Path(rule.path)):
        if document.line == rule.line and isinstance(document.content, dict) and "detection" in document.content:
            return document
    raise RuleError(rule.place, "is no longer there: the file has changed")


def _alternatives(definition: Any) -> Sequence[Any]:
    """Return the maps of a list, or all its keywords as one; a map alone."""
    if isinstance(definition, list) and all(isinstance(one, Mapping) for one in definition):
        return definition
    return [definition]
