"""The matcher routes by log source, keeps its memories bounded, and agrees with a slow and plain one."""

import time
from typing import Any

import pytest

from tests.rules.writing import event_of, firing, loaded, matcher_of, rule_text
from tocsin.event import Logsource
from tocsin.rules.match import Matcher, Memory

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
    event = event_of({"EventID": 4688, "ProcessId": "0x4"}, logsource, {"ProcessId": "7"})
    assert [match.id for match in matcher.match(event)] == IDS[:3]


def test_a_regular_expression_that_blows_up_is_ended_and_counted() -> None:
    matcher = matcher_of(rule(0, "A|re: '(?=(a+a+)+c)'", product="windows"), rule(1, "A: '*b'", product="windows"))
    event = event_of({"A": "a" * 3000 + "b"})
    assert [match.id for match in matcher.match(event)] == [IDS[1]]
    assert matcher.timeouts == {IDS[0]: 1}


def test_a_list_of_texts_that_blow_up_holds_up_the_others_for_a_second_at_most() -> None:
    matcher = matcher_of(rule(0, "A|re: '(?=(a+a+)+c)'", product="windows"))
    started = time.monotonic()
    assert matcher.match(event_of({"A": ["a" * 3000 + str(number) for number in range(100)]})) == ()
    assert (matcher.timeouts, time.monotonic() - started < 20) == ({IDS[0]: 100}, True)


@pytest.mark.parametrize(
    "memory", [Memory(), Memory(0, 0, 0, 0), Memory(200, 2, 2, 2)], ids=["default", "none", "hardly any"]
)
def test_matches_are_the_same_however_much_is_remembered(memory: Memory) -> None:
    rules, errors = loaded(rule(0, "A|endswith: ['1', '3']", product="windows"))
    assert errors == []
    matcher = Matcher(rules, memory)
    for number in range(60):
        event = event_of({"A": f"a{number % 30}"}, Logsource("windows", f"service {number % 5}"))
        assert bool(matcher.match(event)) == (number % 10 in (1, 3))


def test_a_whole_number_that_a_float_cannot_hold_is_compared_exactly() -> None:
    assert firing([f"A: {2**60 + 1}", f"A: {2**60}"], {"A": 2**60 + 1}) == [f"A: {2**60 + 1}"]


def test_fields_are_compared_by_their_values_whatever_the_shape_of_the_event() -> None:
    matcher = matcher_of(rule_text("A|fieldref: B"))
    events: list[tuple[dict[str, Any], bool]] = [
        ({"A": "x", "B": "X"}, True), ({"A": "x", "": "x"}, False), ({"": "x", "A": "x", "B": "x"}, True),
        ({"A": "x", "B": None}, False), ({"A": "1", "B": 1}, True), ({"A": True, "B": 1}, False),
        ({"A": "x", "B": ["y", "x"]}, True), ({"A": "x", "B": "y"}, False), ({"b": "x", "A": "x"}, True),
    ]  # fmt: skip
    for _ in range(2):
        assert [bool(matcher.match(event_of(fields))) for fields, _ in events] == [is_match for _, is_match in events]
