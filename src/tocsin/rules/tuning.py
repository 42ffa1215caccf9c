"""Tune rules without editing them: their level, whether they are on, and exceptions, from a file beside them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tocsin.errors import RuleError
from tocsin.rules.attack import Attack
from tocsin.rules.documents import Document, read_documents
from tocsin.rules.filters import Filter
from tocsin.rules.preparation import Preparation
from tocsin.rules.rule import LEVELS, Rule

_KEYS = ("level", "enabled", "except")


@dataclass(frozen=True)
class Tuned:
    """Rules as a user wants them, the exceptions still to be added as filters, and what was wrong."""

    rules: Sequence[Rule]
    exceptions: Sequence[Filter]
    errors: Sequence[RuleError]


def tuned(
    rules: Sequence[Rule], files: Sequence[Path], attack: Attack, preparation_for: Callable[[Rule], Preparation]
) -> Tuned:
    """Apply files of tuning, in order: a map from ids (or names) of rules to `level`, `enabled` and `except`.

    An exception is a selection as a rule has it, prepared as that is: an event that it matches is none for the rule.
    What cannot be used is among the errors.
    """
    errors: list[RuleError] = []
    exceptions: list[Filter] = []
    changes: dict[str, dict[str, Any]] = {}
    by_name = {rule.name: rule for rule in rules if rule.name} | {rule.id: rule for rule in rules}
    for named, entry in (entry for path in files for entry in _entries(path, errors)):
        rule = by_name.get(named)
        found, excepted = _problems(entry, named, [] if rule else [_no_rule(named, rules)]), []
        if rule and isinstance(entry.content, dict) and "except" in entry.content:
            try:
                excepted = [_exception(rule, entry, attack, preparation_for(rule))]
            except RuleError as error:
                found.append(error)
        errors += found
        if rule and not found:
            exceptions += excepted
            changes.setdefault(rule.id, {}).update(entry.content)
    off = {rule for rule, change in changes.items() if not change.get("enabled", True)}
    return Tuned(
        [_with_level(rule, changes.get(rule.id, {}).get("level", rule.level)) for rule in rules if rule.id not in off],
        [one for one in exceptions if one.rules and one.rules[0] not in off],
        errors,
    )


def _entries(path: Path, errors: list[RuleError]) -> list[tuple[str, Document]]:
    """Return what a file says of each rule, as a document of its own that knows its line."""
    try:
        documents = [document for document in read_documents(path) if document.content is not None]
    except RuleError as error:
        errors.append(error)
        return []
    entries = []
    for document in documents:
        if not isinstance(document.content, dict):
            errors.append(RuleError(f"{path}:{document.line}", "must be a map from ids of rules to what is changed"))
            continue
        keys = {key.value: key for key, _ in document.node.value}
        for named, content in document.content.items():
            key = keys.get(named, document.node)  # YAML makes numbers and dates of some
            entries.append((str(named), Document(str(path), content, repr(content), key)))
    return entries


def _problems(entry: Document, named: str, before: list[str]) -> list[RuleError]:
    """Return all that cannot be meant in an entry, after what was found before."""
    content, place = entry.content, f"{entry.path}:{entry.line}"
    errors = [RuleError(place, problem) for problem in before]
    if not isinstance(content, dict) or not content:
        return [*errors, RuleError(place, f"'{named}' needs one or more of {', '.join(_KEYS)}")]
    problems = [f"'{key}' is none of {', '.join(_KEYS)}" for key in content if key not in _KEYS]
    if content.get("level", LEVELS[0]) not in LEVELS:
        problems.append(f"level '{content['level']}' is none of {', '.join(LEVELS)}")
    if not isinstance(content.get("enabled", True), bool):
        problems.append("'enabled' must be true or false")
    return [*errors, RuleError(place, f"of '{named}': {'; '.join(problems)}")] if problems else errors


def _no_rule(named: str, rules: Sequence[Rule]) -> str:
    ids = [rule.id for rule in rules if rule.title == named]
    advice = f"that is a title: give the id {' or '.join(ids)}" if ids else "give its id; `tocsin rules list` shows it"
    return f"there is no rule '{named}' here: {advice}"


def _with_level(rule: Rule, level: str) -> Rule:
    if level == rule.level:
        return rule
    return replace(rule, level=level, digest=hashlib.sha256(f"{rule.digest} {level}".encode()).hexdigest()[:32])


def _exception(rule: Rule, entry: Document, attack: Attack, preparation: Preparation) -> Filter:
    """Make the Sigma filter that an exception stands for."""
    from tocsin.rules.load import RuleReader  # pySigma takes half a second to import

    asked = {"product": rule.logsource.product, "category": rule.logsource.category, "service": rule.logsource.service}
    content: Mapping[str, Any] = {
        "title": f"exception in {Path(entry.path).name}",
        "logsource": {key: value for key, value in asked.items() if value},
        "filter": {"rules": [rule.id], "exception": entry.content["except"], "condition": "not exception"},
    }
    return RuleReader(attack, rule.is_baseline, preparation).filter_of(replace(entry, content=content))
