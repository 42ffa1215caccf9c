"""Measure what rules find on labelled recordings, and how often they fire on ordinary logs.

    python benchmarks/detection.py [--events FOLDER] [--rules FOLDER...]

The built-in pack beside the rules of --rules, on the same files of FOLDER (`manifest.json`, `index.json` there have the
labels, which nobody of us wrote). An alert is a detection of level medium or above.

* `evtx-attack-samples`, `otrf`: a label is of a whole file; found is a file with an alert of the labelled tactic. The
  recordings of `otrf` are long: most of their events are of ordinary work beside the attack. Rules of ours were written
  with these files at hand, so their share says how much of the files they cover, not what they will find elsewhere.
* `sigma-regression`: each of SigmaHQ's tests has the tactics of the rule that it was made for, which --rules must hold;
  found is a test with an alert of that tactic on one of its events.
* `evtx-rs-samples`: ordinary logs; alerts per 10,000 events, rule by rule.

Labels older than ATT&CK v19 call TA0005 what is now TA0005 Stealth or TA0112 Defense Impairment: either counts.
"""

import gzip
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from match import commit, machine, parsed_by, parser_of

from tocsin.pipeline.rules import builtin_folder
from tocsin.rules.attack import Attack
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher
from tocsin.rules.rule import Rule
from tocsin.schema.normalise import normalise
from tocsin.verdict import LEVELS

_INGEST_US = 1_900_000_000_000_000
_ALERT = LEVELS.index("medium")
_REGRESSION = "sigma-regression/sigma-regression.jsonl.gz"
_LABELLED_FILES = ("evtx-attack-samples", "otrf")
_DATASETS = (*_LABELLED_FILES, "sigma-regression", "evtx-rs-samples")
_SPLIT = {"TA0005": {"TA0005", "TA0112"}}

Found = Mapping[str, Sequence[Sequence[Rule]]]  # file -> alerts of each of its events


def main() -> None:
    arguments = parsed_by(parser_of(__doc__))
    attack = Attack.load()
    print(f"machine: {machine()}; commit: {commit()}; ATT&CK {attack.version}")
    manifest = json.loads((arguments.events / "manifest.json").read_text())["entries"]
    tests = json.loads((arguments.events / "sigma-regression" / "index.json").read_text())["tests"]
    packs = {"built-in pack": [builtin_folder() / "detections"]}
    if arguments.rules:
        packs["--rules"] = arguments.rules
    loaded = {name: load_rules(folders, attack)[0] for name, folders in packs.items()}
    tactics = {rule.id: rule.tactics for rules in loaded.values() for rule in rules}
    found = {name: _alerts(arguments.events, manifest, rules) for name, rules in loaded.items()}
    for name, rules in loaded.items():
        print(f"{name}: {len(rules):,} rules")
    for dataset in _LABELLED_FILES:
        _print_recall(f"{dataset}: files", attack, _files_by_tactic(dataset, manifest, found))
    _print_recall("sigma-regression: tests", attack, _tests_by_tactic(tests, tactics, found))
    for name in loaded:
        _print_lab(name, manifest, found[name])
        _print_ordinary(name, manifest, found[name])


def _alerts(folder: Path, manifest: Sequence[Mapping[str, Any]], rules: Sequence[Rule]) -> Found:
    matcher = Matcher(rules)
    found = {}
    for entry in manifest:
        if entry["dataset"] not in _DATASETS or entry["platform"] != "windows":
            continue
        with gzip.open(folder / entry["file"]) as file:
            matches = (matcher.match(normalise(line.rstrip(b"\r\n"), _INGEST_US)) for line in file)
            found[entry["file"]] = [[rule for rule in rules if LEVELS.index(rule.level) >= _ALERT] for rules in matches]
    return found


Tally = dict[str, Counter[str]]  # tactic -> how many are labelled (""), and found by each pack


def _files_by_tactic(dataset: str, manifest: Sequence[Mapping[str, Any]], found: Mapping[str, Found]) -> Tally:
    tally: Tally = {}
    for entry in manifest:
        labels = entry["attack"]
        if entry["dataset"] != dataset or entry["platform"] != "windows" or not isinstance(labels, dict):
            continue
        for tactic in labels["tactics"]:
            counts = tally.setdefault(tactic, Counter())
            counts[""] += 1
            for name, alerts in found.items():
                seen = {one for rules in alerts[entry["file"]] for rule in rules for one in rule.tactics}
                counts[name] += not seen.isdisjoint(_SPLIT.get(tactic, {tactic}))
    return tally


def _tests_by_tactic(
    tests: Sequence[Mapping[str, Any]], tactics: Mapping[str, Sequence[str]], found: Mapping[str, Found]
) -> Tally:
    tally: Tally = {}
    for test in tests:
        lines = slice(test["first_line"] - 1, test["first_line"] - 1 + test["lines"])
        for tactic in {one for rule in test["rule_ids"] for one in tactics.get(rule, ())}:
            counts = tally.setdefault(tactic, Counter())
            counts[""] += 1
            for name, alerts in found.items():
                rules = [rule for rules in alerts[_REGRESSION][lines] for rule in rules]
                counts[name] += any(tactic in rule.tactics for rule in rules)
    return tally


def _print_recall(title: str, attack: Attack, tally: Tally) -> None:
    packs = sorted({name for counts in tally.values() for name in counts} - {""})
    print(f"\n{title:36} labelled " + " ".join(f"{name:>20}" for name in packs))
    for tactic in attack.tactics:
        if counts := tally.get(tactic.id):
            shares = " ".join(f"{counts[name]:>12} ({counts[name] / counts['']:4.0%})" for name in packs)
            print(f"  {tactic.id} {tactic.name:27} {counts['']:8} {shares}")


def _print_lab(name: str, manifest: Sequence[Mapping[str, Any]], found: Found) -> None:
    files = [entry["file"] for entry in manifest if entry["dataset"] == "otrf" and entry["file"] in found]
    events = sum(len(found[file]) for file in files)
    alerts = sum(len(rules) for file in files for rules in found[file])
    print(f"\notrf, {name}: {alerts:,} alerts on {events:,} events of {len(files)} files")


def _print_ordinary(name: str, manifest: Sequence[Mapping[str, Any]], found: Found) -> None:
    files = [entry["file"] for entry in manifest if entry["dataset"] == "evtx-rs-samples"]
    events = sum(len(found[file]) for file in files)
    fired = Counter(rule.title for file in files for rules in found[file] for rule in rules)
    print(f"\nevtx-rs-samples, {name}: {fired.total() / events * 10_000:.1f} alerts per 10,000 of {events:,} events")
    for title, count in fired.most_common():
        print(f"  {count / events * 10_000:6.1f}  {title}")


if __name__ == "__main__":
    main()
