"""Measure what ten times the rules cost: time per event, beside the same rules once, in the same run.

    python benchmarks/growth.py [--events FOLDER] [--rules FOLDER...] [--limit N] [--times 10]

Every copy of a rule has patterns of its own: a letter more in each literal, a letter after each expression; what says
of which kind an event is stays. Both engines read the first half of the events, then the second half is measured in
turns of a few hundred events. One core, CPU time.
"""

import gc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter, process_time

import msgspec
from match import commit, events_of, machine, parsed_by, parser_of, windows_rules

from tocsin.rules.atom import Atom, KeywordAtom, KeywordRegexAtom, RegexAtom, TextAtom
from tocsin.rules.match import Matcher
from tocsin.rules.rule import Rule
from tocsin.rules.text import plain_name
from tocsin.rules.tree import Leaf, Not, Tree
from tocsin.schema.normalise import normalise

_INGEST_US = 1_900_000_000_000_000
_ROUTING_FIELDS = ("eventid", "channel", "provider_name")
_TURN = 250  # events


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--limit", type=int, default=40_000, help="at most so many events")
    parser.add_argument("--times", type=int, default=10, help="how many times the rules")
    arguments = parsed_by(parser)
    rules = windows_rules(arguments.rules)
    lines = events_of(arguments.events)
    lines = lines[:: max(1, len(lines) // arguments.limit)]
    print(f"machine: {machine()}; commit: {commit()}; one core, CPU time; {len(lines)} events")
    engines = [_engine(rules), _engine([one for number in range(arguments.times) for one in _copies(rules, number)])]
    gc.collect()
    gc.freeze()
    half = len(lines) // 2
    for name, part in (("first half, nothing known", lines[:half]), ("second half", lines[half:])):
        once, many = _measure(engines, part)
        print(f"{name}: {once:.2f} µs an event, with {arguments.times} times the rules {many:.2f}: {many / once:.2f} x")


def _engine(rules: Sequence[Rule]) -> Matcher:
    started = perf_counter()
    matcher = Matcher(rules)
    print(f"{len(rules):,} rules: engine made in {perf_counter() - started:.1f} s")
    return matcher


def _measure(engines: Sequence[Matcher], lines: Sequence[bytes]) -> list[float]:
    """Return µs an event of each engine, decoding and normalising among it."""
    seconds = [0.0] * len(engines)
    for first in range(0, len(lines), _TURN):
        turn = lines[first : first + _TURN]
        for number, engine in enumerate(engines):
            started = process_time()
            for line in turn:
                engine.match(normalise(line, _INGEST_US))
            seconds[number] += process_time() - started
    return [1e6 * spent / len(lines) for spent in seconds]


def _copies(rules: Sequence[Rule], number: int) -> Iterator[Rule]:
    for rule in rules:
        if number:
            condition = _changed(rule.condition, chr(ord("a") + number))
            rule = replace(rule, id=f"{rule.id}-{number}", digest=f"{rule.digest}{number}", condition=condition)
        yield rule


def _changed(tree: Tree, letter: str) -> Tree:
    if isinstance(tree, Leaf):
        return Leaf(_changed_atom(tree.atom, letter))
    if isinstance(tree, Not):
        return Not(_changed(tree.of, letter))
    return type(tree)(tuple(_changed(part, letter) for part in tree.of))


def _changed_atom(atom: Atom, letter: str) -> Atom:
    if isinstance(atom, (RegexAtom, KeywordRegexAtom)):
        return msgspec.structs.replace(atom, pattern=f"(?:{atom.pattern}){letter}")
    if not isinstance(atom, (TextAtom, KeywordAtom)) or not atom.pattern.literal:
        return atom
    if isinstance(atom, TextAtom) and plain_name(atom.field) in _ROUTING_FIELDS:
        return atom
    pattern = atom.pattern
    parts = tuple(_longer(part, letter) if type(part) is str else part for part in pattern.parts)
    changed = msgspec.structs.replace(pattern, literal=_longer(pattern.literal, letter), parts=parts)
    return msgspec.structs.replace(atom, pattern=changed)


def _longer(literal: str, letter: str) -> str:
    middle = len(literal) // 2
    return f"{literal[:middle]}{letter}{literal[middle:]}"


if __name__ == "__main__":
    main()
