"""Placeholders get their values from a file; pySigma's pipelines are applied to rules."""

from pathlib import Path
from typing import Any

import pytest

from tests.rules.writing import ATTACK, event_of, rule_text
from tocsin.errors import ConfigError
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher
from tocsin.rules.preparation import Preparation, read_preparation

VARIABLES = {"admins": ("ann", "b*b", r"c\*c"), "one": ("x.y",)}


def values_that_match(folder: Path, selection: str, values: list[Any], preparation: Preparation) -> list[Any]:
    (folder / "rule.yml").write_text(rule_text(selection), "utf-8")
    rules, errors = load_rules([folder], ATTACK, preparation=preparation)
    assert errors == []
    matcher = Matcher(rules)
    return [value for value in values if matcher.match(event_of({"A": value}))]


@pytest.mark.parametrize(
    ("selection", "values", "matching"),
    [
        ("A|expand: '%admins%'", ["ann", "ANN", "annx", "bob", "c*c", "cxc"], ["ann", "ANN", "bob", "c*c"]),
        ("A|contains|expand: '%admins%'", ["an ann", "cc"], ["an ann"]),
        ("A|expand: 'dom\\\\%admins%'", ["dom\\ann", "ann"], ["dom\\ann"]),
        ("A|expand: '%one% %admins%'", ["x.y ann", "x.y bob", "xzy ann"], ["x.y ann", "x.y bob"]),
        ("A|expand|cased: '%admins%'", ["ann", "ANN"], ["ann"]),
        ("A|re|expand: '^%one%$'", ["x.y", "xzy", "x.y2"], ["x.y", "xzy"]),
        ("A|expand: ['%one%', other]", ["x.y", "other", "none"], ["x.y", "other"]),
    ],
)
def test_a_placeholder_stands_for_any_of_its_values(
    tmp_path: Path, selection: str, values: list[str], matching: list[str]
) -> None:
    assert values_that_match(tmp_path, selection, values, Preparation(VARIABLES)) == matching


def test_a_placeholder_without_values_is_reported_by_name(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("A|expand: '%admins% %others%'"))
    rules, (error,) = load_rules([tmp_path], ATTACK, preparation=Preparation({"admins": ("ann",)}))
    assert rules == []
    assert error.reason == "field 'A': needs placeholder %others%: give its values in a file, by --variables"


def test_too_many_combinations_of_values_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("A|expand: '%n% %n% %n%'"))
    many = Preparation({"n": tuple(map(str, range(100)))})
    _, (error,) = load_rules([tmp_path], ATTACK, preparation=many)
    assert "more than 100,000 combinations" in error.reason


def test_files_of_variables_are_read_and_later_ones_win(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yml", tmp_path / "second.yml"
    first.write_text("admins: [ann, 7, true]\none: x\n")
    second.write_text("'%one%': y\n")
    found = read_preparation([first, second], [])
    assert found.variables == {"admins": ("ann", "7", "true"), "one": ("y",)}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"- a\n", "must be a map from names to values"),
        (b"a: {b: c}\n", "`a` needs a text or a number, or a list of them"),
        (b"a: []\n", "`a` needs a text or a number, or a list of them"),
        (b"a: [\n", "is not valid YAML"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_file_of_variables_that_is_wrong_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "variables.yml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_preparation([file, tmp_path / "absent.yml"], [])
    assert [problem in caught.value.problems[0], "cannot be read" in caught.value.problems[1]] == [True, True]


PIPELINE = """\
name: our names
priority: 10
vars: {admins: [ann]}
transformations:
  - id: names
    type: field_name_mapping
    mapping: {A: [Ours, Theirs], C: D}
    rule_conditions: [{type: logsource, product: windows}]
  - {id: values, type: value_placeholders}
"""


def test_a_pipeline_of_pysigma_changes_rules(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE)
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rule.yml").write_text(rule_text({"s": {"A|expand": "%admins%", "B": 1}, "condition": "s"}))
    rules, errors = load_rules([folder], ATTACK, preparation=read_preparation([], [file]))
    assert errors == []
    matcher = Matcher(rules)
    events: list[dict[str, Any]] = [{"Ours": "ann", "B": 1}, {"Theirs": "ann", "B": 1}, {"A": "ann", "B": 1}]
    assert [bool(matcher.match(event_of(fields))) for fields in events] == [True, True, False]


def test_what_a_pipeline_refuses_is_reported_of_the_rule(tmp_path: Path) -> None:
    pipeline = "transformations: [{type: rule_failure, message: not for us}]"
    (tmp_path / "rule.yml").write_text(rule_text("A: x"))
    rules, (error,) = load_rules([tmp_path], ATTACK, preparation=Preparation({}, (("p.yml", pipeline),)))
    assert (rules, "not for us" in error.reason) == ([], True)


@pytest.mark.parametrize(
    "text", ["transformations: [{type: nothing}]", "- a", "a: [", "transformations: [{type: command_placeholders}]"]
)
def test_a_pipeline_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"pipeline: `p\.yml` (is not|must be)"):
        load_rules([tmp_path], ATTACK, preparation=Preparation({}, (("p.yml", text),)))


def test_a_pipeline_runs_no_command(tmp_path: Path) -> None:
    made = tmp_path / "made"
    pipeline = f"transformations: [{{type: command_placeholders, command: 'touch {made}'}}]"
    (tmp_path / "rule.yml").write_text(rule_text("A|expand: '%x%'"))
    try:
        rules, _ = load_rules([tmp_path], ATTACK, preparation=Preparation({}, (("p.yml", pipeline),)))
    except ConfigError:
        rules = []
    assert (rules, made.exists()) == ([], False)
