"""An explanation says of each selection and line what the engine says of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.command import tocsin
from tests.rules.writing import ATTACK, event_of, rule_text
from tocsin.errors import RuleError
from tocsin.event import Logsource
from tocsin.rules.explain import Explanation, explain
from tocsin.rules.load import load_rules
from tocsin.rules.preparation import UNPREPARED

DETECTION = {
    "selection": {"Image|endswith": [r"\cmd.exe", r"\sh.exe"], "A": None},
    "words": ["secret", "hidden"],
    "either": [{"B": 1}, {"C|contains|all": ["x", "y"]}],
    "filter": {"User": "admin"},
    "condition": "(selection or words) and 1 of either and not filter",
}


def explained(folder: Path, fields: dict[str, Any], **others: Any) -> Explanation:
    (folder / "rule.yml").write_text(rule_text(DETECTION, **others))
    (rule,), errors = load_rules([folder], ATTACK)
    assert errors == []
    return explain(rule, [], event_of(fields, overlay={"Image": r"C:\cmd.exe"}), ATTACK, UNPREPARED)


def test_each_selection_and_line_is_asked_by_itself(tmp_path: Path) -> None:
    logsource = {"product": "windows", "category": "process_creation"}
    fields = {"B": 2, "C": ["xy", "z"], "User": "Admin", "Message": "a SECRET"}
    explanation = explained(tmp_path, fields, logsource=logsource)
    assert (explanation.fires, explanation.holds, explanation.is_routed) == (False, False, True)
    assert {one.name: one.holds for one in explanation.selections} == {
        "selection": True, "words": True, "either": True, "filter": True,
    }  # fmt: skip
    lines = {
        one.name: [[(line.key, line.holds, line.values) for line in lines] for lines in one.alternatives]
        for one in explanation.selections
    }
    assert lines == {
        "selection": [[("Image|endswith", True, (r"C:\cmd.exe",)), ("A", True, None)]],
        "words": [[("", True, None)]],
        "either": [[("B", False, (2,))], [("C|contains|all", True, ("xy", "z"))]],
        "filter": [[("User", True, ("Admin",))]],
    }


def test_a_rule_for_another_log_source_does_not_fire_though_its_condition_holds(tmp_path: Path) -> None:
    fields = {"B": 1, "Message": "secret"}
    explanation = explained(tmp_path, fields, logsource={"product": "linux"})
    assert (explanation.holds, explanation.is_routed, explanation.fires) == (True, False, False)
    assert explanation.event_logsource == Logsource("windows", "security", ("process_creation",))


def test_a_rule_that_fires_is_explained_too(tmp_path: Path) -> None:
    assert explained(tmp_path, {"B": 1, "Message": "secret", "User": "bob"}).fires


def test_a_rule_whose_file_has_changed_is_not_explained_by_what_is_there_now(tmp_path: Path) -> None:
    file = tmp_path / "rule.yml"
    file.write_text(rule_text("A: x"))
    (rule,), _ = load_rules([tmp_path], ATTACK)
    file.write_text("# a new first line\n" + rule_text("A: y"))
    with pytest.raises(RuleError, match="the file has changed"):
        explain(rule, [], event_of({"A": "x"}), ATTACK, UNPREPARED)


def test_a_filter_that_keeps_a_rule_from_firing_is_named(tmp_path: Path) -> None:
    (tmp_path / "rule.yml").write_text(rule_text("A: x", title="Found"))
    for name, host in (("servers", "SRV1"), ("others", "WS9")):
        (tmp_path / f"filter_{name}.yml").write_text(
            f"title: Not {name}\nlogsource: {{product: windows}}\n"
            f"filter: {{rules: any, known: {{Host: {host}}}, condition: not known}}\n"
        )
    event = '{"A": "x", "Host": "SRV1", "EventID": 1, "Channel": "Security", "SourceName": "S", "Hostname": "h"}'
    (tmp_path / "event.jsonl").write_text(event)
    done = tocsin("rules", "explain", "Found", "--rules", ".", "--event", "event.jsonl:1", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Found" in done.stdout.splitlines()[0]
    assert "does not fire" in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[-2:] == [
        "+ filter: Not others (filter_others.yml:1)",
        "- filter: Not servers (filter_servers.yml:1)",
    ]
    assert "+ condition: selection" in done.stdout
