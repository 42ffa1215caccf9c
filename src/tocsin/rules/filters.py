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
    all_filters = list(filters)
    of_rules = [[one for one in all_filters if one.is_for(rule)] for rule in rules]
    used = {id(one) for of_rule in of_rules for one in of_rule}
    errors = [_unused(one) for one in all_filters if id(one) not in used]
    return [_with(rule, of_rule) for rule, of_rule in zip(rules, of_rules, strict=True)], errors


def without_filters(rule: Rule, count: int) -> Rule:
    """Return the rule as it was before so many filters were added."""
    if not count:
        return rule
    assert isinstance(rule.condition, And)
    return replace(rule, condition=rule.condition.of[0])


def _with(rule: Rule, filters: Sequence[Filter]) -> Rule:
    if not filters:
        return rule
    digest = rule.digest
    for one in filters:
        digest = hashlib.sha256(f"{digest} {one.digest}".encode()).hexdigest()[:32]
    return replace(rule, condition=And((rule.condition, *(one.condition for one in filters))), digest=digest)


def _unused(one: Filter) -> RuleError:
    named = "any" if one.rules is None else ", ".join(one.rules)
    return RuleError(one.place, f"filter '{one.title}' is for no rule here (rules: {named})")
