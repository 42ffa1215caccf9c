"""Check rules: all load and compile, and each fires on the events beside it that it must fire on, on no other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tocsin.errors import DecodeError, RuleError
from tocsin.event import Event
from tocsin.rules.attack import Attack
from tocsin.rules.compile import compile_rules
from tocsin.rules.documents import Document, read_documents
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher
from tocsin.rules.preparation import UNPREPARED, Preparation
from tocsin.rules.rule import Rule
from tocsin.rules.rule_files import TEST_EVENTS_SUFFIXES

Normalise = Callable[[bytes], Event]  # raises DecodeError

_EXPECTATIONS = {"must_fire": True, "must_not_fire": False}


@dataclass(frozen=True)
class CheckReport:
    """What a check found; no problems means that all is well."""

    rules: int  # that can be used
    tested: int  # that have events beside them
    events: int  # of those, all together
    problems: tuple[RuleError, ...]

    @property
    def is_good(self) -> bool:
        return not self.problems


def check_rules(
    paths: Sequence[Path],
    attack: Attack,
    normalise: Normalise,
    *,
    is_baseline: bool = False,
    strict: bool = False,
    preparation: Preparation = UNPREPARED,
) -> CheckReport:
    """Check the rules in files and folders, each with its test events.

    The events for `name.yml` are in `name.events.yml`: two lists, `must_fire` and `must_not_fire`, of flat Windows
    events as an agent would send them ({Channel, EventID, ...}); `normalise` reads them as it would in the pipeline.
    `strict` is for a pack of one's own: every rule has such events, references and known false positives.
    """
    rules, load_errors = load_rules(paths, attack, is_baseline, preparation)
    matcher, compile_errors = compile_rules(rules)
    problems = [*load_errors, *compile_errors, *_unknown_tags(rules)]
    tested = events = 0
    for rule in matcher.rules:
        test_file = _test_file(rule)
        if test_file is not None:
            tested += 1
            events += _fire(rule, test_file, matcher, normalise, problems)
        if strict:
            problems.extend(_missing(rule, has_tests=test_file is not None))
    problems.extend(_without_rule(paths))
    return CheckReport(len(matcher.rules), tested, events, tuple(problems))


def _unknown_tags(rules: Sequence[Rule]) -> Iterator[RuleError]:
    for rule in rules:
        for tag in rule.unknown_tags:
            yield RuleError(rule.place, f"tag '{tag}' is not in ATT&CK: correct it, or take another one")


def _missing(rule: Rule, has_tests: bool) -> Iterator[RuleError]:
    if not has_tests:
        file = Path(rule.path).with_suffix("").name + TEST_EVENTS_SUFFIXES[0]
        yield RuleError(rule.place, f"has no test events: put some that must and must not fire it into {file}")
    if not rule.references:
        yield RuleError(rule.place, "has no references: say where the knowledge is from")
    if not rule.falsepositives:
        yield RuleError(rule.place, "has no falsepositives: say what benign activity may fire it")
    if not rule.tactics:
        yield RuleError(rule.place, "has no ATT&CK tactic: give it a tag such as attack.execution")


def _test_file(rule: Rule) -> Path | None:
    stem = Path(rule.path).with_suffix("")
    files = (stem.with_name(stem.name + suffix) for suffix in TEST_EVENTS_SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def _without_rule(paths: Sequence[Path]) -> Iterator[RuleError]:
    for folder in (path for path in paths if path.is_dir()):
        for suffix in TEST_EVENTS_SUFFIXES:
            for file in sorted(folder.rglob("*" + suffix)):
                stem = file.name.removesuffix(suffix)
                if not any(file.with_name(stem + ending).is_file() for ending in (".yml", ".yaml")):
                    yield RuleError(str(file), f"has no rule beside it: expected {stem}.yml")


def _fire(rule: Rule, test_file: Path, matcher: Matcher, normalise: Normalise, problems: list[RuleError]) -> int:
    """Match the test events of a rule, add what is wrong to the problems, and return how many there were."""
    events = 0
    try:
        for document in read_documents(test_file):
            problems.extend(_misplaced(document))
            for event, must_fire, place in _test_events(document):
                events += 1
                try:
                    problem = _problem(rule, _match(event, matcher, normalise), must_fire)
                except DecodeError as error:
                    problem = f"cannot be read as an event: {error}"
                if problem:
                    problems.append(RuleError(place, problem))
    except RuleError as error:
        problems.append(error)
    return events


def _match(event: Any, matcher: Matcher, normalise: Normalise) -> tuple[Rule, ...]:
    try:
        raw = orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)
    except (TypeError, ValueError) as error:
        raise DecodeError("not_json", f"the test event cannot be written as JSON: {error}") from error
    return matcher.match(normalise(raw))


def _problem(rule: Rule, matches: Sequence[Rule], must_fire: bool) -> str | None:
    """Say what is wrong with the matches of a test event; None when nothing is."""
    does_fire = rule in matches
    if does_fire == must_fire:
        return None
    if does_fire:
        return f"must not fire '{rule.title}' ({rule.place}), but does: narrow the rule, or move the event"
    others = ", ".join(f"'{match.title}'" for match in matches) or "no rule at all"
    return f"must fire '{rule.title}' ({rule.place}), but fires {others}: widen the rule, or correct the event"


def _misplaced(document: Document) -> Iterator[RuleError]:
    content = document.content
    if not isinstance(content, dict):
        yield RuleError(f"{document.path}:{document.line}", "test events are a map with must_fire and must_not_fire")
        return
    for key in content:
        if key not in _EXPECTATIONS:
            place = f"{document.path}:{document.line_of(key)}"
            yield RuleError(place, f"unknown key '{key}': only must_fire and must_not_fire are read")
    for key in _EXPECTATIONS:
        if not isinstance(content.get(key), list) or not content[key]:
            yield RuleError(f"{document.path}:{document.line_of(key)}", f"has no events in a list under '{key}'")


def _test_events(document: Document) -> Iterator[tuple[Any, bool, str]]:
    """Yield (event, whether it must fire, file:line)."""
    content = document.content if isinstance(document.content, dict) else {}
    for key, must_fire in _EXPECTATIONS.items():
        events = content.get(key)
        for number, event in enumerate(events if isinstance(events, list) else []):
            yield event, must_fire, f"{document.path}:{document.line_of(key, number)}"
