"""The oracle means what Sigma's specification and `docs/reference/rules.md` say."""

import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.oracle.plain import PlainRule, UnsupportedRule
from tests.oracle.text import fold

MISSING = object()
KELVIN, LONG_S = "\N{KELVIN SIGN}", "\N{LATIN SMALL LETTER LONG S}"
DOTTED_I, DOTLESS_I = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "\N{LATIN SMALL LETTER DOTLESS I}"
SHARP_S, CAPITAL_SHARP_S = "\N{LATIN SMALL LETTER SHARP S}", "\N{LATIN CAPITAL LETTER SHARP S}"

FOLDERS = (
    "rules",
    "rules-compliance",
    "rules-dfir",
    "rules-emerging-threats",
    "rules-placeholder",
    "rules-threat-hunting",
)


def holds(selection: str, *layers: Mapping[str, Any], **variables: list[str]) -> bool:
    detection = {"selection": yaml.safe_load(selection), "condition": "selection"}
    return PlainRule({"detection": detection}, variables).matches(layers or ({},))


def values_that_match(selection: str, values: list[Any], **variables: list[str]) -> list[Any]:
    events = [({"B": "Abc"} if value is MISSING else {"A": value, "B": "Abc"}) for value in values]
    return [value for value, event in zip(values, events, strict=True) if holds(selection, event, **variables)]


VALUES: dict[str, Any] = {
    "missing": MISSING,
    "null": None,
    "''": "",
    "[]": [],
    "[null]": [None],
    "{}": {},
    "5": 5,
    "abc": "abc",
    "[x, abc]": ["x", "abc"],
}
TRUTH = {
    "A: abc": {"abc", "[x, abc]"},
    "A: null": {"missing", "null", "[]", "[null]"},
    "A: ''": {"''"},
    "A: '*'": {"''", "5", "abc", "[x, abc]"},
    "A|exists: true": set(VALUES) - {"missing"},
    "A|exists: false": {"missing"},
    "A|contains: b": {"abc", "[x, abc]"},
    "A|contains: ''": {"''", "5", "abc", "[x, abc]"},
    "A|re: b": {"abc", "[x, abc]"},
    "A|lt: 9": {"5"},
    "A|fieldref: B": {"abc", "[x, abc]"},
    "A|neq: abc": set(VALUES) - {"abc", "[x, abc]"},
    "A: 5": {"5"},
    "A|cidr: 10.0.0.0/8": set(),
}


@pytest.mark.parametrize(("selection", "true"), TRUTH.items())
def test_the_truth_table(selection: str, true: set[str]) -> None:
    assert {name for name in VALUES if values_that_match(selection, [VALUES[name]])} == true


