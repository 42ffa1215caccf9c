"""Sigma filters: exceptions kept beside rules, added to the conditions of those they are for."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from tocsin.errors import RuleError
from tocsin.rules.rule import Rule, RuleLogsource
from tocsin.rules.tree import And, Tree


class Filter(msgspec.Struct, frozen=True):
    """What else has to hold for some rules (Sigma filters specification 2.1)."""

    title: str
    rules: tuple[str, ...] | None  # ids or names; None: every rule of the log source
    logsource: RuleLogsource
    condition: Tree
    digest: str  # of its text
    place: str

    def is_for(self, rule: Rule) -> bool:
        is_meant = self.rules is None or rule.id in self.rules or (rule.name and rule.name in self.rules)
        return bool(is_meant) and self.logsource.contains(rule.logsource)


def filtered(rules: Sequence[Rule], filters: Iterable[Filter]) -> tuple[list[Rule], list[RuleError]]:
    """Return the rules with the filters that are for them; a filter that is for none of them is an error."""
    found = list(rules)
    errors = []
    for one in filters:
        is_used = False
        for number, rule in enumerate(found):
            if one.is_for(rule):
                found[number] = _with(rule, one)
                is_used = True
        if not is_used:
            named = "any" if one.rules is None else ", ".join(one.rules)
            errors.append(RuleError(one.place, f"filter '{one.title}' is for no rule here (rules: {named})"))
    return found, errors


def without_filters(rule: Rule, count: int) -> Rule:
    """Return the rule as it was before so many filters were added."""
    condition = rule.condition
    for _ in range(count):
        assert isinstance(condition, And)
        condition = condition.of[0]
    return replace(rule, condition=condition)


def _with(rule: Rule, one: Filter) -> Rule:
    digest = hashlib.sha256(f"{rule.digest} {one.digest}".encode()).hexdigest()[:32]
    return replace(rule, condition=And((rule.condition, one.condition)), digest=digest)
