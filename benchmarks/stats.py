"""Measure `tocsin stats` on a large store: wall time of the whole command, start included.

    python benchmarks/stats.py [--events N] [--runs N] [--folder DIR]

The store is filled by `tocsin run` with 100,000 simulated events; then each of its files is listed again and again
under other names (hard links) until there are N rows, and all are merged as `tocsin maintain` does. So hosts, users and
alerts repeat, sizes and row groups are those of any store. Baseline of the same minute: `tocsin query`, one count by
level, which scans one column.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from match import commit, machine

from tocsin.sinks.compact import Maintenance, MaintenanceSettings
from tocsin.sinks.layout import EVENTS, merged_path
from tocsin.sinks.manifest import Manifest, Segment, add_segments

_SIMULATED = 100_000
_BASELINE = "SELECT level, count(*) FROM events GROUP BY 1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000, help="rows of the store (default: 10 million)")
    parser.add_argument("--runs", type=int, default=5, help="the median of so many (default: 5)")
    parser.add_argument("--folder", type=Path, help="where the store is made (default: a temporary folder)")
    arguments = parser.parse_args()
    print(f"machine: {machine()}; commit: {commit()}")
    if arguments.folder:
        Path(arguments.folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        data = Path(folder) / "data"
        _tocsin("run", "--data", data, "--count", _SIMULATED)
        files, rows, size = _grown(data / "store", arguments.events)
        print(f"store: {rows:,} events in {files} files, {size / 1e6:,.0f} MB of Parquet")
        baseline = _median_seconds(arguments.runs, "query", "--data", data, _BASELINE)
        print(f"  {baseline:5.2f} s  tocsin query, a count by level (baseline)")
        for name, options in _WAYS.items():
            seconds = _median_seconds(arguments.runs, "stats", "--data", data, *options)
            print(f"  {seconds:5.2f} s  tocsin stats{name}: {seconds / baseline:.1f} x; median of {arguments.runs}")


_WAYS: dict[str, Sequence[str]] = {
    " --json": ["--json"],
    " --json of one host": ["--json", "--host", "srv-0001.harbor.example"],
    ", tables and picture": [],
    " --latency --json": ["--latency", "--json"],
}


def _grown(store: Path, events: int) -> tuple[int, int, int]:
    """List the events again until there are so many; return files, rows and bytes after merging."""
    manifest = Manifest(store)
    originals = [segment for segment in manifest.segments() if segment.kind == EVENTS]
    rows, copies, number = sum(segment.rows for segment in originals), list[Segment](), 0
    while rows < events:
        segment = originals[number % len(originals)]
        path = merged_path(segment.kind, segment.date, f"copy{number:06d}")
        os.link(store / segment.path, store / path)
        copies.append(replace(segment, path=path))
        rows += segment.rows
        number += 1
    with manifest.edit() as connection:
        add_segments(connection, copies)
    maintenance = Maintenance(store, MaintenanceSettings(merge_files=2))
    maintenance.run_once(time.time_ns() // 1000)
    maintenance.close()
    merged = [segment for segment in manifest.segments() if segment.kind == EVENTS]
    manifest.close()
    return len(merged), sum(segment.rows for segment in merged), sum(segment.bytes for segment in merged)


def _median_seconds(runs: int, *arguments: object) -> float:
    _tocsin(*arguments)  # what the system keeps of files in memory is there after the first
    return statistics.median(_tocsin(*arguments) for _ in range(runs))


def _tocsin(*arguments: object) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-m", "tocsin", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
