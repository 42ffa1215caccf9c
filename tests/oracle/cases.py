"""Rules beside events, each with what the oracle says, to be asked of the engine."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from tests.oracle.decisive import decisive_events
from tests.oracle.plain import PlainRule
from tests.oracle.values import Variables
from tocsin.event import Event, Logsource, Shape
from tocsin.rules.match import Matcher
from tocsin.rules.rule import Rule


@dataclass(frozen=True)
class Case:
    """An event that a rule matches, or does not."""

    rule: Rule
    about: str  # the test of the rule that decides
    event: Event
    is_match: bool


@dataclass(frozen=True)
class Difference:
    rule: str
    about: str
    fields: Mapping[str, Any]
    is_match: bool  # as the oracle says


def plain_rule(rule: Rule, variables: Variables) -> PlainRule:
    """Read a rule anew from its file, in which it is the document that begins at its line."""
    text = Path(rule.path).read_text("utf-8")
    documents = [content for content in yaml.load_all(text, yaml.CSafeLoader) if isinstance(content, dict)]
    same = [content for content in documents if str(content.get("id")) == rule.id] or documents[:1]
    return PlainRule(same[0], variables)


def cases_of(rule: Rule, variables: Variables, at_most: int = 100) -> Iterator[Case]:
    """Yield decisive events and near misses of a rule's tests."""
    plain = plain_rule(rule, variables)
    for decisive in decisive_events(plain.tree, at_most):
        for fields in (*decisive.firing, *decisive.failing, *decisive.others):
            for event, layers in _events(rule, fields):
                yield Case(rule, str(decisive.test), event, plain.matches(layers))


def _events(rule: Rule, fields: dict[str, Any]) -> Iterator[tuple[Event, tuple[dict[str, Any], ...]]]:
    """Yield the event as its log source gives it: as one layer, or, for a category, as two; with its event id known."""
    asked = rule.logsource
    logsource = Logsource(asked.product or "any", asked.service, (asked.category,) if asked.category else ())
    code = next((str(value) for key, value in fields.items() if key == "EventID" and not isinstance(value, list)), "")
    json = orjson.dumps(fields, default=str) if all(map(_is_json, fields.values())) else b"{}"
    overlay: dict[str, Any] = {}
    if asked.category:
        overlay = {key: fields[key] for number, key in enumerate(fields) if number % 2 and key != "EventID"}
    below = {key: value for key, value in fields.items() if key not in overlay}
    yield Event(json, Shape(logsource=logsource, code=code), below, overlay), (overlay, below)


def _is_json(value: Any) -> bool:
    """Say whether JSON has a way to write a value; integers of more than 64 bits are left to others."""
    return not (isinstance(value, int) and value.bit_length() > 63)


def differences(matcher: Matcher, cases: Iterable[Case]) -> Iterator[Difference]:
    """Yield the cases of which the engine says something else than the oracle."""
    for case in cases:
        is_found = case.rule.id in {rule.id for rule in matcher.match(case.event)}
        if is_found != case.is_match:
            fields = {**case.event.fields, **case.event.overlay}
            yield Difference(f"{case.rule.place} {case.rule.title}", case.about, fields, case.is_match)
