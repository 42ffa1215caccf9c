"""The Parquet segments of one writer: written under their final names, removed again when no commit names them."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tocsin.durable import sync
from tocsin.failpoints import failpoint
from tocsin.sinks.files import remove
from tocsin.sinks.layout import segment_files, segment_path, utc_date
from tocsin.sinks.parquet import TimeRange, write_parquet

_INGEST_STEPS_US = (1_000, 1_000_000, 3_600_000_000)  # the first that gives few enough counts
_MAX_INGEST_COUNTS = 1_000


@dataclass(frozen=True)
class SegmentKind:
    """One kind of segment: its name, schema, and the column of the times by which it is put into a date."""

    name: str
    schema: pa.Schema
    ingest_column: str


@dataclass
class WrittenSegment:
    """What a commit record says of a segment."""

    kind: str
    date: str
    path: str  # in the store folder
    rows: int = 0
    times: TimeRange = field(default_factory=TimeRange)
    ingest: TimeRange = field(default_factory=TimeRange)

    def as_object(self, folder: Path) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "date": self.date,
            "path": self.path,
            "rows": self.rows,
            "bytes": (folder / self.path).stat().st_size,
            "min_time": self.times.min_us,
            "max_time": self.times.max_us,
            "min_ingest": self.ingest.min_us,
            "max_ingest": self.ingest.max_us,
        }


class Segments:
    """Writes the segments of one writer."""

    def __init__(self, folder: Path, writer: str) -> None:
        self._folder = folder
        self._writer = writer

    def remove_after(self, seq: int) -> None:
        """Remove this writer's segments of later commits than `seq`."""
        touched = set()
        for path, match in segment_files(self._folder, rf"{re.escape(self._writer)}-(\d{{12}})\.parquet"):
            if int(match[1]) > seq:
                failpoint("store.recover.before_remove")
                remove(path)
                failpoint("store.recover.after_remove")
                touched.add(path.parent)
        for folder in touched:
            sync(folder)

    def write(
        self, kind: SegmentKind, seq: int, batches: Iterator[pa.RecordBatch], written_us: int
    ) -> WrittenSegment | None:
        """Write batches as one segment, not yet durable; None when there are none.

        The date is that on which the first row was ingested, or of the writing where the row claims a later one. It
        only groups files: the least and greatest times of each file and row group say what is in them.
        """
        first = next(batches, None)
        if first is None:
            return None
        first_us = first.column(kind.ingest_column).cast(pa.int64())[0].as_py()
        date = utc_date(max(0, min(first_us, written_us)))
        segment = WrittenSegment(kind.name, date, segment_path(kind.name, date, self._writer, seq))

        def counted() -> Iterator[pa.RecordBatch]:
            for batch in chain((first,), batches):
                segment.rows += batch.num_rows
                segment.times.include(batch.column("time"))
                segment.ingest.include(batch.column(kind.ingest_column))
                yield batch

        write_parquet(self._folder / segment.path, kind.schema, counted(), "store.segment")
        return segment


class IngestCounts:
    """How many rows were ingested when, coarser where that would be a long list."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def include(self, ingest: "pa.Array[Any]") -> None:
        counted = pc.value_counts(pc.divide(ingest.cast(pa.int64()), _INGEST_STEPS_US[0]))
        for milliseconds, rows in zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True):
            self._counts[milliseconds or 0] += rows or 0

    def as_list(self) -> list[tuple[int, int]]:
        """Return (microseconds since 1970, rows), each time rounded down to the step."""
        for step_us in _INGEST_STEPS_US:
            counts: Counter[int] = Counter()
            for milliseconds, rows in self._counts.items():
                counts[milliseconds * 1_000 // step_us * step_us] += rows
            if len(counts) <= _MAX_INGEST_COUNTS:
                break
        return sorted(counts.items())
