"""A ledger that uses none of Tocsin's code: what went in, what is stored, what is a dead letter, byte for byte."""

import csv
import gzip
import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from evtx import PyEvtxParser

Digest = bytes  # SHA-256 of a record's bytes


def digest(raw: bytes) -> Digest:
    return hashlib.sha256(raw).digest()


def records_of_file(path: Path) -> Iterator[bytes]:
    """Yield the records of a file: lines without their end, or the EVTX parser's JSON."""
    if path.suffix == ".evtx":
        yield from _records_of_evtx(path)
        return
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            raw = line.removesuffix(b"\n").removesuffix(b"\r")
            if raw:
                yield raw


def _records_of_evtx(path: Path) -> Iterator[bytes]:
    """Yield what the parser can read; after a damaged record it goes on."""
    records = iter(PyEvtxParser(str(path)).records_json())
    while True:
        try:
            record = next(records)
            assert record is not None
            yield record["data"].encode()
        except StopIteration:
            return
        except RuntimeError:
            continue


def records_of_files(paths: Iterable[Path]) -> Counter[Digest]:
    return Counter(digest(raw) for path in paths for raw in records_of_file(path))


@dataclass
class Ledger:
    """What a data directory holds."""

    rows: Counter[Digest] = field(default_factory=Counter)  # by the bytes as they came
    dead: Counter[Digest] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    places: Counter[tuple[str, int, int]] = field(default_factory=Counter)  # topic, partition, offset of the row
    ids: Counter[str] = field(default_factory=Counter)  # event ids in Parquet
    csv_ids: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, data: Path) -> "Ledger":
        """Read the segments that the manifest lists, and all CSV files."""
        ledger = cls()
        for kind, path in _listed(data / "store"):
            table = pq.read_table(path)
            if kind == "events":
                ledger._add_events(table.to_pylist())
            else:
                ledger._add_dead(table.to_pylist())
        for path in sorted((data / "store" / "csv").glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                ledger.csv_ids.update(row["event_id"] for row in csv.DictReader(file))
        return ledger

    def _add_events(self, rows: list[dict[str, object]]) -> None:
        for row in rows:
            raw, event = row["raw"], row["event"]
            assert isinstance(event, str)
            self.rows[digest(raw if isinstance(raw, bytes) else event.encode())] += 1
            self.places[(str(row["topic"]), int(str(row["partition"])), int(str(row["offset"])))] += 1
            self.ids[str(row["event_id"])] += 1

    def _add_dead(self, rows: list[dict[str, object]]) -> None:
        for row in rows:
            self.dead[bytes.fromhex(str(row["sha256"]))] += 1
            self.reasons[str(row["reason"])] += 1
            raw = row["raw"]
            assert isinstance(raw, bytes)
            if len(raw) == row["length"]:
                assert digest(raw).hex() == row["sha256"]

    def check(self, expected: Counter[Digest]) -> None:
        """Every record that went in is stored or a dead letter, exactly once, in Parquet as in CSV."""
        found = self.rows + self.dead
        lost, doubled = expected - found, found - expected
        assert not lost, f"{lost.total()} records are lost"
        assert not doubled, f"{doubled.total()} records are there that did not go in, or twice"
        assert max(self.places.values(), default=1) == 1, "a row is there twice"
        assert self.csv_ids == self.ids, "CSV and Parquet differ"


def _listed(store: Path) -> list[tuple[str, Path]]:
    manifest = sqlite3.connect(f"file:{store / 'manifest.sqlite'}?mode=ro", uri=True)
    try:
        return [(kind, store / path) for kind, path in manifest.execute("SELECT kind, path FROM segments")]
    finally:
        manifest.close()
