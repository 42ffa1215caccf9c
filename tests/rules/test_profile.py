"""What rules cost: counted exactly, and matching stays as it is."""

import gzip
from pathlib import Path

import pytest

from tests.command import tocsin
from tests.rules.writing import event_of, loaded, rule_text
from tests.windows_events import flat_lines
from tocsin.event import Event
from tocsin.rules.match import Matcher
from tocsin.rules.profile import Profile, RuleCost

LOOKAHEAD = r"^cmd(?!64)\.exe"


def profiled(texts: list[str], events: list[dict[str, object]]) -> tuple[dict[str, RuleCost], Profile]:
    rules, errors = loaded(*texts)
    assert errors == []
    profile = Profile()
    matcher, plain = Matcher(rules, probe=profile), Matcher(rules)
    shape = event_of(events[0]).shape  # as normalising gives events that have the same fields
    for fields in events:
        event = Event(b"{}", shape, fields)
        matches = matcher.match(event)
        assert matches == plain.match(event)
        profile.add_hits(matches)
    return {cost.rule.title: cost for cost in profile.rule_costs(matcher)}, profile


def test_a_condition_is_evaluated_once_for_events_that_are_alike() -> None:
    texts = [rule_text("Image|endswith: '.exe'", title="exe"), rule_text("Image|endswith: '.dll'", title="dll")]
    costs, _ = profiled(texts, [{"Image": "a.exe"}, {"Image": "a.exe"}, {"Image": "b.exe"}, {"Image": "c.txt"}])
    assert (costs["exe"].hits, costs["exe"].evaluations) == (3, 1)
    assert (costs["dll"].hits, costs["dll"].evaluations, costs["dll"].cost_us) == (0, 0, 0)
    assert costs["exe"].condition_us > 0


def test_values_are_looked_into_once_and_counted_by_field() -> None:
    texts = [rule_text({"s": {"Image|endswith": ".exe", "User": "ann"}, "condition": "s"})]
    events: list[dict[str, object]] = [{"Image": f"{number % 3}.exe", "User": "ann"} for number in range(10)]
    _, profile = profiled(texts, events)
    assert {cost.name: cost.scans for cost in profile.field_costs()} == {"Image": 3, "User": 1}


def test_looking_for_keywords_is_counted_beside_the_fields() -> None:
    texts = [rule_text({"keywords": ["mimikatz"], "condition": "keywords"})]
    costs, profile = profiled(texts, [{"A": "x"}, {"A": "y"}])
    assert {cost.name: cost.scans for cost in profile.field_costs()} == {"(keywords)": 2}
    assert next(iter(costs.values())).hits == 0


def test_an_expression_that_two_rules_share_costs_each_of_them_half() -> None:
    texts = [rule_text(f"Image|re: '{LOOKAHEAD}'", title=title) for title in ("one", "two")]
    costs, profile = profiled(texts, [{"Image": "cmd.exe"}, {"Image": "cmd64.exe"}, {"Image": "other"}])
    assert [costs[title].hits for title in ("one", "two")] == [1, 1]
    [search] = profile.searches.values()
    assert search.calls == costs["one"].searches == costs["two"].searches > 0
    assert costs["one"].search_us == costs["two"].search_us == pytest.approx(search.ns / 2000)


def test_the_command_counts_hits_and_evaluations(tmp_path: Path) -> None:
    lines = flat_lines(50)
    (tmp_path / "events.jsonl").write_bytes(b"\n".join([*lines, b"no JSON"]))
    (tmp_path / "damaged.jsonl.gz").write_bytes(gzip.compress(b"\n".join(lines))[:20])
    (tmp_path / "rule.yml").write_text(rule_text("Image|endswith: '\\whoami.exe'", title="=cmd()\x1b[31m", level="low"))
    arguments = ("rules", "profile", "events.jsonl", "damaged.jsonl.gz", "--rules", "rule.yml")
    rows = tocsin(*arguments, "--format", "csv", cwd=tmp_path)
    assert rows.returncode == 0, rows.stderr
    hits = sum(b"whoami.exe" in line for line in lines)
    assert f",low,{hits},1," in rows.stdout, rows.stdout
    assert ",'=cmd()" in rows.stdout
    table = tocsin(*arguments, cwd=tmp_path)
    assert "\x1b" not in table.stdout
    assert "50 events of 1 file, 1 rule, 0 of which fired on none" in table.stderr
    assert "1 record could not be read: not_json" in table.stderr
    assert "data ends too early, at byte 20" in table.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ((), 2, "on which events?"),
        (("empty", "--top", "0"), 2, "at least 1 is needed"),
        (("empty",), 1, "not one event could be read"),
    ],
)
def test_what_cannot_be_profiled_is_said(tmp_path: Path, arguments: tuple[str, ...], code: int, reason: str) -> None:
    (tmp_path / "empty").mkdir()
    done = tocsin("rules", "profile", *arguments, cwd=tmp_path)
    assert (done.returncode, reason in done.stderr) == (code, True), done.stderr
