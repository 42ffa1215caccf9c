"""Why rules fired is asked of so many of them; a rule that nobody can ask costs nothing."""

from pathlib import Path

from tests.rules.writing import ATTACK, rule_text

from tocsin.config import load_config
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.reasons import Reasons
from tocsin.pipeline.rules import load_rule_set
from tocsin.rules.preparation import UNPREPARED

_EVENT = '{"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "Hostname": "h", "Image": "C:\\\\x.exe"}'


def test_rules_that_are_not_loaded_take_no_place_among_those_that_are_asked(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yml").write_text(rule_text("EventID: 1", title=name))
    rules = load_rule_set(ATTACK, [tmp_path], False)
    reasons = Reasons(rules, ATTACK, UNPREPARED, normaliser_of(load_config({}, {})), most=1)
    assert "not among those that are loaded" in reasons.why("gone", _EVENT).note
    first, second = (reasons.why(rule.id, _EVENT) for rule in rules.rules)
    assert (first.note, first.condition) == ("", "selection")
    assert second.note.startswith("that of 1 rules is said here")
