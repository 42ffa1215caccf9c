"""Our engine and three others on 555,886 real Windows events: every difference has exactly one known reason."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.oracle.plain import PlainRule
from tests.rules.differences import REASONS, Difference, Known, fields_of, hidden_names, reasons_for
from tests.rules.expected import (
    PEERS,
    EventFile,
    Pairs,
    Place,
    by_place,
    disagreed,
    files_of,
    other_pairs_of,
    pairs_of,
    rules_run,
)
from tests.rules.writing import ATTACK
from tocsin.event import Event
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher
from tocsin.rules.rule import Rule
from tocsin.schema.normalise import normalise

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "agreement.md"

# Reason -> pairs of a rule and an event that we have and the peer has not, for each peer; then pairs that only it has.
COUNTS = {
    "Winlogbeat 6 not read": ((392, 392, 392), (0, 0, 0)),
    "Security form not run": ((0, 0, 328), (0, 0, 0)),
    "SourceName not read as provider": ((120, 120, 0), (0, 0, 0)),
    "integrity label not read": ((32, 32, 0), (0, 0, 0)),
    "Message not read as Data": ((22, 22, 22), (0, 0, 0)),
    "EventData as text not opened": ((10, 10, 10), (0, 0, 0)),
    "EventLog not read as channel": ((1, 1, 0), (0, 0, 0)),
    "blank in a name": ((0, 1, 0), (0, 0, 0)),
    "boolean as 1": ((20, 0, 0), (0, 0, 0)),
    "rule not run": ((17, 0, 0), (0, 0, 0)),
    "Hash lost when split": ((16, 0, 0), (0, 0, 0)),
    "unnamed Data list": ((14, 0, 0), (10, 0, 0)),
    "empty value dropped": ((2, 0, 0), (0, 0, 0)),
    "name spelled in two cases": ((2, 0, 0), (0, 0, 0)),
    "no channel, so any service": ((0, 0, 0), (0, 0, 4)),
}

EVENTS = 555_886
OURS = 12_092
PAIRS = {"agreed": 11_443, "zircolite": 11_454, "second": 11_514, "rsigma": 11_344}
SHARED = {"zircolite": 11_444, "second": 11_514, "rsigma": 11_340}  # pairs that a peer and we have
RULES_WITH_A_DIFFERENCE = 163

ZIRCOLITE_BATCH = 5000  # rows that Zircolite inserts at a time


@dataclass(frozen=True)
class Run:
    """What our engine matched, and the raw lines of all events that any engine matched."""

    rules: Mapping[str, Rule]
    ours: Pairs
    peers: Mapping[str, Pairs]
    raws: Mapping[Place, tuple[bytes, str]]  # line, and the format of its file
    known: Known
    events: int

    def difference(self, peer: str, rule_id: str, place: Place) -> Difference:
        return Difference(peer, self.rules[rule_id], place, (rule_id, place) in self.ours, *self.raws[place])

    def differences(self) -> Iterator[Difference]:
        for peer in PEERS:
            for rule_id, place in sorted(self.peers[peer] ^ self.ours):
                yield self.difference(peer, rule_id, place)


@pytest.fixture(scope="module")
def run(shared_data: Path, windows_matcher: Matcher) -> Run:
    peers = {peer: pairs_of(shared_data, peer) for peer in PEERS}
    theirs = by_place(frozenset().union(*peers.values()))
    ours: set[tuple[str, Place]] = set()
    raws = {}
    events = 0
    files = files_of(shared_data, "windows")
    for file in files:
        for place, raw in file.lines():
            events += 1
            matches = windows_matcher.match(normalise(raw, 0))
            ours.update((rule.id, place) for rule in matches)
            if matches or place in theirs:
                raws[place] = raw, file.format
    rules = {rule.id: rule for rule in windows_matcher.rules}
    known = Known(windows_matcher, rules_run(shared_data), _hidden(files, windows_matcher))
    return Run(rules, frozenset(ours), peers, raws, known, events)


def _hidden(files: list[EventFile], matcher: Matcher) -> dict[Place, frozenset[str]]:
    """Return the names that Zircolite loses of each event from EVTX: those files went in as one.

    It ended with an event that has every field that a rule asks for.
    """
    batches: list[tuple[list[Place], set[str]]] = []
    for place, raw in (line for file in files if file.format == "evtx-json" for line in file.lines()):
        if not batches or len(batches[-1][0]) == ZIRCOLITE_BATCH:
            batches.append(([], set()))
        places, names = batches[-1]
        places.append(place)
        names.update(fields_of(json.loads(raw)))
    batches[-1][1].update(name for rule in matcher.rules for name in rule.field_lines)
    return {place: hidden for places, names in batches for hidden in [hidden_names(names)] for place in places}


@pytest.mark.slow
@pytest.mark.minutes(3)
def test_all_that_two_engines_agree_on_is_found(run: Run, shared_data: Path) -> None:
    agreed = pairs_of(shared_data, "agreed")
    assert agreed - run.ours == set()
    assert (run.events, len(run.ours)) == (EVENTS, OURS)
    assert {"agreed": len(agreed), **{peer: len(pairs) for peer, pairs in run.peers.items()}} == PAIRS
    assert {peer: len(pairs & run.ours) for peer, pairs in run.peers.items()} == SHARED


@pytest.mark.slow
def test_of_what_those_two_disagree_on_we_find_all_but_ten_pairs_of_one_rule(run: Run, shared_data: Path) -> None:
    only = disagreed(shared_data)
    assert {peer: len(pairs) for peer, pairs in only.items()} == {"zircolite": 11, "second": 71}
    assert only["second"] <= run.ours
    assert Counter(run.rules[rule_id].title for rule_id, _ in only["zircolite"] - run.ours) == {
        "MSSQL Server Failed Logon From External Network": 10
    }


@pytest.mark.slow
def test_every_difference_has_exactly_one_reason(run: Run) -> None:
    unexplained = []
    counts = {reason.name: ([0, 0, 0], [0, 0, 0]) for reason in REASONS}
    for difference in run.differences():
        reasons = reasons_for(difference, run.known)
        if len(reasons) != 1:
            unexplained.append((difference.peer, difference.rule.id, str(difference.place), reasons))
        for reason in reasons:
            counts[reason][0 if difference.is_ours else 1][PEERS.index(difference.peer)] += 1
    assert unexplained == []
    for name in COUNTS:
        print(f"{name:34}", *(f"{count:6}" for side in counts[name] for count in side))
    assert {name: (tuple(ours), tuple(theirs)) for name, (ours, theirs) in counts.items()} == COUNTS


@pytest.mark.slow
def test_no_reason_denies_what_a_peer_did_match(run: Run) -> None:
    """Were a reason not what the peer does, it would also explain away pairs that the peer has."""
    denied = [
        (peer, rule_id, str(place), reasons)
        for peer in PEERS
        for rule_id, place in run.peers[peer] & run.ours
        if (reasons := reasons_for(run.difference(peer, rule_id, place), run.known))
    ]
    assert denied == []


@pytest.mark.slow
def test_a_plain_matcher_that_reads_the_yaml_itself_takes_our_side_in_every_difference(run: Run) -> None:
    plain: dict[str, PlainRule] = {}
    otherwise = []
    for difference in run.differences():
        rule = difference.rule
        if rule.id not in plain:
            plain[rule.id] = PlainRule(_document(rule))
        event = normalise(difference.raw, 0)
        layers = (event.overlay, event.fields) if rule.logsource.category else (event.fields,)
        matches = rule.logsource.fits(event.shape.logsource) and plain[rule.id].matches(layers)
        if matches is not difference.is_ours:
            otherwise.append((rule.id, str(difference.place)))
    assert len(plain) == RULES_WITH_A_DIFFERENCE
    assert otherwise == []


def _document(rule: Rule) -> Mapping[str, Any]:
    documents: Iterator[Mapping[str, Any]] = yaml.safe_load_all(Path(rule.path).read_text("utf-8"))
    return next(document for document in documents if document["id"] == rule.id)


@pytest.mark.slow
def test_in_cloudtrail_we_find_what_the_second_finds_and_nothing_else(shared_data: Path, sigmahq: Path) -> None:
    ours, _ = _matched(shared_data, "aws", sigmahq / "rules" / "cloud" / "aws")
    assert (len(ours), ours) == (142, other_pairs_of(shared_data, "second-aws"))


@pytest.mark.slow
def test_on_linux_zircolite_differs_where_it_does_not_look_at_the_log_source_or_does_not_parse(
    shared_data: Path, sigmahq: Path
) -> None:
    ours, events = _matched(shared_data, "linux", sigmahq / "rules" / "linux")
    theirs = other_pairs_of(shared_data, "zircolite-linux")
    rules = {rule.id: rule for rule in load_rules([sigmahq / "rules" / "linux"], ATTACK)[0]}
    assert len(ours & theirs) == 15
    for rule_id, place in theirs - ours:  # a process that ended (event 5), for rules on one that starts or connects
        assert not rules[rule_id].logsource.fits(events[place].shape.logsource)
    assert len(theirs - ours) == 4
    assert [(rules[rule_id].title, place.line) for rule_id, place in ours - theirs] == [
        ("Suspicious Java Children Processes", 8)  # one of the 17 lines that it could not parse
    ]


def _matched(data: Path, platform: str, folder: Path) -> tuple[Pairs, Mapping[Place, Event]]:
    rules, errors = load_rules([folder], ATTACK)
    assert errors == []
    matcher = Matcher(rules)
    events = {
        place: normalise(raw, 0) for file in files_of(data, platform) for place, raw in file.lines() if raw.strip()
    }
    return frozenset((rule.id, place) for place, event in events.items() for rule in matcher.match(event)), events


def test_every_reason_is_counted() -> None:
    assert sorted(COUNTS) == sorted(reason.name for reason in REASONS)


def test_the_page_states_these_counts() -> None:
    page = PAGE.read_text("utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()]
    assert {row[0]: tuple(row[1:4]) for row in rows if row[0] in COUNTS} == {
        name: tuple(_cell(*counts) for counts in zip(ours, theirs, strict=True))
        for name, (ours, theirs) in COUNTS.items()
    }
    differences = sum(count for sides in COUNTS.values() for side in sides for count in side)
    numbers = (EVENTS, OURS, differences, sum(SHARED.values()), *PAIRS.values(), *SHARED.values())
    assert [f"{number:,}" for number in numbers if f"{number:,}" not in page] == []


def _cell(ours: int, theirs: int) -> str:
    return ", ".join(text for count, text in ((ours, str(ours)), (theirs, f"-{theirs}")) if count) or "–"
