"""Write rules and events in a line or two, and match them."""

import tempfile
from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Any

import yaml

from tocsin.errors import RuleError
from tocsin.event import Event, Logsource, Shape
from tocsin.rules.attack import Attack
from tocsin.rules.compile import compile_rules
from tocsin.rules.load import Rule, load_rules
from tocsin.rules.match import Matcher

ATTACK = Attack.load()
WINDOWS = Logsource("windows", "security", ("process_creation",))


def rule_text(detection: str | Mapping[str, Any], **others: Any) -> str:
    """Return the YAML of a rule for all Windows events; a text is the selection, a map the whole detection."""
    if isinstance(detection, str):
        detection = {"selection": yaml.safe_load(detection), "condition": "selection"}
    rule = {"title": "A rule", "logsource": {"product": "windows"}, "detection": dict(detection), **others}
    return yaml.safe_dump(rule, allow_unicode=True, sort_keys=False)


def loaded(*texts: str) -> tuple[list[Rule], list[RuleError]]:
    """Load rules from one file a text: 0.yml, 1.yml, ..."""
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            Path(folder, f"{number}.yml").write_text(text, "utf-8")
        rules, errors = load_rules([Path(folder)], ATTACK)
        return rules, [RuleError(error.place.removeprefix(f"{folder}/"), error.reason) for error in errors]


def matcher_of(*texts: str) -> Matcher:
    """Load and compile rules in which nothing is wrong."""
    rules, load_errors = loaded(*texts)
    matcher, compile_errors = compile_rules(rules)
    assert [*load_errors, *compile_errors] == []
    return matcher


def event_of(
    fields: Mapping[str, Any], logsource: Logsource = WINDOWS, overlay: Mapping[str, Any] | None = None
) -> Event:
    json = dumps(fields, ensure_ascii=False).encode()
    return Event(json, Shape(logsource=logsource), dict(fields), dict(overlay or {}))


def fires(detection: str | Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Say whether a rule with that detection fires on a Windows event with those fields."""
    return bool(matcher_of(rule_text(detection)).match(event_of(fields)))


def firing(detections: Sequence[str], fields: Mapping[str, Any]) -> list[str]:
    """Return those of the selections that fire on the event."""
    return [detection for detection in detections if fires(detection, fields)]
