"""The matcher routes by log source, keeps its memories bounded, and agrees with a slow and plain one."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
from sigma.types import (
    SigmaCasedString,
    SigmaCompareExpression,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

from tests.rules.writing import event_of, loaded, matcher_of, rule_text
from tocsin.event import Logsource
from tocsin.rules import match as match_module
from tocsin.rules.compile import compile_rules
from tocsin.rules.load import Rule

IDS = [f"{digit * 8}-1111-4111-8111-111111111111" for digit in "0123456789"]


def rule(number: int, selection: str = "EventID: 1", **logsource: str) -> str:
    return rule_text(selection, id=IDS[number], logsource=logsource)


@pytest.mark.parametrize(
    ("logsource", "matching"),
    [
        (Logsource("windows", "sysmon", ("process_creation",)), [0, 1, 2, 4]),
        (Logsource("windows", "security", ("process_creation",)), [0, 1, 2]),
        (Logsource("windows", "security", ()), [0]),
        (Logsource("linux", "", ("process_creation",)), [2]),
        (Logsource("windows", "ldap", ()), [0, 6]),
        (Logsource(), []),
    ],
)
def test_a_rule_sees_only_events_of_its_log_source(logsource: Logsource, matching: list[int]) -> None:
    matcher = matcher_of(
        rule(0, product="windows"),
        rule(1, product="windows", category="process_creation"),
        rule(2, category="process_creation"),
        rule(3, product="macos", category="process_creation"),
        rule(4, product="Windows", service="Sysmon", category="process_creation"),
        rule(5, product="windows", service="application"),
        rule(6, product="windows", service="ldap_debug"),
    )
    for _ in range(2):
        assert [match.id for match in matcher.match(event_of({"EventID": 1}, logsource))] == [IDS[n] for n in matching]


def test_matches_come_in_the_order_of_rule_ids() -> None:
    matcher = matcher_of(*(rule(number, product="windows") for number in (3, 1, 2)))
    assert [match.id for match in matcher.match(event_of({"EventID": 1}))] == [IDS[1], IDS[2], IDS[3]]


def test_a_rule_with_a_category_sees_the_view_and_one_with_a_service_the_fields() -> None:
    logsource = Logsource("windows", "security", ("process_creation",))
    matcher = matcher_of(
        rule(0, "ProcessId: 7", product="windows", category="process_creation"),
        rule(1, "ProcessId: '0x4'", product="windows", service="security"),
        rule(2, "EventID: 4688", product="windows", category="process_creation"),
    )
    event = event_of({"EventID": 4688, "ProcessId": "0x4"}, logsource, {"process_creation": {"ProcessId": "7"}})
    assert [match.id for match in matcher.match(event)] == IDS[:3]


def test_a_regular_expression_that_blows_up_is_ended_and_counted() -> None:
    matcher = matcher_of(rule(0, "A|re: '(a+a+)+c'", product="windows"), rule(1, "A: '*b'", product="windows"))
    event = event_of({"A": "a" * 300 + "b"})
    assert [match.id for match in matcher.match(event)] == [IDS[1]]
    assert matcher.timeouts == {IDS[0]: 1}


def test_memories_are_dropped_when_full_and_matches_stay_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_module, "_MAX_MEMORY_CHARACTERS", 10)
    monkeypatch.setattr(match_module, "_MAX_ROUTES", 2)
    matcher = matcher_of(rule(0, "A|endswith: ['1', '3']", product="windows"))
    for number in range(30):
        event = event_of({"A": f"a{number}"}, Logsource("windows", f"service {number % 5}"))
        assert bool(matcher.match(event)) == (number % 10 in (1, 3))


# A property: rules and events from a small world, the matcher against a plain evaluation of pySigma's trees.

TEXTS = st.text(alphabet="aAbB*?\\ßςΣ\N{KELVIN SIGN}k1\n", max_size=5)
SCALARS = st.one_of(TEXTS, st.integers(-2, 12), st.booleans(), st.none(), st.sampled_from([1.0, 0.5]))
EVENTS = st.dictionaries(st.sampled_from("ABC"), st.one_of(SCALARS, st.lists(SCALARS, max_size=3)))
WORDS = st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
ITEMS = st.one_of(
    st.tuples(
        st.sampled_from(["", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|neq"]), WORDS
    ),
    st.tuples(st.just("|contains|all"), st.lists(TEXTS, min_size=1, max_size=3)),
    st.tuples(st.just(""), st.one_of(st.none(), st.integers(-2, 12), st.booleans())),
    st.tuples(st.just("|exists"), st.booleans()),
    st.tuples(st.sampled_from(["|fieldref", "|fieldref|startswith", "|fieldref|contains"]), st.sampled_from("ABC")),
    st.tuples(st.sampled_from(["|lt", "|gte"]), st.integers(-2, 12)),
    st.tuples(st.sampled_from(["|re", "|re|i"]), st.sampled_from(["^a", "b.a", "[ab]$", "k?1"])),
)
MAPS = st.lists(st.tuples(st.sampled_from("ABC"), ITEMS), min_size=1, max_size=3).map(
    lambda items: {field + modifiers: value for field, (modifiers, value) in items}
)
SELECTIONS = st.one_of(MAPS, st.lists(MAPS, min_size=1, max_size=3))
CONDITIONS = st.sampled_from(
    ["s1", "not s1", "s1 and s2", "s1 or s2", "s1 and not s2", "1 of s*", "all of s*", "s1 or s2 and not s3"]
)
DETECTIONS = st.fixed_dictionaries({"s1": SELECTIONS, "s2": SELECTIONS, "s3": SELECTIONS, "condition": CONDITIONS})


@settings(max_examples=60, deadline=None)
@given(st.lists(DETECTIONS, min_size=1, max_size=5), st.lists(EVENTS, min_size=1, max_size=8))
def test_the_matcher_agrees_with_a_plain_one(detections: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    rules, errors = loaded(*(rule_text(detection, id=IDS[n]) for n, detection in enumerate(detections)))
    matcher, compile_errors = compile_rules(rules)
    assert [*errors, *compile_errors] == []
    for fields in events:
        expected = [one.id for one in rules if _plainly_matches(one, fields)]
        assert [match.id for match in matcher.match(event_of(fields))] == expected


def _plainly_matches(one: Rule, fields: Mapping[str, Any]) -> bool:
    return any(_holds(tree, fields) for tree in one.conditions)


def _holds(tree: Any, fields: Mapping[str, Any]) -> bool:
    if isinstance(tree, ConditionAND):
        return all(_holds(arg, fields) for arg in tree.args)
    if isinstance(tree, ConditionOR):
        return any(_holds(arg, fields) for arg in tree.args)
    if isinstance(tree, ConditionNOT):
        return not _holds(tree.args[0], fields)
    assert isinstance(tree, ConditionFieldEqualsValueExpression)
    values = _elements(fields[tree.field]) if tree.field in fields else []
    match tree.value:
        case SigmaNull():
            return not values or None in values
        case SigmaExists():
            return bool(tree.value) == (tree.field in fields)
        case SigmaFieldReference(field=other):
            others = _elements(fields.get(other))
            return any(_refers(tree.value)(a, b) for a in _texts(values) for b in _texts(others))
    return any(_is(tree.value, value) for value in values if value is not None)


def _refers(reference: Any) -> Callable[[str, str], bool]:
    if reference.starts_with and reference.ends_with:
        return lambda a, b: b in a
    return str.startswith if reference.starts_with else str.__eq__


def _is(wanted: Any, value: Any) -> bool:
    match wanted:
        case SigmaCompareExpression():
            if isinstance(value, bool) or not re.fullmatch(r"-?\d+(\.\d+)?", _text(value)):
                return False
            number, limit = float(_text(value)), wanted.number.number
            return bool(number < limit if wanted.op.name == "LT" else number >= limit)
        case SigmaRegularExpression():
            flags = re.IGNORECASE if wanted.flags else re.NOFLAG
            return re.search(str(wanted.regexp), _text(value), flags) is not None
        case SigmaCasedString():
            return _like(wanted, _text(value))
        case SigmaString():
            folded = wanted.map_parts(_folded, lambda part: isinstance(part, str))  # type: ignore[arg-type]
            return _like(folded, _folded(_text(value)))
        case SigmaNumber():
            return _text(wanted.number) == _text(value)
    return _text(bool(wanted)) == _folded(_text(value))


def _like(pattern: SigmaString, text: str) -> bool:
    wildcards = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    regex = "".join(re.escape(part) if isinstance(part, str) else wildcards[part] for part in pattern.s)  # type: ignore
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(values: list[Any]) -> list[str]:
    return [_folded(_text(value)) for value in values if value is not None]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")


def _folded(text: str) -> str:
    return "".join(c.casefold() if len(c.casefold()) == 1 else c.lower() for c in text)
