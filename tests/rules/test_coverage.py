"""What rules cover, what nothing feeds, and layers for ATT&CK Navigator."""

from pathlib import Path

import orjson

from tests.rules.writing import ATTACK, loaded, rule_text
from tocsin.event import Logsource
from tocsin.rules.coverage import Starved, levels_by_tactic, starved, techniques_by_tactic
from tocsin.rules.navigator import layer, write_layer
from tocsin.rules.rule import Rule

PROCESSES = Logsource("windows", "sysmon", ("process_creation",))


def rule_of(selection: str, **others: object) -> Rule:
    (rule,), errors = loaded(rule_text(selection, **others))
    assert errors == []
    return rule


def lacking(selection: str, *names: str) -> tuple[str, ...]:
    """Return the fields that a rule lacks where events have those named."""
    found = starved([rule_of(selection)], {PROCESSES: names})
    return found[0].fields if found else ()


def test_a_rule_whose_log_source_does_not_occur_is_starved() -> None:
    fed = rule_of("A: x", logsource={"product": "windows", "category": "process_creation"})
    other = rule_of("A: x", logsource={"product": "linux", "service": "sudo"})
    assert starved([fed, other], {PROCESSES: None}) == [Starved(other, "linux sudo")]


def test_a_rule_is_starved_where_fields_are_missing_that_it_cannot_do_without() -> None:
    assert lacking("{A: x, B: y}", "A") == ("B",)
    assert lacking("{A: x, B: y}", "a", "b") == ()
    assert lacking("[{A: x}, {B: y}]", "A") == ()
    assert lacking("{A: x, B: null}", "A") == ()
    assert lacking("{'Threat Name': x}", "ThreatName") == ()
    assert lacking("{a.b.c: x}", "a") == ()
    assert lacking("{A|fieldref: B}", "A") == ()
    assert lacking("[word]") == ()


def test_the_most_severe_of_the_starved_comes_first() -> None:
    rules = [rule_of("A: x", title=level, level=level) for level in ("low", "critical", "medium")]
    assert [one.rule.title for one in starved(rules, {})] == ["critical", "medium", "low"]


def test_rules_are_counted_by_tactic_and_level() -> None:
    tags = ["attack.execution", "attack.t1059.001", "attack.impact"]
    rules = [rule_of("A: x", tags=tags, level="high"), rule_of("A: y", level="low")]
    assert levels_by_tactic(rules) == {"TA0002": {"high": 1}, "TA0040": {"high": 1}, "": {"low": 1}}
    assert techniques_by_tactic(rules)["TA0002"] == {"T1059.001"}


def test_a_layer_has_what_format_4_5_asks_for(tmp_path: Path) -> None:
    rows = [("T1059.001", "<b>one</b>", 2), ("T1003", "two", 1), ("T1059.001", "three", 5)]
    path = tmp_path / "layer.json"
    path.write_text("an older one")
    write_layer(path, layer("Rules", "ours", ATTACK, rows))
    content = orjson.loads(path.read_bytes())
    assert content["versions"] == {"attack": ATTACK.version.partition(".")[0], "navigator": "5.1.0", "layer": "4.5"}
    assert (content["name"], content["domain"], content["description"]) == ("Rules", "enterprise-attack", "ours")
    assert content["gradient"] == {"colors": ["#ffffff", "#ff6666"], "minValue": 0, "maxValue": 7}
    assert [(one["techniqueID"], one["score"], one["comment"]) for one in content["techniques"]] == [
        ("T1003", 1, "two"),
        ("T1059.001", 7, "three (5); <b>one</b> (2)"),
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_a_layer_of_nothing_has_a_gradient_all_the_same() -> None:
    assert layer("Alerts", "", ATTACK, [])["gradient"]["maxValue"] == 1
