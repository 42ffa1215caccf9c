"""The engine says what a plain matcher says: of SigmaHQ's rules and of made-up ones, on made and on real events.

`TOCSIN_ORACLE_EVERY=1` asks about every rule of SigmaHQ (default: every 20th), which takes about twenty times as long.
"""

import gzip
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.oracle.cases import Case, cases_of, differences, plain_rule
from tests.oracle.mutants import mutant
from tests.oracle.plain import PlainRule, UnsupportedRule
from tests.rules.writing import ATTACK, event_of, loaded, rule_text
from tocsin.event import Event, Logsource
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher, Memory
from tocsin.rules.preparation import Preparation, Variables
from tocsin.rules.rule import Rule
from tocsin.schema.normalise import normalise

EVERY = int(os.environ.get("TOCSIN_ORACLE_EVERY", "20"))
EVENTS_OF_EACH_KIND = 1 if EVERY > 1 else 200  # and recording
HYPOTHESIS_EXAMPLES = 300 if EVERY > 1 else 20_000
MUTANT_ROUNDS = 2 if EVERY > 1 else 20
INGEST_US = 1_790_000_000_000_000
SMALLEST_MEMORIES = [Memory(0, 0, 0, 0), Memory(200, 5, 3, 2), Memory(5_000, 40, 20, 4)]


@pytest.fixture(scope="module")
def variables(sigmahq: Path) -> Variables:
    """Two values for every placeholder that a rule asks for."""
    lines = [line for file in sigmahq.glob("rules*/**/*.yml") for line in file.read_text("utf-8").splitlines()]
    names = {name for line in lines for name in re.findall(r"%([\w-]+)%", line)}
    return {name: (f"value of {name}", f"{name}*2") for name in names}


@pytest.fixture(scope="module")
def rules(sigmahq: Path, variables: Variables) -> list[Rule]:
    found, errors = load_rules(sorted(sigmahq.glob("rules*")), ATTACK, preparation=Preparation(variables))
    assert (len(found), errors) == (3780, [])
    return found


@pytest.fixture(scope="module")
def cases(rules: list[Rule], variables: Variables) -> dict[str, list[Case]]:
    """Decisive events and near misses for some of the rules, by rule id."""
    return {rule.id: list(cases_of(rule, variables)) for rule in rules[::EVERY]}


@pytest.mark.slow
@pytest.mark.minutes(4)
def test_every_atom_decides_as_in_the_oracle_and_every_rule_fires_on_an_event_made_from_its_own_condition(
    rules: list[Rule], cases: dict[str, list[Case]]
) -> None:
    matcher = Matcher(rules)
    assert [d for of_rule in cases.values() for d in differences(matcher, of_rule)] == []
    assert [rule for rule, of_rule in cases.items() if not any(case.is_match for case in of_rule)] == []
    assert sum(map(len, cases.values())) > 100 * len(cases)


