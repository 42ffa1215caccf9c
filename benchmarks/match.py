"""Measure the rule engine: JSON bytes in, verdict out, beside `orjson.loads` of the same bytes in the same run.

    python benchmarks/match.py [--events FOLDER] [--rules FOLDER...] [--limit N]

Two corpora are made of the Windows events in FOLDER (`manifest.json` there names its files): the natural mix, and at
most 300 events of each kind (channel and event id). The first half of a corpus is read by an engine that has seen
nothing, the second half by the same engine; then all of it with the memory of values off. One core, CPU time.
"""

import argparse
import gc
import gzip
import json
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time

import orjson

from tocsin.rules.attack import Attack
from tocsin.rules.load import load_rules
from tocsin.rules.match import Matcher, Memory
from tocsin.rules.rule import Rule
from tocsin.schema.normalise import normalise

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_INGEST_US = 1_900_000_000_000_000
_OF_EACH_KIND = 300


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--limit", type=int, default=120_000, help="at most so many events of the natural mix")
    arguments = parsed_by(parser)
    rules = windows_rules(arguments.rules)
    print(f"machine: {machine()}; commit: {commit()}; one core, CPU time; {len(rules)} rules")
    lines = events_of(arguments.events)
    kinds = [_kind_of(line) for line in lines]
    step = max(1, len(lines) // arguments.limit)
    _measure(f"natural mix (every {step}. event)" if step > 1 else "natural mix", lines[::step], rules)
    _measure(f"at most {_OF_EACH_KIND} of each kind", _stratified(lines, kinds), rules)
    starts = [line for line, kind in zip(lines, kinds, strict=True) if kind[1:] in _PROCESS_STARTS]
    _measure("process starts (Sysmon 1, 4688)", starts, rules)
    print(f"memory: {getrusage(RUSAGE_SELF).ru_maxrss // 1024} MB, the events among it")


_PROCESS_STARTS = (("sysmon", "1"), ("security", "4688"))


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of what all benchmarks with real events are told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, default=_SHARED / "events", help="folder with manifest.json")
    parser.add_argument("--rules", type=Path, nargs="+", default=[], help="Sigma rules (default: the built-in pack)")
    return parser


def parsed_by(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the arguments; end with a hint where there are no events."""
    arguments = parser.parse_args()
    if not (arguments.events / "manifest.json").is_file():
        sys.exit(f"no manifest.json in {arguments.events}: give --events FOLDER")
    return arguments


def windows_rules(folders: Sequence[Path]) -> list[Rule]:
    if not folders:
        folders = [Path(__file__).resolve().parents[1] / "src" / "tocsin" / "content" / "rules"]
    started = perf_counter()
    rules, errors = load_rules(folders, Attack.load())
    windows = [rule for rule in rules if rule.logsource.product in ("", "windows")]
    print(
        f"rules: {len(windows)} for Windows of {len(rules)} in {', '.join(map(str, folders))}, {len(errors)} left out;"
    )
    print(f"  loaded in {perf_counter() - started:.1f} s")
    return windows


def events_of(folder: Path) -> list[bytes]:
    lines: list[bytes] = []
    files = 0
    for entry in json.loads((folder / "manifest.json").read_text())["entries"]:
        if entry["platform"] == "windows" and entry["format"] in ("flat-json", "evtx-json"):
            lines += [line for line in gzip.decompress((folder / entry["file"]).read_bytes()).split(b"\n") if line]
            files += 1
    print(f"corpus: {len(lines)} events of {files} files, flat-json and evtx-json, in the order of manifest.json")
    return lines


Kind = tuple[str, str, str]  # channel, service, event id


def _kind_of(line: bytes) -> Kind:
    shape = normalise(line, _INGEST_US).shape
    return shape.channel, shape.logsource.service, shape.code


def _stratified(lines: Iterable[bytes], kinds: Iterable[Kind]) -> list[bytes]:
    counts: Counter[Kind] = Counter()
    kept = []
    for line, kind in zip(lines, kinds, strict=True):
        counts[kind] += 1
        if counts[kind] <= _OF_EACH_KIND:
            kept.append(line)
    return kept


def _measure(name: str, lines: Sequence[bytes], rules: Sequence[Rule]) -> None:
    size = sum(map(len, lines)) / max(1, len(lines))
    print(f"\n{name}: {len(lines)} events of {size:.0f} bytes")
    half = len(lines) // 2
    started = perf_counter()
    matcher = Matcher(rules)
    print(f"  engine made in {perf_counter() - started:.1f} s")
    gc.collect()
    gc.freeze()
    _pass("first half, nothing known", lines[:half], matcher)
    _pass("second half", lines[half:], matcher)
    _pass("second half again", lines[half:], matcher)
    without = Matcher(rules, Memory(value_characters=0))
    _pass("first half, no memory of values", lines[:half], without)
    gc.unfreeze()


def _pass(name: str, lines: Sequence[bytes], matcher: Matcher) -> None:
    """Measure in turns of a few hundred lines, for the machine has moods that last for seconds."""
    before = (matcher.counts.signatures, matcher.counts.evaluated)
    matches = 0

    def judge(line: bytes) -> None:
        nonlocal matches
        matches += len(matcher.match(normalise(line, _INGEST_US)))

    parsed = normalised = judged = 0.0
    for first in range(0, len(lines), _TURN):
        turn = lines[first : first + _TURN]
        parsed += _seconds(orjson.loads, turn)
        judged += _seconds(judge, turn)
        normalised += _seconds(lambda line: normalise(line, _INGEST_US), turn)
        parsed += _seconds(orjson.loads, turn)
    parsed, normalised, judged = (1e6 * seconds / len(lines) for seconds in (parsed / 2, normalised, judged))
    new = (matcher.counts.signatures - before[0]) / len(lines)
    evaluated = (matcher.counts.evaluated - before[1]) / len(lines)
    print(
        f"  {name:32} {judged / parsed:5.2f} x orjson.loads ({parsed:.2f} µs): {judged:.2f} µs an event"
        f" = {1e6 / judged:,.0f}/s (parse {parsed:.2f}, normalise {normalised - parsed:.2f},"
        f" match {judged - normalised:.2f}); {matches} matches; new signatures {new:.2%},"
        f" rules evaluated {evaluated:.2f} an event"
    )


_TURN = 250  # lines


def _seconds(work: Callable[[bytes], object], lines: Sequence[bytes]) -> float:
    started = process_time()
    for line in lines:
        work(line)
    return process_time() - started


def machine() -> str:
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.is_file() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, orjson {orjson.__version__}"


def commit() -> str:
    found = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
