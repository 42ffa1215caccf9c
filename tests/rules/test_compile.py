"""The value language of Sigma, as truth tables: what each selection says of each value."""

from typing import Any

import pytest
import yaml

from tests.rules.writing import fires, firing, loaded, rule_text
from tocsin.rules.compile import compile_rules

MISSING = object()

# A selection per column; in a row, those that hold for the value of field A. B is 'x' throughout.
SELECTIONS = (
    "A: x",
    "A: null",
    "A: ''",
    "A: '*'",
    "A|exists: true",
    "A|contains: x",
    "A|re: x",
    "A|neq: x",
    "A|fieldref: B",
    "A|lt: 5",
)


@pytest.mark.parametrize(
    ("value", "holding"),
    [
        (MISSING, ["A: null", "A|neq: x"]),
        (None, ["A: null", "A|exists: true", "A|neq: x"]),
        ("", ["A: ''", "A: '*'", "A|exists: true", "A|neq: x"]),
        ([], ["A: null", "A|exists: true", "A|neq: x"]),
        ([None], ["A: null", "A|exists: true", "A|neq: x"]),
        ({}, ["A|exists: true", "A|neq: x"]),
        (3, ["A: '*'", "A|exists: true", "A|neq: x", "A|lt: 5"]),
        ("3", ["A: '*'", "A|exists: true", "A|neq: x", "A|lt: 5"]),
        (7, ["A: '*'", "A|exists: true", "A|neq: x"]),
        (True, ["A: '*'", "A|exists: true", "A|neq: x"]),
        ("x", ["A: x", "A: '*'", "A|exists: true", "A|contains: x", "A|re: x", "A|fieldref: B"]),
        ("X", ["A: x", "A: '*'", "A|exists: true", "A|contains: x", "A|fieldref: B"]),
        ("axe", ["A: '*'", "A|exists: true", "A|contains: x", "A|re: x", "A|neq: x"]),
        (["y", "x"], ["A: x", "A: '*'", "A|exists: true", "A|contains: x", "A|re: x", "A|fieldref: B"]),
        (["y", None], ["A: null", "A: '*'", "A|exists: true", "A|neq: x"]),
    ],
)
def test_selections_that_hold_for_a_value(value: Any, holding: list[str]) -> None:
    fields = {"B": "x"} if value is MISSING else {"A": value, "B": "x"}
    assert firing(SELECTIONS, fields) == holding


@pytest.mark.parametrize("selection", [s for s in SELECTIONS if s not in ("A: null", "A|neq: x")])
def test_not_of_a_selection_holds_for_a_missing_field(selection: str) -> None:
    assert fires({"s": yaml.safe_load(selection), "condition": "not s"}, {"B": "x"})


