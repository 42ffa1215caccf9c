"""Measure normalising on real events: µs of CPU an event, beside `orjson.loads` of the same bytes in the same run.

    python benchmarks/normalise.py FOLDER [--events N] [--runs N]

FOLDER holds `.jsonl.gz` files, in any depth; each folder right under it is a corpus of its own.
"""

import argparse
import gc
import gzip
import os
import platform
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import process_time

import orjson

from tocsin.schema.normalise import normalise

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "events"
_INGEST_US = 1_800_000_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=_SHARED)
    parser.add_argument("--events", type=int, default=50_000, help="at most so many of each corpus (default: 50,000)")
    parser.add_argument("--runs", type=int, default=5, help="the median of so many (default: 5)")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        sys.exit(f"no folder {arguments.folder}: give FOLDER")
    print(f"machine: {_machine()}; commit: {_commit()}; median of {arguments.runs} runs, one core")
    for corpus in sorted(path for path in arguments.folder.iterdir() if path.is_dir()):
        lines = list(islice(_lines(corpus), arguments.events))
        if lines:
            _measure(corpus.name, lines, arguments.runs)


def _lines(corpus: Path) -> Iterator[bytes]:
    for path in sorted(corpus.rglob("*.jsonl.gz")):
        with gzip.open(path) as file:
            for line in file:
                yield line.rstrip(b"\r\n")


def _measure(name: str, lines: list[bytes], runs: int) -> None:
    formats = Counter(normalise(line, _INGEST_US).shape.format for line in lines)
    parse_us, normalise_us = [], []
    for _ in range(runs):
        parse_us.append(_microseconds(orjson.loads, lines))
        normalise_us.append(_microseconds(lambda line: normalise(line, _INGEST_US), lines))
    parsed, normalised = statistics.median(parse_us), statistics.median(normalise_us)
    size = sum(map(len, lines)) / len(lines)
    print(
        f"{name}: {len(lines)} events of {size:.0f} bytes {dict(formats)}: orjson.loads {parsed:.2f} µs, "
        f"normalise {normalised:.2f} µs an event: +{normalised - parsed:.2f} µs, ratio {normalised / parsed:.2f}"
    )


def _microseconds(work: Callable[[bytes], object], lines: list[bytes]) -> float:
    gc.collect()
    started = process_time()
    for line in lines:
        work(line)
    return (process_time() - started) / len(lines) * 1e6


def _machine() -> str:
    cpu = next(
        (line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")), platform.processor()
    )
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, orjson {orjson.__version__}"


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def _commit() -> str:
    found = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
