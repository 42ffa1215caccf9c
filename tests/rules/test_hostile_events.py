"""What attackers write into events costs bounded memory, and never keeps rules from being matched."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from tests.rules.writing import matcher_of, rule_text
from tocsin.event import Event
from tocsin.rules.match import Matcher, Memory
from tocsin.schema.normalise import normalise

NOW = 1_790_000_000_000_000
PROCESSES = {"product": "windows", "category": "process_creation"}


def event_of(command_line: object, **others: object) -> Event:
    record = {
        "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Hostname": "ws1", "SourceName": "Sysmon",
        "EventTime": "2026-01-12 06:00:00", "CommandLine": command_line, **others,
    }  # fmt: skip
    return normalise(orjson.dumps(record), NOW)


def small_matcher(*selections: str) -> Matcher:
    rules = matcher_of(*[rule_text(one, title=one, logsource=PROCESSES) for one in selections]).rules
    return Matcher(rules, Memory(value_characters=100_000, sets=500, signatures=500, shapes=50))


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """Fail if more than that is still held at the end than at the start."""
    tracemalloc.start()
    yield
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < megabytes << 20


WORDS = [f"CommandLine|contains: word{number}" for number in range(20)]


def test_values_that_never_repeat_are_not_hoarded() -> None:
    matcher = small_matcher(*WORDS)
    with at_most(4):
        for number in range(5_000):
            found = matcher.match(event_of(f"word{number % 20} {number} {'x' * 200}", User=f"user{number}"))
            expected = {word for word in WORDS if word.partition(": ")[2] in f"word{number % 20}"}
            assert {rule.title for rule in found} == expected


def test_kinds_of_events_that_never_repeat_are_not_hoarded() -> None:
    matcher = small_matcher("CommandLine|contains: evil")
    everywhere = Matcher(
        matcher_of(rule_text("CommandLine|contains: evil", logsource={"product": "windows"})).rules,
        Memory(value_characters=100_000, sets=500, signatures=500, shapes=50),
    )
    normalise(b'{"a":1}', NOW)
    with at_most(20):
        for number in range(3_000):
            event = event_of("an evil one", Channel=f"channel {number}", EventID=str(number), **{f"key{number}": 1})
            assert (len(everywhere.match(event)), matcher.match(event)) == (1, ())


@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_a_command_line_of_ten_megabytes_is_searched_to_its_end(place: str) -> None:
    filling = "A" * 5_000_000
    line = {"start": f"evil{filling * 2}", "middle": f"{filling}EVIL{filling}", "end": f"{filling * 2}evil"}[place]
    matcher = small_matcher("CommandLine|contains: evil", "CommandLine|endswith: evil", "CommandLine|re: ^evil", *WORDS)
    titles = [rule.title for rule in matcher.match(event_of(line))]
    assert ("CommandLine|contains: evil" in titles) is True
    assert ("CommandLine|endswith: evil" in titles) is (place == "end")
    assert ("CommandLine|re: ^evil" in titles) is (place == "start")


def test_an_event_of_a_million_fields_is_matched() -> None:
    matcher = small_matcher("CommandLine|contains: evil", "AField|contains: 'x99'")
    fields = {f"field{number}": number for number in range(1_000_000)}
    event = event_of("evil", **fields, **{"A Field": "ax99"})
    assert len(matcher.match(event)) == 2


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", r"(?=(a+))a*b\1$"])
def test_a_catastrophic_regular_expression_is_stopped_and_holds_up_no_other_rule(pattern: str) -> None:
    matcher = small_matcher(f"CommandLine|re: '{pattern}'", "CommandLine|contains: evil")
    found = matcher.match(event_of("a" * 50_000 + "! evil"))
    assert [rule.title for rule in found] == ["CommandLine|contains: evil"]


@pytest.mark.parametrize("odd", ["\u202e", "\0", "\x1b[31m", "\U0001f600", "\u0130"])
def test_odd_characters_hide_nothing(odd: str) -> None:
    matcher = small_matcher("CommandLine|contains: evil", f"CommandLine|contains: {orjson.dumps(odd).decode()}")
    assert len(matcher.match(event_of(f"{odd}evil{odd}"))) == 2


LONG = "-a/b" * 5_000  # Hyperscan refuses an expression of that length


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (f"CommandLine|contains: '{LONG}'", LONG),
        (f"CommandLine|contains: 'x{'*a' * 3_000}'", "x" + "a" * 3_000),
        (f"CommandLine|re: '{'(b|c|[d-f]+.?)' * 200}'", "b" * 300),
        (f"CommandLine|re: '(?:x|y){{1,3}}{'[ab]c?' * 300}'", "x" + "ac" * 300),
    ],
)  # fmt: skip
def test_rules_with_very_long_texts_and_expressions_are_matched(selection: str, found: str) -> None:
    others = [f"CommandLine|contains: other{number}" for number in range(20)]
    long = rule_text(selection, title="Long", logsource=PROCESSES)
    matcher = matcher_of(long, *(rule_text(one, title=one, logsource=PROCESSES) for one in others))
    assert [rule.title for rule in matcher.match(event_of(f"before {found} after"))] == ["Long"]
    assert [rule.title for rule in matcher.match(event_of("other7 before"))] == [others[7]]


def test_a_very_long_keyword_is_found() -> None:
    (rule,) = matcher_of(rule_text({"keywords": [LONG], "condition": "keywords"}, logsource=PROCESSES)).rules
    matcher = Matcher([rule])
    assert matcher.match(event_of(f"before {LONG} after")) == (rule,)
    assert matcher.match(event_of(f"before {LONG[:-1]}c after")) == ()
