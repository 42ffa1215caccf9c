"""Sigma filters: exceptions beside rules, for those they name or for all of a log source."""

from typing import Any

import pytest
import yaml

from tests.rules.writing import event_of, loaded, rule_text
from tocsin.rules.match import Matcher

ID = "11111111-1111-4111-8111-111111111111"


def filter_text(rules: Any, logsource: dict[str, str] | None = None, **selection: Any) -> str:
    written: dict[str, Any] = {"admins": selection or {"User": "admin"}, "condition": "not admins"}
    if rules is not None:
        written["rules"] = rules
    content = {"title": "Our admins", "logsource": logsource or {"product": "windows"}, "filter": written}
    return yaml.safe_dump(content, sort_keys=False)


def titles(texts: list[str], fields: dict[str, Any]) -> list[str]:
    rules, errors = loaded(*texts)
    assert errors == []
    return [rule.title for rule in Matcher(rules).match(event_of(fields))]


@pytest.mark.parametrize("rules", [[ID], ID, ["the_rule"], "any", ["any"]])
def test_a_filter_takes_events_away_from_the_rules_it_is_for(rules: Any) -> None:
    texts = [rule_text("A: x", id=ID, name="the_rule"), filter_text(rules)]
    assert titles(texts, {"A": "x", "User": "bob"}) == ["A rule"]
    assert titles(texts, {"A": "x", "User": "Admin"}) == []


def test_other_rules_stay_as_they_are() -> None:
    texts = [rule_text("A: x", id=ID), rule_text("A: x", title="Another rule"), filter_text([ID])]
    assert titles(texts, {"A": "x", "User": "admin"}) == ["Another rule"]


def test_several_filters_for_one_rule_all_have_to_hold() -> None:
    texts = [rule_text("A: x"), filter_text("any"), filter_text("any", User="backup")]
    assert [titles(texts, {"A": "x", "User": user}) for user in ("admin", "backup", "bob")] == [[], [], ["A rule"]]


def test_a_filter_counts_for_its_log_source_alone() -> None:
    rules, errors = loaded(rule_text("A: x"), filter_text("any", {"product": "linux"}))
    assert [error.reason for error in errors] == ["filter 'Our admins' is for no rule here (rules: any)"]
    assert Matcher(rules).match(event_of({"A": "x", "User": "admin"})) != ()


def test_a_filter_changes_the_digest_of_its_rules_alone() -> None:
    texts = [rule_text("A: x", id=ID), rule_text("A: y", title="Another rule")]
    (plain, other), _ = loaded(*texts)
    (with_filter, same), _ = loaded(*texts, filter_text([ID]))
    assert (with_filter.digest != plain.digest, same.digest == other.digest) == (True, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (filter_text(None), "a filter says which `rules` it is for: a list of ids or names, or `any`"),
        (filter_text([]), "a filter says which `rules` it is for: a list of ids or names, or `any`"),
        (filter_text([7]), "a filter says which `rules` it is for: a list of ids or names, or `any`"),
        (filter_text("any").replace("User:", "User|containz:"), "unknown modifier 'containz'"),
        (filter_text("any").replace("not admins", "not bosses"), "bosses"),
    ],
)
def test_a_filter_that_is_wrong_is_reported_and_changes_nothing(text: str, reason: str) -> None:
    rules, errors = loaded(rule_text("A: x"), text)
    assert [reason in error.reason for error in errors] == [True]
    assert Matcher(rules).match(event_of({"A": "x", "User": "admin"})) != ()


def test_a_rule_may_have_hundreds_of_filters() -> None:
    text = (
        "title: Filter {0}\nlogsource: {{product: windows}}\nfilter: {{rules: any, f: {{B: {0}}}, condition: not f}}\n"
    )
    rules, errors = loaded(rule_text("A: 1", title="Rule"), *(text.format(number) for number in range(700)))
    assert errors == []
    matcher = Matcher(rules)
    assert [bool(matcher.match(event_of({"A": "1", "B": number}))) for number in (699, 0, 700)] == [False, False, True]
