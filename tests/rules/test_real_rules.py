"""All of SigmaHQ's rules load, and match on real events what two independent engines agree on."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.rules.writing import ATTACK
from tocsin.rules.check import check_rules
from tocsin.rules.compile import compile_rules
from tocsin.rules.load import Rule, load_rules
from tocsin.rules.match import Matcher
from tocsin.schema.normalise import normalise

INGEST_US = 1_790_000_000_000_000
EVALUATED_FOLDERS = ("rules", "rules-emerging-threats", "rules-threat-hunting")

# Match counts of SigmaHQ's tests that the events contradict, as two other engines find too (README of the data).
STATED_WRONGLY = {"45e112d0-7759-4c2a-aa36-9f8fb79d3393"}

PEERS = ("zircolite", "second", "rsigma")

# Matches that are right by the rule's text, but need a field that no peer reads from these events.
FOUND_BY_NO_PEER = {
    "3037d961-21e9-4732-b27a-637bcc7bf539": "IntegrityLevel 'High' from 4688's MandatoryLabel S-1-16-12288",
    "224f140f-3553-4cd1-af78-13d81bf9f7cc": "IntegrityLevel 'System' from 4688's MandatoryLabel S-1-16-16384",
    "d7326048-328b-4d5e-98af-86e84b17c765": "Data of PowerShell 400 from the Message of flat events, which have none",
    "df9a0e0e-fedb-4d6c-8668-d765dfc92aa7": "Data of PowerShell 600 from the Message of flat events, which have none",
}


@pytest.fixture(scope="module")
def windows_matcher(sigmahq: Path) -> Matcher:
    rules, errors = load_rules([sigmahq / name for name in EVALUATED_FOLDERS], ATTACK)
    assert all("needs placeholder" in error.reason for error in errors)
    matcher, compile_errors = compile_rules(rule for rule in rules if rule.logsource.product == "windows")
    assert compile_errors == []
    return matcher


def rule_ids(matches: tuple[Rule, ...]) -> list[str]:
    return [rule.id for rule in matches]


def events_of(file: Path) -> Iterator[tuple[int, Any]]:
    with gzip.open(file) as lines:
        for number, line in enumerate(lines, 1):
            yield number, normalise(line.rstrip(b"\r\n"), INGEST_US)


def test_the_built_in_pack_passes_a_strict_check() -> None:
    folder = Path(__file__).resolve().parents[2] / "src" / "tocsin" / "content" / "rules"
    report = check_rules([folder], ATTACK, partial(normalise, ingest_us=INGEST_US), strict=True)
    assert report.problems == ()
    assert report.tested == report.rules > 40


@pytest.mark.slow
def test_all_3780_rules_but_the_25_with_placeholders_load_and_compile(sigmahq: Path) -> None:
    folders = [*EVALUATED_FOLDERS, "rules-compliance", "rules-placeholder"]
    rules, errors = load_rules([sigmahq / name for name in folders], ATTACK)
    assert Counter("needs placeholder" in error.reason for error in errors) == {True: 25}
    assert [tag for rule in rules for tag in rule.unknown_tags] == []
    matcher, compile_errors = compile_rules(rules)
    assert (len(matcher.rules), compile_errors) == (3755, [])


@pytest.mark.slow
def test_what_is_deprecated_or_unsupported_is_loaded_or_reported(sigmahq: Path) -> None:
    files = [file for name in ("deprecated", "unsupported") for file in (sigmahq / name).rglob("*.yml")]
    rules, errors = load_rules([sigmahq / "deprecated", sigmahq / "unsupported"], ATTACK)
    assert len(rules) + len(errors) >= len(files)
    assert sum("old aggregations" in error.reason for error in errors) == 55


@pytest.mark.slow
def test_the_positive_tests_of_sigmahq_match(shared_data: Path, windows_matcher: Matcher) -> None:
    folder = shared_data / "events" / "sigma-regression"
    found = {n: rule_ids(windows_matcher.match(event)) for n, event in events_of(folder / "sigma-regression.jsonl.gz")}
    index = json.loads((folder / "index.json").read_text())
    wrong = []
    for test in index["tests"]:
        lines = range(test["first_line"], test["first_line"] + test["lines"])
        for rule_id in test["rule_ids"]:
            count, stated = sum(rule_id in found[line] for line in lines), test["match_count"]
            if count == 0 if stated is None else count != stated:
                wrong.append(rule_id)
    assert len(index["tests"]) == 120
    assert set(wrong) == STATED_WRONGLY


@pytest.mark.slow
def test_every_match_that_two_engines_agree_on_is_found(shared_data: Path, windows_matcher: Matcher) -> None:
    """On a sample: all that came from EVTX files, and the lateral movement of the lab recordings."""
    agreed = pairs_of(shared_data / "expected" / "agreed-windows.json.gz")
    known = agreed.union(*(pairs_of(shared_data / "expected" / f"{peer}-windows.json.gz") for peer in PEERS))
    found: set[tuple[str, str, int]] = set()
    files = set()
    for file in sampled_files(shared_data):
        files.add(file)
        for line, event in events_of(shared_data / "events" / file):
            found.update((rule_id, file, line) for rule_id in rule_ids(windows_matcher.match(event)))
    assert {pair for pair in agreed if pair[1] in files} - found == set()
    unknown = Counter(rule_id for rule_id, _, _ in found - known)
    assert set(unknown) <= set(FOUND_BY_NO_PEER), {rule_id: unknown[rule_id] for rule_id in unknown}


def sampled_files(shared_data: Path) -> list[str]:
    manifest = json.loads((shared_data / "events" / "manifest.json").read_text())
    return [
        entry["file"]
        for entry in manifest["entries"]
        if entry["platform"] == "windows"
        and (entry["format"] == "evtx-json" or "lateral_movement" in entry["file"])
        and entry["dataset"] != "sigma-regression"
    ]


def pairs_of(file: Path) -> set[tuple[str, str, int]]:
    """Read (rule id, file, line) of what an engine matched."""
    with gzip.open(file) as stream:
        matches = json.load(stream)["matches"]
    return {
        (rule_id, name, line if isinstance(line, int) else line[0])
        for rule_id, entry in matches.items()
        for name, lines in entry.get("files", entry).items()
        for line in lines
    }