@pytest.mark.parametrize(("selection", "true"), TRUTH.items())
def test_not_is_the_opposite_whatever_the_value(selection: str, true: set[str]) -> None:
    rule = PlainRule({"detection": {"s": yaml.safe_load(selection), "condition": "not s"}})
    for name, value in VALUES.items():
        event = {"B": "Abc"} if value is MISSING else {"A": value, "B": "Abc"}
        assert rule.matches([event]) == (name not in true)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("CMD", "cmd"),
        (KELVIN, "k"),
        (LONG_S, "s"),
        (DOTTED_I, DOTTED_I),
        (DOTLESS_I, DOTLESS_I),
        (SHARP_S, SHARP_S),
        (CAPITAL_SHARP_S, SHARP_S),
        ("Σς", "σσ"),
        ("\u1f88", "\u1f80"),
        ("ﬀ", "ﬀ"),
    ],
)
def test_case_is_folded_by_character(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("selection", "matching", "other"),
    [
        ("A: kelvin", [f"{KELVIN}ELVIN"], ["elvin"]),
        ("A: pass", [f"PA{LONG_S}s"], ["pas"]),
        ("A: i", ["I"], [DOTTED_I, DOTLESS_I]),
        ("A: stra\u00dfe", ["STRA\u1e9eE"], ["STRASSE"]),
        ("A: 'Σ'", ["ς", "σ"], ["s"]),
        ("A: 'a*c'", ["ac", "ABC", "a\r\nc"], ["abcd", "xabc", "ac\n"]),
        ("A: 'a?c'", ["a\nc", "a\N{GRINNING FACE}c", "a\u00dfc"], ["ac", "abbc"]),
        ("A: abc", ["ABC"], ["abc\n", "\nabc", "abcd", " abc"]),
        (r"A: 'a\*c'", ["a*c"], ["abc"]),
        (r"A: 'a\?c'", ["a?c"], ["abc"]),
        (r"A: 'a\\*'", ["a\\", "a\\b"], ["a*", "ab"]),
        (r"A: 'a\\\*'", [r"a\*"], [r"a\b"]),
        (r"A: 'C:\a\\b'", [r"c:\a\b"], [r"c:\a\\b"]),
        (r"A: '\\\\a'", [r"\\a"], [r"\a", r"\\\\a"]),
        (r"A: 'a\\\b'", [r"a\\b"], [r"a\b"]),
        ("A: 'a\\'", ["a\\"], ["a"]),
        ("A: 1", [1, 1.0, "1"], [True, "01", 10]),
        ("A: true", [True, "TRUE"], [1, "yes"]),
        ("A: 1.5", [1.5, "1.5"], ["1.50"]),
        ("A: [1, b, null]", [1, "B", None, [], MISSING, ["x", "b"]], ["", 2]),
        ("A: x", [["y", ["x"]]], [{"x": "x"}, [{"x": "x"}]]),
        ("A|contains: b", ["abc", "B"], ["ac"]),
        ("A|contains: 'b*d'", ["abcde"], ["db"]),
        ("A|startswith: ab", ["ABC", "ab"], ["cab"]),
        ("A|endswith: bc", ["aBC"], ["abc\n", "bcd"]),
        ("A|contains|all: [a, b]", ["xbxa", ["a", "b"]], ["a", "b"]),
        ("A|cased: aB", ["aB"], ["ab", "AB"]),
        ("A|contains|cased: aB", ["xaBx"], ["xabx"]),
        ("A|cased|contains: aB", ["xaBx"], ["xabx"]),
        ("A|re: 'a.c'", ["xabcx"], ["ABC", "a\nc"]),
        ("A|re: '^abc$'", ["abc"], ["abc\n", "\nabc", "xabc"]),
        ("A|re|i: '^abc$'", ["ABC"], ["ABCD"]),
        ("A|re|m: '^b$'", ["a\nb\nc", "b\n"], ["abc"]),
        ("A|re|s: '^a.c$'", ["a\nc"], ["ABC"]),
        ("A|re|i|s: '^a.c$'", ["A\nC"], ["A\nCD"]),
        ("A|re|i: 'k'", [KELVIN], ["c"]),
        ("A|re|i: 'i'", ["I"], [DOTTED_I, DOTLESS_I]),
        ("A|re: '^\\w$'", ["a", "_"], ["\u00e9", "-"]),
        ("A|re|i: '^\\W$'", ["\u00e9", "-"], ["a", "k", "s"]),
        ("A|re: '[^\\W]'", ["a"], ["\u00e9"]),
        ("A|re: '\\bx'", ["\u00e9x"], ["ax"]),
        ("A|re: '[$]'", ["a$"], ["a"]),
        ("A|re: '[]$]b'", ["]b", "$b"], ["b"]),
        ("A|re: 'a|b'", ["b"], ["c"]),
        ("A|cidr: 10.0.0.0/8", ["10.255.255.255", "::ffff:10.0.0.1", ["x", "10.0.0.0"]], ["11.0.0.0", "9.255.255.255"]),
        ("A|cidr: fe80::/10", ["fe80::1", "FE80::1%eth0"], ["fec0::", "10.0.0.1", ""]),
        ("A|cidr: '::/0'", ["::1", "::ffff:10.0.0.1"], ["10.0.0.1"]),
        ("A|lt: 5", [4, "4", -1, 4.9, "-1e3"], [5, "x", True, None, MISSING, "0x1", "nan", "4 ", "٣"]),
        ("A|lte: 5", [5, "5.0"], [5.1]),
        ("A|gt: 5", [6, 10**30, ["x", "6"]], [5]),
        ("A|gte: 5.5", [5.5, "5.50"], [5]),
        ("A|neq: [a, b]", ["c", MISSING, None], ["a", "B", ["c", "a"]]),
        ("A|neq: 5", ["6", "x"], [5, "5"]),
        ("A|fieldref: B", ["abc", ["x", "ABC"]], ["ab", "abcd", MISSING]),
        ("A|fieldref: C", [], ["x", None, MISSING, ""]),
        ("A|fieldref|startswith: B", ["abcd"], ["xabc"]),
        ("A|fieldref|endswith: B", ["xABC"], ["abcd"]),
        ("A|fieldref|contains: B", ["xabcd"], ["ab"]),
        ("A|fieldref|neq: B", ["x", MISSING], ["abc"]),
        ("A|base64: foo", ["Zm9v", "zM9V"], ["foo", "xZm9v"]),
        ("A|base64offset|contains: foobar", ["Zm9vYmFy", "xZvb2Jhcg", "mb29iYX"], ["foobar"]),
        ("A|wide|base64offset|contains: foo", ["xZgBvAG8Ax"], ["Zm9v"]),
        ("A|utf16le|base64: \u00e9", ["6QA="], ["w6k="]),
        ("A|utf16be|base64: ab", ["AGEAYg=="], ["YQBiAA=="]),
        ("A|utf16|base64: ab", ["//5hAGIA"], ["YQBiAA=="]),
        ("A|wide: ab", ["a\0b\0"], ["ab"]),
        ("A|windash: 'x -f -g'", ["x -f /g", "X \u2013f \u2014g", "x \u2015f -g"], ["x _f -g", "xf"]),
        ("A|windash: 'a-b'", ["a-b"], ["a/b"]),
        ("A|contains|windash: ' /c '", ["x \u2013C y"], ["x c y"]),
        ("A|windash|contains|all: [' -a', ' -b']", ["x /b /a"], ["x /a"]),
        ("A|hour: 3", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", 1767323045, 1767323045000], ["3", "soon"]),
        ("A|minute: 4", ["2026-01-02 03:04:05"], ["2026-01-02 03:05:05", None]),
        ("A|day: 2", ["2026-01-02"], ["2026-02-01"]),
        ("A|week: 53", ["2027-01-01"], ["2027-01-09"]),
        ("A|month: 1", ["2026-01-02"], ["2026-02-02"]),
        ("A|year: [2025, 2026]", ["2026-01-02"], ["2024-01-02", 10**30]),
    ],
)
def test_a_selection_matches_and_does_not_match(selection: str, matching: list[Any], other: list[Any]) -> None:
    assert values_that_match(selection, matching) == matching
    assert values_that_match(selection, other) == []


def test_placeholders_are_filled_with_the_values_of_variables() -> None:
    admins = ["root", "adm*"]
    assert values_that_match("A|expand: 'x\\%admins%'", ["x%admins%", "xroot"], admins=admins) == ["x%admins%"]
    assert values_that_match("A|expand: '%admins%'", ["ROOT", "admin", "x"], admins=admins) == ["ROOT", "admin"]
    assert values_that_match("A|contains|expand: ' %admins%!'", ["a root!", "root"], admins=admins) == ["a root!"]
    assert values_that_match("A|re|expand: '^%admins%$'", ["root", "Root"], admins=["r.*t"]) == ["root"]
    assert values_that_match("A: '%admins%'", ["root", "%admins%"], admins=admins) == ["%admins%"]


@pytest.mark.parametrize(
    ("name", "layers", "is_found"),
    [
        ("Image", [{"image": "x"}], True),
        ("ThreatName", [{"Threat Name": "x"}], True),
        ("image", [{"IMAGE": "y", "image": "x"}], True),
        ("image", [{"Image": "x", "IMAGE": "y"}], True),
        ("image", [{"IMAGE": "y", "Image": "x"}], False),
        ("a.b", [{"a.b": "x", "a": {"b": "y"}}], True),
        ("a.b", [{"a": {"b": "x"}}], True),
        ("a.b.c", [{"A": {"b.C": "x"}}], True),
        ("a.b", [{"a": [{"b": "y"}, {"b": ["z", "x"]}, 5]}], True),
        ("a", [{"a": {"b": "x"}}], False),
        ("id", [{"id": "x"}, {"id": "y"}], True),
        ("id", [{"id": "y"}, {"id": "x"}], False),
        ("ID", [{"id": "y"}, {"ID": "x"}], True),
        ("other", [{"id": "y"}, {"other": "x"}], True),
    ],
)
def test_fields_are_found_without_case_and_blanks_in_the_first_layer_that_has_them(
    name: str, layers: list[dict[str, Any]], is_found: bool
) -> None:
    assert holds(f"{name}: x", *layers) == is_found


@pytest.mark.parametrize(
    ("keywords", "matching", "other"),
    [
        ("[Mimi, dump]", [{"x": "a MIMIkatz"}, {"x": {"y": ["mimi"]}}], [{"mimi": "x"}, {}]),
        ("['a*c']", [{"x": "zabcz"}], [{"x": "a", "y": "c"}]),
        ("{'|all': [a, b]}", [{"x": "a", "y": "b"}], [{"x": "a"}]),
        ("{'|re': '^a.c$'}", [{"x": "abc"}], [{"x": "xabc"}]),
        ("[4624]", [{"x": 4624}, {"x": "id 4624."}], [{"x": 462}]),
        ("word", [{"x": "words"}], [{"x": "wor"}]),
    ],
)
def test_keywords_look_at_every_value_and_no_name(keywords: str, matching: list[Any], other: list[Any]) -> None:
    assert [event for event in matching if not holds(keywords, event)] == []
    assert [event for event in other if holds(keywords, event)] == []


def test_keywords_look_at_the_event_itself_alone() -> None:
    assert not holds("[high]", {"level": "high"}, {"level": "S-1-16-12288"})


@pytest.mark.parametrize(
    ("condition", "matching", "other"),
    [
        ("s1", ["1"], ["2"]),
        ("s1 and s2", ["12", "123"], ["1", "2"]),
        ("s1 or s2 and s3", ["1", "23"], ["2", "3"]),
        ("(s1 or s2) and s3", ["13", "23"], ["1", "12"]),
        ("not s1 and s2", ["2", "23"], ["12", "1"]),
        ("not (s1 or s2)", ["3", ""], ["1", "2"]),
        ("not not s1", ["1"], [""]),
        ("1 of s*", ["1", "3"], ["", "4"]),
        ("any of s*", ["1", "3"], [""]),
        ("all of s*", ["123"], ["12"]),
        ("1 of them", ["2"], ["", "4"]),
        ("all of them", ["123"], ["13"]),
        ("1 of _*", ["4"], ["123"]),
        ("s1 and not 1 of s2*", ["1", "13"], ["12"]),
        (["s1", "s2 and s3"], ["1", "23"], ["2"]),
    ],
)
def test_conditions(condition: Any, matching: list[str], other: list[str]) -> None:
    detection = {f"s{digit}": {"A|contains": digit} for digit in "123"} | {"_s4": {"A|contains": "4"}}
    rule = PlainRule({"detection": {**detection, "condition": condition}})
    assert [digits for digits in matching if not rule.matches([{"A": digits}])] == []
    assert [digits for digits in other if rule.matches([{"A": digits}])] == []


def test_a_list_of_maps_needs_all_of_one_map() -> None:
    selection = "[{C: 3, D: 4}, {C: 33}]"
    assert [holds(selection, event) for event in ({"C": 3, "D": 4}, {"C": 33}, {"C": 3}, {"D": 4})] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "detection",
    [
        {"s": {"A|containz": "x"}, "condition": "s"},
        {"s": {"A|expand": "%who%"}, "condition": "s"},
        {"s": {"A|re": "("}, "condition": "s"},
        {"s": {"A|cidr": "10.0.0.0/99"}, "condition": "s"},
        {"s": {"A|lt": "five"}, "condition": "s"},
        {"s": {"A|exists": "yes"}, "condition": "s"},
        {"s": {"A|contains|base64": "x"}, "condition": "s"},
        {"s": {"A": {"B": "x"}}, "condition": "s"},
        {"s": {"A": []}, "condition": "s"},
        {"s": {}, "condition": "s"},
        {"s": {"A": "x"}, "condition": "s and"},
        {"s": {"A": "x"}, "condition": "(s"},
        {"s": {"A": "x"}, "condition": "s t"},
        {"s": {"A": "x"}, "condition": "1 of t*"},
        {"s": {"A": "x"}, "condition": "s | count() > 5"},
        {"s": {"A": "x"}},
        [],
    ],
)
def test_what_has_no_meaning_is_refused(detection: Any) -> None:
    with pytest.raises(UnsupportedRule):
        PlainRule({"detection": detection})


class AnyVariable(dict[str, list[str]]):
    """Every placeholder has values."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> list[str]:
        return ["first value", "second*value"]


def rules_of(archive: Path) -> Iterator[tuple[str, Any]]:
    """Yield (name, content) of SigmaHQ's rules."""
    with tarfile.open(archive) as files:
        for file in files:
            if file.name.removeprefix("./").split("/")[0] in FOLDERS and file.name.endswith(".yml"):
                content = files.extractfile(file)
                assert content is not None
                yield file.name, yaml.load(content.read(), yaml.CSafeLoader)


def test_all_3780_rules_of_sigmahq_are_read(shared_data: Path) -> None:
    (archive,) = (shared_data / "sigma").glob("sigma-rules-*.tar.gz")
    read = [PlainRule(rule, AnyVariable()) for _, rule in rules_of(archive)]
    assert len(read) == 3780
