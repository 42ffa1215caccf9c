"""Measure the simulator: events a second on one core, stamped records and all, beside what it made.

    python benchmarks/simulator.py [--events N] [--runs N] [--hosts N]

Speed is of a steady state: the first fifth of each run, while templates and names are made, is left out.
"""

import argparse
import os
import platform
import statistics
import subprocess
from collections import Counter
from pathlib import Path
from time import process_time

from tocsin.event import Record
from tocsin.sources.simulator import FORMATS, SimulatorSettings, SimulatorSource


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="of a run (default: 100,000)")
    parser.add_argument("--runs", type=int, default=5, help="the median of so many (default: 5)")
    parser.add_argument("--hosts", type=int, default=SimulatorSettings.hosts)
    arguments = parser.parse_args()
    print(f"machine: {_machine()}; Python {platform.python_version()}; commit {_commit()}")
    for format_name in FORMATS:
        settings = SimulatorSettings(count=arguments.events, hosts=arguments.hosts, format=format_name)
        speeds = [_events_per_second(settings) for _ in range(arguments.runs)]
        median = statistics.median(speeds)
        spread = f"{min(speeds):,.0f} to {max(speeds):,.0f}"
        print(f"{settings}")
        print(f"  {_made(settings)}")
        print(f"  {median:,.0f} events/s ({1e6 / median:.1f} µs an event; {spread}), median of {arguments.runs} runs")


def _events_per_second(settings: SimulatorSettings) -> float:
    """CPU time of one core, so that what else runs on the machine counts less."""
    source = SimulatorSource(settings, {})
    warm_up = (settings.count or 0) // 5
    events, started, begun_at = 0, process_time(), 0
    while (batch := source.read()) is not None:
        events += len(batch.records)
        if not begun_at and events >= warm_up:
            started, begun_at = process_time(), events
    return (events - begun_at) / (process_time() - started)


def _made(settings: SimulatorSettings) -> str:
    source = SimulatorSource(settings, {})
    values: set[bytes] = set()
    hosts: Counter[bytes] = Counter()
    size = labels = 0
    while (batch := source.read()) is not None:
        records: list[Record] = list(batch.records)
        values.update(record.value for record in records)
        hosts.update(record.key for record in records)
        size += sum(len(record.value) for record in records)
        labels += sum(map(len, batch.aside.values()))
    events = hosts.total()
    return (
        f"{events:,} events, {len(values):,} distinct, {len(hosts)} hosts, {labels} labels, "
        f"{size / events:,.0f} bytes an event"
    )


def _machine() -> str:
    models = [line.split(":", 1)[1].strip() for line in _cpu_lines() if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _commit() -> str:
    try:
        answer = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


if __name__ == "__main__":
    main()
