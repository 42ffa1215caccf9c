"""`check_rules` says what is wrong with rules and with their test events, by file and line."""

from pathlib import Path

import msgspec
import pytest

from tests.rules.writing import ATTACK, event_of
from tocsin.errors import DecodeError
from tocsin.event import Event, Logsource
from tocsin.rules.check import CheckReport, check_rules

RULE = """\
title: Whoami
id: 11111111-1111-4111-8111-111111111111
references: [https://example.org]
falsepositives: [Admins]
tags: [attack.discovery]
logsource: {product: windows}
detection:
  selection: {Image|endswith: '\\whoami.exe'}
  condition: selection
level: low
"""
EVENTS = """\
must_fire:
  - Channel: Security
    Image: C:\\Windows\\whoami.exe
must_not_fire:
  - Channel: Security
    Image: C:\\Windows\\cmd.exe
"""


def normalise(raw: bytes) -> Event:
    fields = msgspec.json.decode(raw)
    if not isinstance(fields, dict):
        raise DecodeError("not_an_object", "an event is a JSON object")
    return event_of(fields, Logsource("windows", fields["Channel"]))


def check(folder: Path, rule: str = RULE, events: str | None = EVENTS, strict: bool = True) -> CheckReport:
    (folder / "whoami.yml").write_text(rule)
    if events is not None:
        (folder / "whoami.events.yml").write_text(events)
    return check_rules([folder], ATTACK, normalise, strict=strict)


def test_a_good_rule_with_good_events_has_no_problems(tmp_path: Path) -> None:
    assert check(tmp_path) == CheckReport(rules=1, tested=1, events=2, problems=())


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("whoami.exe", "who.exe", "whoami.events.yml:2: must fire 'Whoami'"),
        ("cmd.exe", "whoami.exe", "whoami.events.yml:5: must not fire 'Whoami'"),
        ("  - Channel: Security\n    Image: C:\\Windows\\cmd.exe\n", "  - 5\n", "whoami.events.yml:5: cannot be read"),
        ("must_not_fire", "must_not", "whoami.events.yml:4: unknown key 'must_not'"),
        (EVENTS, "must_fire: []\nmust_not_fire: [{Channel: x}]\n", "whoami.events.yml:1: has no events"),
        (EVENTS, "- a\n", "whoami.events.yml:1: test events are a map"),
        (EVENTS, "a: [\n", "whoami.events.yml:2: is not valid YAML"),
    ],
)
def test_a_problem_with_the_events_is_reported_at_its_line(
    tmp_path: Path, before: str, after: str, problem: str
) -> None:
    report = check(tmp_path, events=EVENTS.replace(before, after))
    assert not report.is_good
    assert any(problem in str(error) for error in report.problems)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("attack.discovery", "attack.discoverie, attack.execution", "tag 'attack.discoverie' is not in ATT&CK"),
        ("references: [https://example.org]\n", "", "has no references"),
        ("falsepositives: [Admins]\n", "", "has no falsepositives"),
        ("tags: [attack.discovery]\n", "", "has no ATT&CK tactic"),
        ("endswith", "endwith", "did you mean 'endswith'"),
        ("endswith: '", "expand: '%x%", "needs placeholder %x%"),
    ],
)
def test_a_problem_with_the_rule_is_reported(tmp_path: Path, before: str, after: str, problem: str) -> None:
    report = check(tmp_path, rule=RULE.replace(before, after))
    assert any(problem in str(error) for error in report.problems)


def test_a_rule_without_events_is_a_problem_of_a_strict_check_alone(tmp_path: Path) -> None:
    assert check(tmp_path, events=None, strict=False).is_good
    (problem,) = check(tmp_path, events=None).problems
    assert problem.reason.endswith("put some that must and must not fire it into whoami.events.yml")


def test_events_without_a_rule_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "other.events.yml").write_text(EVENTS)
    (problem,) = check(tmp_path).problems
    assert "has no rule beside it: expected other.yml" in problem.reason
