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
from tocsin.rules.match import Matcher
from tocsin.rules.preparation import Preparation
from tocsin.rules.rule import Rule
from tocsin.rules.view import Spellings, View


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
    """Explain what the engine says of one rule and one event. `filters`: those that were added to the rule.

    Raises RuleError where the rule's file has changed.
    """
    document = _document_of(rule)
    detection = document.content["detection"]
    conditions = detection["condition"]
    question = _Question(rule, event, RuleReader(attack, rule.is_baseline, preparation), document)
    selections = tuple(
        question.selection(name, definition)
        for name, definition in detection.items()
        if name not in ("condition", "timeframe")
    )
    return Explanation(
        rule=rule,
        event_logsource=event.shape.logsource,
        is_routed=rule.logsource.fits(event.shape.logsource),
        holds=question.is_match(without_filters(rule, len(filters))),
        conditions=tuple(conditions) if isinstance(conditions, list) else (conditions,),
        selections=selections,
        filters=tuple(
            FilterAnswer(one.title, one.place, question.is_match(replace(rule, condition=one.condition)))
            for one in filters
        ),
    )


def _document_of(rule: Rule) -> Document:
    for document in read_documents(Path(rule.path)):
        if document.line == rule.line and isinstance(document.content, dict) and "detection" in document.content:
            return document
    raise RuleError(rule.place, "is no longer there: the file has changed")


class _Question:
    """Asks the engine about parts of one rule, of an event that is taken for one of the rule's log source."""

    def __init__(self, rule: Rule, event: Event, reader: RuleReader, document: Document) -> None:
        asked = rule.logsource
        logsource = Logsource(asked.product, asked.service, (asked.category,) if asked.category else ())
        self._event = msgspec.structs.replace(event, shape=replace(event.shape, logsource=logsource))
        self._rule = rule
        self._reader = reader
        self._document = document
        layers = (event.overlay, event.fields) if asked.category else (event.fields,)
        self._view = View(layers, Spellings())

    def is_match(self, rule: Rule) -> bool:
        return bool(Matcher([rule]).match(self._event))

    def selection(self, name: str, definition: Any) -> Selection:
        alternatives = tuple(tuple(self._lines(one)) for one in _alternatives(definition))
        return Selection(name, self._holds(definition), alternatives)

    def _lines(self, alternative: Any) -> Iterator[Line]:
        if not isinstance(alternative, Mapping):
            yield Line("", alternative, self._holds(alternative), None)
            return
        for key, wanted in alternative.items():
            field = str(key).partition("|")[0]
            yield Line(str(key), wanted, self._holds({key: wanted}), self._view.raws(field) if field else None)

    def _holds(self, definition: Any) -> bool:
        tree = self._reader.tree_of_part(self._document, definition)
        return self.is_match(replace(self._rule, condition=tree))


def _alternatives(definition: Any) -> Sequence[Any]:
    """Return the maps of a list, or all its keywords as one; a map alone."""
    if isinstance(definition, list) and all(isinstance(one, Mapping) for one in definition):
        return definition
    return [definition]
