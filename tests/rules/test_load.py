"""Rules load; bad ones are reported by file and line, the others go on."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.rules.writing import ATTACK, loaded, rule_text
from tocsin.rules.load import RuleLogsource, load_rules, rules_digest

GOOD = """\
title: Whoami
id: 11111111-1111-4111-8111-111111111111
status: test
description: Somebody asks who they are.
references:
  - https://example.org
author: Ann
license: DRL 1.1
tags:
  - attack.discovery
  - attack.t1033
  - attack.nonsense
logsource:
  product: windows
  category: process_creation
detection:
  selection:
    Image|endswith: '\\whoami.exe'
  condition: selection
falsepositives:
  - Admins
level: high
"""


def reason(text: str) -> str:
    rules, errors = loaded(text)
    assert rules == []
    (error,) = errors
    return str(error)


def test_a_rule_is_loaded_with_all_that_a_verdict_shows() -> None:
    (rule,), errors = loaded(GOOD)
    assert errors == []
    assert (rule.id, rule.title, rule.level) == ("11111111-1111-4111-8111-111111111111", "Whoami", "high")
    assert (rule.author, rule.license, rule.status) == ("Ann", "DRL 1.1", "test")
    assert (rule.references, rule.falsepositives) == (("https://example.org",), ("Admins",))
    assert (rule.tactics, rule.techniques, rule.unknown_tags) == (("TA0007",), ("T1033",), ("attack.nonsense",))
    assert rule.logsource == RuleLogsource("windows", "process_creation", "")
    assert rule.line == 1


def test_an_unknown_modifier_is_reported_with_the_one_that_was_meant() -> None:
    assert reason(GOOD.replace("endswith", "endwith")) == (
        "0.yml:18: unknown modifier 'endwith' in 'Image|endwith'; did you mean 'endswith'?"
    )


@pytest.mark.parametrize(
    ("before", "after", "place", "part"),
    [
        ("level: high", "level: hihg", "0.yml:22", "not a valid Sigma rule level"),
        ("title: Whoami\n", "", "0.yml:1", "must have a title"),
        ("id: 1111", "id: 1", "0.yml:2", "UUID"),
        ("condition: selection", "condition: selektion", "0.yml:19", "selektion"),
        ("condition: selection", "condition: selection and (", "0.yml:19", "Expected"),
        ("condition: selection", "condition: 1 of filter_*", "0.yml:19", "filter_*"),
        ("condition: selection", "condition: 5", "0.yml:19", "text"),
        ("condition: selection", "condition: selection | count() > 5", "0.yml:19", "old aggregations"),
        ("Image|endswith: '\\whoami.exe'", "Image|re: '(a'", "0.yml:18", "(a"),
        ("Image|endswith: '\\whoami.exe'", "Image|cidr: '10.0.0.1/8'", "0.yml:18", "CIDR"),
        ("Image|endswith: '\\whoami.exe'", "Image|lt: ten", "0.yml:18", "Image|lt"),
        ("Image|endswith: '\\whoami.exe'", "Image|re|startswith: a", "0.yml:18", "anchor"),
        ("status: test", "status: test\nstatus: stable", "0.yml:4", "stands twice"),
        ("title: Whoami", "title: 'Whoami", "0.yml:", "not valid YAML"),
        ("logsource:\n  product: windows\n  category: process_creation\n", "", "0.yml:1", "log source"),
    ],
)
def test_a_bad_rule_is_reported_at_the_line_it_is_bad_at(before: str, after: str, place: str, part: str) -> None:
    assert before in GOOD
    said = reason(GOOD.replace(before, after))
    assert said.startswith(place)
    assert part in said


@pytest.mark.parametrize(
    "text", ["- a\n- b\n", "5\n", "title: {}\n", "detection: []\ntitle: x\n", "&a [*a]\n", "{" * 5000]
)
def test_what_is_no_rule_at_all_is_reported_and_never_raises(text: str) -> None:
    assert reason(text).startswith("0.yml")


@pytest.mark.parametrize("values", ["&z [*z]", "&z {x: *z}", "*i"])
def test_aliases_that_blow_up_or_lie_within_themselves_are_refused_before_they_are_followed(values: str) -> None:
    anchors = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    anchors += [f"{name}: &{name} [{', '.join(['*' + below] * 10)}]" for below, name in pairwise("abcdefghi")]
    rules, (error,) = loaded("\n".join([*anchors, f"detection: {{s: {{A: {values}}}, condition: s}}"]))
    assert (rules, "its aliases (*name) stand for more than 100,000 values" in error.reason) == ([], True)


def test_an_alias_stands_for_what_its_anchor_names() -> None:
    text = "title: t\nlogsource: {product: windows}\ndetection: {s: {A: &a [x, y], B: *a}, condition: s}\n"
    (rule,), errors = loaded(text)
    assert (errors, set(rule.field_lines)) == ([], {"s", "A", "B", "condition"})


def test_correlation_rules_are_skipped_and_said() -> None:
    assert "'correlation' are not supported" in reason("title: x\ncorrelation: {type: event_count}\n")


def test_the_other_documents_of_a_file_and_the_other_files_go_on() -> None:
    rules, errors = loaded(GOOD + "---\ntitle: broken\n---\n" + rule_text("A: b"), rule_text("A: c"))
    assert [(rule.title, rule.line) for rule in rules] == [("Whoami", 1), ("A rule", 26), ("A rule", 1)]
    assert [error.place for error in errors] == ["0.yml:24"]


def test_the_same_id_twice_names_both_places() -> None:
    rules, errors = loaded(GOOD, "# a copy\n" + GOOD)
    assert len(rules) == 1
    (error,) = errors
    assert error.place == "1.yml:2"
    assert "0.yml:1" in error.reason


def test_a_rule_without_id_has_the_same_one_each_time() -> None:
    assert loaded(rule_text("A: b"))[0][0].id == loaded("\n\n" + rule_text("A: b"))[0][0].id
    assert loaded(rule_text("A: b"))[0][0].id != loaded(rule_text("A: c"))[0][0].id


def test_a_rule_without_level_is_medium_and_a_baseline_rule_informational(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("A: b"))
    assert load_rules([tmp_path], ATTACK)[0][0].level == "medium"
    assert load_rules([tmp_path], ATTACK, is_baseline=True)[0][0].level == "informational"


def test_folders_are_read_at_any_depth_without_the_test_events(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.yaml").write_text(rule_text("A: b"))
    (tmp_path / "deep" / "er" / "a.events.yml").write_text("must_fire: []")
    (tmp_path / "notes.txt").write_text("no rule")
    rules, errors = load_rules([tmp_path, tmp_path / "deep"], ATTACK)
    assert (len(rules), errors) == (1, [])


def test_paths_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    (tmp_path / "latin.yml").write_bytes(b"title: \xe9\n")
    _, errors = load_rules([tmp_path / "absent", tmp_path], ATTACK)
    assert "is not there" in errors[0].reason
    assert "UTF-8" in errors[1].reason


def test_the_digest_names_the_set_not_the_order_nor_the_files() -> None:
    one, two = rule_text("A: b"), rule_text("A: c")
    assert rules_digest(loaded(one, two)[0]) == rules_digest(loaded(two, one.replace("\n", "\r\n"))[0])
    assert rules_digest(loaded(one)[0]) != rules_digest(loaded(two)[0])
    assert len(rules_digest([])) == 16
