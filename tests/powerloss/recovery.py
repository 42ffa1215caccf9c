"""What must be there after a loss of power, and whether the rest recovers."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.bus.embedded import EmbeddedBus
from tocsin.event import ALERTS, CLASSIFIED_EVENTS, DEAD_LETTERS, RAW_EVENTS, STORE_COMMITS
from tocsin.pipeline.store import list_commits
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.reader import open_store
from tocsin.sinks.writer import StoreSettings, StoreWriter
from tocsin.timestamps import clock_us

_WRITER = "w0"

_Row = tuple[Any, ...]


@dataclass(frozen=True)
class Whole:
    """What a run without a loss left: at each moment of it there was a part of this, from the first on."""

    records: Mapping[str, Mapping[int, Sequence[tuple[bytes, bytes]]]]  # topic, partition -> key and value
    rows: Mapping[str, Mapping[_Row, _Row]]  # view -> topic, partition, offset -> row
    csv: Mapping[str, bytes]
    positions: Mapping[str, Sequence[str]]  # input -> how far it was read, in the order of commits

    @classmethod
    def of(cls, data: Path, acknowledged: Sequence[bytes]) -> "Whole":
        positions: dict[str, list[str]] = {}
        for said in map(json.loads, acknowledged):
            for name, position in said["positions"].items():
                positions.setdefault(name, []).append(position)
        with closing(EmbeddedBus(data / "bus")) as bus:
            return cls(_records(bus), _rows(data / "store"), _csv(data / "store"), positions)


def lost(data: Path, acknowledged: Sequence[bytes], whole: Whole) -> list[str]:
    """Return what was acknowledged and is not there, or what is there and was not so, as sentences.

    Recovers what can be recovered. Raises whatever the product does where it refuses.
    """
    said = [json.loads(line) for line in acknowledged]
    with closing(EmbeddedBus(data / "bus")) as bus:
        found = _records(bus)
        problems = [*_lost_records(found, said, whole), *_lost_positions(bus, said, whole)]
        if STORE_COMMITS not in found:
            return problems
        with closing(Manifest(data / "store")) as manifest:
            list_commits(bus, manifest)
            StoreWriter(data / "store", _WRITER, clock_us, manifest.last_commit(_WRITER), StoreSettings()).close()
        return [*problems, *_torn(bus, found), *_lost_of_store(bus, data / "store", said, whole)]


def unlisted(store: Path) -> list[str]:
    """Return the segments on the disk that no reader sees, and that nobody will delete."""
    with closing(Manifest(store)) as manifest:
        known = {segment.path for segment in manifest.segments()} | {path for path, _ in manifest.garbage()}
    there = {str(path.relative_to(store)) for path in store.glob("segments/*/*/*.parquet")}
    return [f"{path} is there, and nobody knows of it" for path in sorted(there - known)]


def _lost_records(
    found: Mapping[str, Mapping[int, Sequence[tuple[bytes, bytes]]]], said: Sequence[dict[str, Any]], whole: Whole
) -> list[str]:
    acknowledged: Counter[str] = Counter()
    for each in said:
        acknowledged.update(each["records"])
    problems = []
    for topic, count in acknowledged.items():
        there = sum(map(len, found.get(topic, {}).values()))
        if there < count:
            problems.append(f"{topic}: {count} records were acknowledged, {there} are there")
    for topic, partitions in found.items():
        for partition, records in partitions.items():
            if list(records) != list(whole.records[topic][partition][: len(records)]):
                problems.append(f"{topic}/{partition}: holds what was not written")
    return problems


def _lost_positions(bus: EmbeddedBus, said: Sequence[dict[str, Any]], whole: Whole) -> list[str]:
    problems = []
    positions = bus.positions("produce")
    for each in said:
        committed = bus.committed(each["stage"]) if each["offsets"] else {}
        problems += [
            f"{each['stage']}: offset {following} of {topic}/{partition} was acknowledged"
            for topic, partition, following in each["offsets"]
            if committed.get((topic, partition), -1) < following
        ]
        for name, position in each["positions"].items():
            known = whole.positions[name]
            if name not in positions or positions[name].hex() not in known[known.index(position) :]:
                problems.append(f"produce: a position of {name} was acknowledged")
    return problems


def _torn(bus: EmbeddedBus, found: Mapping[str, Mapping[int, Sequence[tuple[bytes, bytes]]]]) -> list[str]:
    """What a batch became, and how far was read, are there together."""
    read = sum(bus.committed("classify").values())
    made = sum(len(records) for topic in (CLASSIFIED_EVENTS, DEAD_LETTERS) for records in found[topic].values())
    return [] if read == made else [f"classify: read {read} of {RAW_EVENTS}, and made {made} of them"]


def _lost_of_store(bus: EmbeddedBus, store: Path, said: Sequence[dict[str, Any]], whole: Whole) -> list[str]:
    found, csv = _rows(store), _csv(store)
    problems = [
        f"{view}: a row is not as it was written"
        for view, rows in found.items()
        if not all(_is_as_written(row, whole.rows[view].get(place)) for place, row in rows.items())
    ]
    named = Counter[str]()
    for commit in (commit for each in said for commit in each["commits"]):
        named.update({segment["kind"]: segment["rows"] for segment in commit["segments"]})
        if len(csv.get(commit["csv"]["file"], b"")) < commit["csv"]["length"]:
            problems.append(f"{commit['csv']['length']} bytes of {commit['csv']['file']} were acknowledged")
    problems += [
        f"{view}: {rows} rows were acknowledged, {len(found[view])} are there"
        for view, rows in named.items()
        if len(found[view]) < rows
    ]
    read = sum(bus.committed("store").values())
    if read != sum(map(len, found.values())):
        problems.append(f"store: read {read}, and stored {sum(map(len, found.values()))} of them")
    problems += [f"{name}: is not as it was written" for name, lines in csv.items() if not _begins(whole, name, lines)]
    lines = sum(content.count(b"\n") - 1 for content in csv.values())
    if lines != len(found["events"]):
        problems.append(f"{lines} lines of CSV, {len(found['events'])} rows")
    return problems


def _begins(whole: Whole, name: str, content: bytes) -> bool:
    return whole.csv[name].startswith(content)


def _records(bus: EmbeddedBus) -> Mapping[str, Mapping[int, Sequence[tuple[bytes, bytes]]]]:
    """Return all that is on the bus. Raises ConfigError where a topic that should be there cannot be read."""
    topics = [RAW_EVENTS, CLASSIFIED_EVENTS, ALERTS, DEAD_LETTERS, STORE_COMMITS] if bus.groups() else []
    return {
        topic: {partition: _records_of(bus, topic, partition, *ends) for partition, ends in bus.ends(topic).items()}
        for topic in topics
    }


def _records_of(bus: EmbeddedBus, topic: str, partition: int, first: int, end: int) -> Sequence[tuple[bytes, bytes]]:
    assert first == 0
    records: list[tuple[bytes, bytes]] = []
    while len(records) < end:
        read = bus.read_from(topic, partition, len(records), end)
        assert read, f"{topic}/{partition}: {end} records, but nothing at {len(records)}"
        records += [(record.key, record.value) for record in read]
    return records


def _is_as_written(row: _Row, written: _Row | None) -> bool:
    """Whether it is the same; only when its segment was written comes behind a row's trace as it is merged."""
    if written is None or row[:-1] != written[:-1]:
        return False
    trace, other = row[-1] or b"", written[-1] or b""
    return bool(trace.startswith(other) or other.startswith(trace))


def _rows(store: Path) -> Mapping[str, Mapping[_Row, _Row]]:
    """Return the rows of each view by their place. A row that is there twice is an error."""
    found: dict[str, dict[_Row, _Row]] = {}
    with closing(open_store(store)) as connection:
        for view in ("events", "dead_letters"):
            rows = connection.execute(
                f'SELECT topic, "partition", "offset", * EXCLUDE (trace), trace FROM {view}'
            ).fetchall()
            found[view] = {row[:3]: row for row in rows}
            assert len(found[view]) == len(rows), f"{view}: a row is there twice"
    return found


def _csv(store: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((store / "csv").glob("*.csv"))}
