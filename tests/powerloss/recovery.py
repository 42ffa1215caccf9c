"""What must be there after a loss of power, and whether the rest recovers."""

import csv
import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tocsin.bus.embedded import EmbeddedBus
from tocsin.pipeline.store import list_commits
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.reader import open_store
from tocsin.sinks.writer import StoreSettings, StoreWriter
from tocsin.timestamps import clock_us

_WRITER = "w0"


def lost(data: Path, acknowledged: Sequence[bytes]) -> list[str]:
    """Return what was acknowledged and is not there, as sentences; recovers what can be recovered."""
    said = [json.loads(line) for line in acknowledged]
    if not said:
        return []
    if not (data / "bus" / "bus.sqlite").exists():
        return ["there is no bus"]
    with closing(EmbeddedBus(data / "bus")) as bus:
        return [*_lost_of_bus(bus, said), *_lost_of_store(bus, data / "store", said)]


def _lost_of_bus(bus: EmbeddedBus, said: Sequence[dict[str, Any]]) -> list[str]:
    problems = []
    for topic, count in said[-1]["records"].items():
        try:
            ends = bus.ends(topic)
        except Exception as error:
            problems.append(f"{topic}: {error}")
            continue
        there = sum(end for _, end in ends.values())
        readable = sum(
            len(bus.read_from(topic, partition, first, end - first or 1)) for partition, (first, end) in ends.items()
        )
        if there < count or readable < there - sum(first for first, _ in ends.values()):
            problems.append(f"{topic}: {count} records were acknowledged, {there} are there, {readable} can be read")
    for each in said:
        committed = bus.committed(each["group"]) if each["offsets"] else {}
        problems += [
            f"{each['group']}: offset {following} of {topic}/{partition} was acknowledged"
            for topic, partition, following in each["offsets"]
            if committed.get((topic, partition), -1) < following
        ]
    return problems


def _lost_of_store(bus: EmbeddedBus, folder: Path, said: Sequence[dict[str, Any]]) -> list[str]:
    commits = [commit for each in said for commit in each["commits"]]
    if not commits:
        return []
    with closing(Manifest(folder)) as manifest:
        list_commits(bus, manifest)
        StoreWriter(folder, _WRITER, clock_us, manifest.last_commit(_WRITER), StoreSettings()).close()
    stored = sum(segment["rows"] for commit in commits for segment in commit["segments"] if segment["kind"] == "events")
    with closing(open_store(folder)) as store:
        rows = store.execute('SELECT count(*), count(DISTINCT (topic, partition, "offset")) FROM events').fetchall()
        ids = store.execute("SELECT event_id FROM events").fetchall()
    problems = [f"{stored} rows were acknowledged, {rows[0][0]} are there"] if rows[0][0] < stored else []
    if rows[0][0] != rows[0][1]:
        problems.append("a row is there twice")
    lines = [line["event_id"] for path in sorted((folder / "csv").glob("*.csv")) for line in _lines(path)]
    if sorted(lines) != sorted(event_id for (event_id,) in ids):
        problems.append(f"{len(lines)} lines of CSV, {len(ids)} rows")
    return problems


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
