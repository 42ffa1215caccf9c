"""Write to a store folder as the store stage does, and read it back without Tocsin's own reader."""

import csv
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.sinks.classified import NOON_US
from tocsin.event import STORE_COMMITS, Record
from tocsin.flow import Batch, Outputs
from tocsin.sinks.manifest import Manifest, Segment
from tocsin.sinks.writer import StoreSettings, StoreWriter


def writer_of(
    folder: Path, name: str = "w0", last_commit: bytes | None = None, now_us: int = NOON_US, csv_bytes: int = 1 << 20
) -> StoreWriter:
    """Return a writer whose clock stands at `now_us`."""
    return StoreWriter(folder, name, lambda: now_us, last_commit, StoreSettings(csv_bytes))


def stored(folder: Path, *batches: Sequence[Record], name: str = "w0", now_us: int = NOON_US) -> list[bytes]:
    """Store and commit batches with a new writer; return the commit records."""
    writer = writer_of(folder, name, now_us=now_us)
    commits = []
    for records in batches:
        outputs = writer(Batch(records))
        writer.committed()
        commits.append(commit_of(outputs))
    writer.close()
    return commits


def commit_of(outputs: Outputs) -> bytes:
    return outputs[STORE_COMMITS][0].value


def parquet_rows(folder: Path, kind: str = "events") -> list[dict[str, Any]]:
    """Return the rows of all segment files of a kind, listed or not, in the order of their paths."""
    files = sorted(folder.glob(f"segments/{kind}/*/*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def csv_rows(folder: Path) -> list[dict[str, str]]:
    """Return the rows of all CSV files in the order of their numbers."""
    files = sorted(folder.glob("csv/*.csv"))
    return [row for file in files for row in csv.DictReader(file.read_text("utf-8").split("\n")[:-1])]


def files_of(folder: Path) -> list[str]:
    """Return the names of all segments and CSV files."""
    return sorted(path.name for pattern in ("segments/*/*/*", "csv/*") for path in folder.glob(pattern))


def segments_of(folder: Path) -> list[Segment]:
    """Return what readers see."""
    with closing(Manifest(folder)) as manifest:
        return manifest.segments()
