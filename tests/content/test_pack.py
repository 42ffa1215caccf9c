"""Tocsin's own rules are complete, current, tested by the events beside them, and quiet on ordinary logs."""

import gzip
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from tocsin.event import Event
from tocsin.rules.attack import Attack
from tocsin.rules.check import check_rules
from tocsin.rules.compile import compile_rules
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher
from tocsin.rules.rule import LEVELS, Rule
from tocsin.schema.normalise import normalise

PACK = Path(str(files("tocsin.content"))) / "rules"
BASELINE, DETECTIONS = PACK / "baseline", PACK / "detections"
ATTACK = Attack.load()
INGEST_US = 1_800_000_000_000_000  # after the time in every test event

# What they ask for is in Sysmon's process starts, not in those of the Security log.
NEED_SYSMON = {
    "dcom_starts_shell",
    "elevated_com_object_starts_program",
    "event_log_service_crashed",
    "renamed_windows_tool",
}

RULE_FILES = sorted(path for path in PACK.rglob("*.yml") if not path.name.endswith(".events.yml"))
IDS = [path.stem for path in RULE_FILES]


@cache
def content_of(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(content, dict)
    return content


def events_beside(path: Path) -> dict[str, list[dict[str, Any]]]:
    return content_of(path.with_suffix(".events.yml"))


def normalised(event: dict[str, Any]) -> Event:
    return normalise(json.dumps(event).encode(), INGEST_US)


@cache
def pack() -> tuple[list[Rule], list[Rule]]:
    baseline, errors = load_rules([BASELINE], ATTACK, is_baseline=True)
    detections, more_errors = load_rules([DETECTIONS], ATTACK)
    assert [str(error) for error in [*errors, *more_errors]] == []
    return baseline, detections


@cache
def matcher() -> Matcher:
    made, errors = compile_rules([rule for part in pack() for rule in part])
    assert [str(error) for error in errors] == []
    return made


@pytest.mark.parametrize(("folder", "is_baseline"), [(BASELINE, True), (DETECTIONS, False)], ids=["base", "detect"])
def test_every_rule_fires_on_the_events_that_it_must_fire_on_and_on_no_other(folder: Path, is_baseline: bool) -> None:
    report = check_rules([folder], ATTACK, lambda raw: normalise(raw, INGEST_US), is_baseline=is_baseline, strict=True)
    assert [str(problem) for problem in report.problems] == []
    assert report.tested == report.rules > 0


def test_the_folders_hold_nothing_but_rules_their_events_and_the_readme() -> None:
    expected = {path.with_suffix(suffix) for path in RULE_FILES for suffix in (".yml", ".events.yml")}
    assert {path for path in PACK.rglob("*") if path.is_file()} == expected | {PACK / "README.md"}


@pytest.mark.parametrize("path", RULE_FILES, ids=IDS)
def test_a_rule_says_all_that_its_reader_needs(path: Path) -> None:
    rule = content_of(path)
    assert rule["author"] == "Tocsin"
    assert rule["license"] == "Apache-2.0"
    assert rule["status"] in ("stable", "test")
    assert rule["level"] in LEVELS
    assert f"\nLevel: {rule['level']}" in rule["description"]
    assert rule["falsepositives"] and all(isinstance(text, str) for text in rule["falsepositives"])
    assert rule["references"] and all(url.startswith("https://") for url in rule["references"])
    assert rule["logsource"]["product"] == "windows"
    assert uuid.UUID(rule["id"]).version == 4


@pytest.mark.parametrize("path", RULE_FILES, ids=IDS)
def test_the_events_beside_a_rule_are_windows_events_of_which_one_fires_and_two_do_not(path: Path) -> None:
    events = events_beside(path)
    assert len(events["must_fire"]) >= 1
    assert len(events["must_not_fire"]) >= 2
    for event in [*events["must_fire"], *events["must_not_fire"]]:
        read = normalised(event)
        assert (read.shape.format, read.flags, read.time_source) == ("flat-windows", (), "@timestamp")
        assert (read.shape.channel, read.shape.code, read.shape.provider) == (
            event["Channel"],
            str(event["EventID"]),
            event["SourceName"],
        )
        assert read.host == event["Hostname"].lower()


@pytest.mark.parametrize("path", RULE_FILES, ids=IDS)
def test_a_rule_for_process_starts_is_tested_with_sysmon_and_with_the_security_log(path: Path) -> None:
    if content_of(path)["logsource"].get("category") != "process_creation" or path.stem in NEED_SYSMON:
        return
    assert {event["EventID"] for event in events_beside(path)["must_fire"]} == {1, 4688}


def test_ids_and_titles_are_unique() -> None:
    rules = [content_of(path) for path in RULE_FILES]
    for key in ("id", "title"):
        assert [value for value, count in Counter(rule[key] for rule in rules).items() if count > 1] == []


def test_tags_are_current_and_name_the_tactics_of_the_techniques() -> None:
    for rule in [*pack()[0], *pack()[1]]:
        named = [tag.removeprefix("attack.t").upper() for tag in rule.tags if tag.startswith("attack.t")]
        assert [f"T{number}" for number in named] == list(rule.techniques), rule.path
        of_techniques = {tactic for technique in rule.techniques for tactic in ATTACK.techniques[technique].tactics}
        tactics = {tag.removeprefix("attack.") for tag in rule.tags if not tag.startswith(("attack.t1", "tocsin."))}
        assert tactics, rule.path
        assert rule.is_baseline or tactics <= of_techniques, rule.path


def test_a_baseline_rule_is_informational_and_gives_one_tactic_and_no_technique() -> None:
    for rule in pack()[0]:
        assert (rule.level, len(rule.tactics), rule.techniques) == ("informational", 1, ()), rule.path
        assert "tocsin.baseline" in rule.tags, rule.path


def test_a_detection_lies_in_the_folder_of_one_of_its_tactics() -> None:
    for rule in pack()[1]:
        folder = Path(rule.path).parent.name
        assert f"attack.{folder}" in rule.tags, rule.path
        assert rule.level != "informational" and "tocsin.baseline" not in rule.tags, rule.path


def test_no_event_is_of_two_baseline_activities() -> None:
    for path in RULE_FILES:
        for event in [event for events in events_beside(path).values() for event in events]:
            activities = [rule.title for rule in matcher().match(normalised(event)) if rule.is_baseline]
            assert len(activities) <= 1, (path, activities)


def test_ordinary_logs_give_at_most_five_alerts_in_ten_thousand_events(shared_data: Path) -> None:
    alerts: Counter[str] = Counter()
    events = 0
    for raw in _lines(shared_data / "events" / "evtx-rs-samples"):
        events += 1
        matches = matcher().match(normalise(raw, INGEST_US))
        alerts.update(rule.title for rule in matches if LEVELS.index(rule.level) >= LEVELS.index("medium"))
    assert events > 10_000
    assert alerts.total() <= 5 * events / 10_000, alerts


def test_there_are_detections_for_every_tactic_that_shows_on_a_windows_host() -> None:
    folders = {Path(rule.path).parent.name for rule in pack()[1]}
    matrix = {tactic.shortname for tactic in ATTACK.tactics}
    assert matrix - folders == {"reconnaissance", "resource-development"}


def _lines(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(file) as lines:
            yield from (line.rstrip(b"\n") for line in lines)