@pytest.mark.slow
@pytest.mark.parametrize("memory", SMALLEST_MEMORIES, ids=str)
def test_the_smallest_memories_change_nothing(rules: list[Rule], cases: dict[str, list[Case]], memory: Memory) -> None:
    matcher = Matcher([rule for rule in rules if rule.id in cases], memory)
    mixed = [case for of_rule in cases.values() for case in of_rule[:: max(1, len(of_rule) // 10)]]
    Random(1).shuffle(mixed)
    assert list(differences(matcher, mixed)) == []


@pytest.mark.slow
def test_of_rules_with_one_atom_dropped_or_shifted_nearly_all_are_caught(
    rules: list[Rule], cases: dict[str, list[Case]]
) -> None:
    """Those that are not caught are equivalent, or of rules with more atoms than are asked about."""
    missed, count = [], 0
    for seed in range(MUTANT_ROUNDS):
        random = Random(seed)
        mutants = {rule.id: (rule, *mutant(rule, random)) for rule in rules if rule.id in cases}
        matcher = Matcher(changed for _, changed, _, _ in mutants.values())
        count += len(mutants)
        for rule, _, atom, change in mutants.values():
            if not any(differences(matcher, cases[rule.id])):
                missed.append(f"{rule.path}: {atom} {change}")
    for line in missed:
        print(line)
    print(f"{count:,} mutants, {len(missed):,} not caught")
    assert len(missed) <= count / 100


@pytest.mark.slow
def test_real_events_of_every_kind_match_the_rules_that_the_oracle_finds(
    shared_data: Path, rules: list[Rule], variables: Variables
) -> None:
    matcher, oracle = Matcher(rules), Oracle(rules, variables)
    small = Matcher(rules, SMALLEST_MEMORIES[-1])
    count = matches = 0
    for event in stratified(shared_data, EVENTS_OF_EACH_KIND):
        expected = oracle.matching(event)
        assert {rule.id for rule in matcher.match(event)} == expected, event.json[:2000]
        assert {rule.id for rule in small.match(event)} == expected, event.json[:2000]
        count, matches = count + 1, matches + len(expected)
    print(f"{count:,} events, {matches:,} matches")
    assert (count > 1000, matches > 100) == (True, True)


class Oracle:
    """The plain matchers of many rules, those for a log source at hand together."""

    def __init__(self, rules: list[Rule], variables: Variables) -> None:
        self._rules = [(rule, plain_rule(rule, variables)) for rule in rules]
        self._by_logsource: dict[Logsource, list[tuple[Rule, PlainRule]]] = {}

    def matching(self, event: Event) -> set[str]:
        logsource = event.shape.logsource
        if logsource not in self._by_logsource:
            self._by_logsource[logsource] = [one for one in self._rules if one[0].logsource.fits(logsource)]
        layers = (event.overlay, event.fields)
        return {
            rule.id
            for rule, plain in self._by_logsource[logsource]
            if plain.matches(layers if rule.logsource.category else layers[1:])
        }


def stratified(shared_data: Path, at_most: int) -> Iterator[Event]:
    """Yield the first events of each channel and event id of each recording, `at_most` of each."""
    manifest = json.loads((shared_data / "events" / "manifest.json").read_text())
    for entry in manifest["entries"]:
        seen: dict[tuple[str, str], int] = defaultdict(int)
        with gzip.open(shared_data / "events" / entry["file"]) as lines:
            for line in lines:
                event = normalise(line.rstrip(b"\r\n"), INGEST_US)
                seen[event.shape.channel, event.shape.code] += 1
                if seen[event.shape.channel, event.shape.code] <= at_most:
                    yield event


FIELDS = ["A", "B", "Threat Name", "a.b", "EventID"]
CHARACTERS = st.sampled_from([*"aAkKsS.*?\\ -/%\n\0", "\u212a", "\u017f", "\u0130", "\u00df", "\u1e9e", "\u03c2"])
TEXTS = st.text(CHARACTERS, max_size=5)
NUMBERS = st.sampled_from([0, 1, 1.0, -2, 2.5, 2**60 + 1, True, False])
VALUES = st.one_of(TEXTS, NUMBERS, st.none())
TEXT_MODIFIERS = ["", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|windash", "|contains|all"]
REGEXES = ["a", "^a$", "^a.k$", "a(?=k)", "(a)\\1", "[^a]+k", "a{2}", "k|^$", "\\bs", "a.", "(?i)K"]


def selections() -> st.SearchStrategy[dict[str, Any]]:
    """Make maps of one to three lines: a field, modifiers, and values that they may have."""
    field = st.sampled_from([*FIELDS, "b", "threatname", "THREAT NAME"])

    def line(modifiers: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
        return st.tuples(field.map(lambda name: name + modifiers), values)

    texts = [line(one, st.one_of(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))) for one in TEXT_MODIFIERS]
    others = [
        line("", st.one_of(VALUES, st.lists(VALUES, min_size=1, max_size=3))),
        line("|re", st.sampled_from(REGEXES)),
        line("|re|i", st.sampled_from(REGEXES)),
        line("|exists", st.booleans()),
        line("|lt", st.integers(-3, 3)),
        line("|gte", st.integers(-3, 3)),
        line("|neq", TEXTS),
        line("|fieldref", st.sampled_from(FIELDS)),
        line("|fieldref|endswith", st.sampled_from(FIELDS)),
        line("|cidr", st.sampled_from(["10.0.0.0/8", "fe80::/10"])),
    ]
    return st.lists(st.one_of(*texts, *others), min_size=1, max_size=3).map(dict)


CONDITIONS = ["s", "not s", "s and t", "s or not t", "1 of them", "all of s*", "not (s or t)", "s and not 1 of t*"]
DETECTIONS = st.fixed_dictionaries(
    {
        "s": st.one_of(
            selections(), st.lists(selections(), min_size=1, max_size=2), st.lists(TEXTS, min_size=1, max_size=2)
        ),
        "t": selections(),
        "condition": st.sampled_from(CONDITIONS),
    }
)
LEAVES = st.one_of(VALUES, st.lists(VALUES, max_size=3), st.sampled_from(["10.1.2.3", "fe80::1", "-a", "aa", "a\nk"]))
EVENTS = st.dictionaries(
    st.sampled_from([*FIELDS, "THREATNAME", "c"]),
    st.one_of(LEAVES, st.dictionaries(st.sampled_from("bc"), LEAVES)),
    max_size=4,
)


@settings(
    max_examples=int(os.environ.get("HYP", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(st.lists(DETECTIONS, min_size=1, max_size=4), st.lists(EVENTS, min_size=1, max_size=6), st.data())
def test_made_up_rules_match_made_up_events_as_in_the_oracle(
    detections: list[dict[str, Any]], events: list[dict[str, Any]], data: st.DataObject
) -> None:
    texts = [rule_text(detection, title=str(number)) for number, detection in enumerate(detections)]
    rules, errors = loaded(*texts)
    plain: dict[str, PlainRule] = {}
    for rule in rules:
        try:
            plain[rule.title] = PlainRule(yaml.safe_load(texts[int(rule.title)]))
        except UnsupportedRule:
            assume(False)
    memory = data.draw(st.sampled_from([None, *SMALLEST_MEMORIES]))
    matcher = Matcher(rules, memory)
    for fields in [*events, *events]:
        found = {rule.title for rule in matcher.match(event_of(fields))}
        assert found == {title for title, one in plain.items() if one.matches([fields])}, fields
    assert len(rules) + len({error.place for error in errors}) == len(texts)