@pytest.mark.parametrize(
    ("selection", "matching", "other"),
    [
        # wildcards and escapes
        ("A: 'a*c'", ["ac", "abc", "ABC", "a\r\nc"], ["abcd", "xabc", "a"]),
        ("A: 'a?c'", ["abc", "a\nc", "aßc"], ["ac", "abbc"]),
        ("A: '?*'", ["a", "ab"], [""]),
        ("A: '*a*b*a*'", ["aba", "xxaxbxa"], ["ab", "aab", "abb"]),
        ("A: 'a*a'", ["aa", "aba"], ["a"]),
        ("A: '*ab?'", ["abc", "ababc"], ["ab", "abcd"]),
        (r"A: 'a\*c'", ["a*c"], ["abc"]),
        (r"A: 'a\?c'", ["a?c"], ["abc"]),
        (r"A: 'C:\a'", [r"c:\A"], ["C:a"]),
        (r"A: 'a\\*'", ["a\\", "a\\b"], ["ab"]),
        ("A|contains: 'b*d'", ["abcde", "bd"], ["db"]),
        ("A|startswith: ab", ["ab", "ABC"], ["cab"]),
        ("A|endswith: 'é'", ["CAFÉ", "é"], ["cafe"]),
        ("A: kelvin", ["\N{KELVIN SIGN}elvin"], ["elvin"]),
        ("A: 'σς'", ["ΣΣ", "ςσ"], ["ss"]),
        # types
        ("A: 1", [1, 1.0, "1"], [True, "01", 10]),
        ("A: '1'", [1, 1.0, "1"], [True]),
        ("A: true", [True, "true", "TRUE"], [False, 1, "yes"]),
        ("A: 'True'", [True, "true"], [1]),
        ("A: 1.5", [1.5, "1.5"], [1, "1.50"]),
        ("A: [1, b, null]", [1, "B", None, []], ["", 2]),
        # modifiers
        ("A|cased: aB", ["aB"], ["ab", "AB"]),
        ("A|contains|cased: aB", ["xaBx"], ["xabx"]),
        ("A|contains|all: [a, b]", ["xbxa", ["a", "b"]], ["a", "b"]),
        ("A|windash|contains: ' -f'", ["x -f", "x /F", "x –f"], ["x_f"]),
        ("A|base64: foo", ["Zm9v"], ["foo"]),
        ("A|base64offset|contains: foo", ["xZm9vx", "xZvbx", "xmb2"], ["foo"]),
        ("A|wide|base64offset|contains: ab", ["YQBiA"], ["YWI="]),
        ("A|re: '^a.c$'", ["abc"], ["ABC", "xabc"]),
        ("A|re|i: '^a.c$'", ["ABC"], ["a\nc"]),
        ("A|re|s: '^a.c$'", ["a\nc"], ["ABC"]),
        ("A|re|m: '^b$'", ["a\nb\nc", "b"], ["abc"]),
        ("A|re: '(?i)foo(?!bar)'", ["FOObaz"], ["foobar"]),
        ("A|cidr: 10.0.0.0/8", ["10.1.2.3", "::ffff:10.0.0.1", [None, "10.0.0.0"]], ["11.0.0.1", "-", "", 10, "::1"]),
        ("A|cidr: fe80::/10", ["fe80::1", "FE80::1%eth0"], ["2001::1", "10.0.0.1"]),
        ("A|lt: 5", [4, "4", -1, 4.9, "4.9", "-1e3"], [5, "five", True, None, "0x1", "nan", "4 "]),
        ("A|lte: 5", [5, "5.0"], [5.1]),
        ("A|gt: 5", [6, 9_223_372_036_854_775_807, "9" * 40], [5, "9" * 5000]),
        ("A|gte: 5", ["5"], [4]),
        ("A|exists: false", [MISSING], [None, ""]),
        ("A|neq: [a, b]", ["c", MISSING], ["a", "B", ["c", "a"]]),
        ("A|fieldref: B", ["Some text", ["no", "some TEXT"]], ["some", MISSING]),
        ("A|fieldref|startswith: B", ["some text more"], ["a some text"]),
        ("A|fieldref|endswith: B", ["a some text"], ["some text more"]),
        ("A|fieldref|contains: B", ["a some text more", "some text"], ["some"]),
        ("A|fieldref: C", [], ["x", None, MISSING]),
        ("A|hour: 3", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", 1767323045, 1767323045000], ["3", "soon"]),
        ("A|minute: 4", ["2026-01-02 03:04:05"], ["2026-01-02 03:05:05"]),
        ("A|day: 2", ["2026-01-02"], ["2026-02-01"]),
        ("A|week: 1", ["2026-01-02"], ["2026-01-09"]),
        ("A|month: 1", ["2026-01-02"], ["2026-02-02"]),
        ("A|year: 2026", ["2026-01-02"], ["2025-01-02", 10**30]),
    ],
)
def test_a_selection_matches_and_does_not_match(selection: str, matching: list[Any], other: list[Any]) -> None:
    def holds(value: Any) -> bool:
        return fires(selection, {"B": "Some text"} if value is MISSING else {"A": value, "B": "Some text"})

    assert [value for value in matching if not holds(value)] == []
    assert [value for value in other if holds(value)] == []


@pytest.mark.parametrize(
    ("keywords", "matching", "other"),
    [
        (["Mimi"], [{"x": "a mimikatz b"}, {"x": {"y": ["MIMI"]}}], [{"mimi": "x"}, {}]),
        (["a*c"], [{"x": "zabcz"}], [{"x": "a", "y": "c"}]),
        ({"|all": ["a", "b"]}, [{"x": "a", "y": "b"}], [{"x": "a"}]),
        ({"|re": "^a.c$"}, [{"x": "abc"}], [{"x": "xabc"}]),
        ([4624], [{"x": 4624}, {"x": "id 4624."}], [{"x": "462"}]),
        (["a\0\x1f\0b"], [{"x": "a\0\x1f\0b"}], [{"x": "a", "y": "b"}]),
        (["\N{KELVIN SIGN}elvin"], [{"x": "Kelvin"}], [{"x": "elvin"}]),
    ],
)
def test_keywords_look_at_every_value(
    keywords: Any, matching: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    detection = {"keywords": keywords, "condition": "keywords"}
    assert [fields for fields in matching if not fires(detection, fields)] == []
    assert [fields for fields in other if fires(detection, fields)] == []


@pytest.mark.parametrize(
    ("condition", "matching", "other"),
    [
        ("s1 and s2", ["12", "123"], ["1", "2"]),
        ("s1 or s2 and s3", ["1", "23"], ["2", "3"]),
        ("(s1 or s2) and s3", ["13", "23"], ["1", "12"]),
        ("not s1 and s2", ["2", "23"], ["12", "1"]),
        ("1 of s*", ["1", "3"], [""]),
        ("all of s*", ["123"], ["12"]),
        ("1 of them", ["2"], [""]),
        ("all of them", ["123"], ["13"]),
        ("s1 and not 1 of s*", [], ["1", "12"]),
        (["s1", "s2 and s3"], ["1", "23"], ["2"]),
    ],
)
def test_conditions(condition: Any, matching: list[str], other: list[str]) -> None:
    detection = {"s1": {"A": 1}, "s2": {"B": 2}, "s3": [{"C": 3, "D": 4}, {"C": 33}], "condition": condition}

    def holds(names: str) -> bool:
        parts = {"1": {"A": 1}, "2": {"B": 2}, "3": {"C": 3, "D": 4}}
        return fires(detection, {field: value for name in names for field, value in parts[name].items()})

    assert [names for names in matching if not holds(names)] == []
    assert [names for names in other if holds(names)] == []


def test_a_list_of_maps_needs_all_of_one_map() -> None:
    detection = {"s": [{"C": 3, "D": 4}, {"C": 33}], "condition": "s"}
    assert fires(detection, {"C": 3, "D": 4})
    assert fires(detection, {"C": 33})
    assert not fires(detection, {"C": 3})


@pytest.mark.parametrize(
    ("selection", "reason"),
    [
        ("A|expand: '%admins%'", "0.yml:6: field 'A': needs placeholder %admins%: give its values"),
        ("A|re: '(?P<x>a)(?P<x>b)(?<y'", "0.yml:6: 'A|re': Regular expression"),
    ],
)
def test_a_rule_that_cannot_be_compiled_is_reported_with_its_line(selection: str, reason: str) -> None:
    rules, errors = loaded(rule_text(selection))
    matcher, compile_errors = compile_rules(rules)
    assert matcher.rules == ()
    (error,) = [*errors, *compile_errors]
    assert reason in str(error)


def test_a_rule_that_another_pack_has_already_is_left_out() -> None:
    first, _ = loaded(rule_text("A: x", id="11111111-1111-4111-8111-111111111111"))
    second, _ = loaded(rule_text("A: y", id="11111111-1111-4111-8111-111111111111"))
    matcher, (error,) = compile_rules([*first, *second])
    assert matcher.rules == tuple(first)
    assert "has the id of" in error.reason
