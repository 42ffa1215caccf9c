"""Read the events of a batch, a thousand at a time, while what was just touched is still in the cache."""

from collections.abc import Iterator, Sequence
from time import perf_counter

import pyarrow as pa

from tocsin.errors import DecodeError
from tocsin.event import Record
from tocsin.sinks.columns import event_columns, misfit
from tocsin.sinks.csv import CsvLines
from tocsin.sinks.decode import Decoder, Row
from tocsin.sinks.segments import IngestCounts

_CHUNK_ROWS = 1_000  # larger arrays cost more in page faults than they save
_CHUNK_BYTES = 64 << 20


class EventIntake:
    """The events of one batch: columns to go through, and what has been gathered once they are all gone through."""

    def __init__(self, decoder: Decoder, lines: CsvLines) -> None:
        self._decoder = decoder
        self._lines = lines
        self.csv: list[bytes] = []
        self.rows = 0
        self.ingest = IngestCounts()
        self.rejected: list[tuple[Record, DecodeError]] = []
        self.decode_seconds = 0.0
        self.csv_seconds = 0.0

    def columns(self, records: Sequence[Record], parts: Sequence[bytes]) -> Iterator[pa.RecordBatch]:
        """`parts`: the store's for each record."""
        for chunk, parts_of_chunk in chunks_of(records, parts):
            started = perf_counter()
            rows, rejected = self._decoder.rows(chunk, parts_of_chunk)
            self.rejected += rejected
            self.decode_seconds += perf_counter() - started
            fitting, columns = self._columns_of(rows)
            if columns is None:
                continue
            rendering = perf_counter()
            self.csv.append(self._lines.render(fitting))
            self.csv_seconds += perf_counter() - rendering
            self.rows += len(fitting)
            self.ingest.include(columns.column("ingest_time"))
            yield columns

    def _columns_of(self, rows: Sequence[Row]) -> tuple[Sequence[Row], pa.RecordBatch | None]:
        """Return the rows that fit the columns, with these; the others are rejected."""
        try:
            return rows, event_columns(rows) if rows else None
        except (ValueError, TypeError, OverflowError):
            fitting = [row for row in rows if self._fits(row)]
            return fitting, event_columns(fitting) if fitting else None

    def _fits(self, row: Row) -> bool:
        problem = misfit(row)
        if problem is not None:
            self.rejected.append((row.record, DecodeError("not_classified", problem)))
        return problem is None


def chunks_of(records: Sequence[Record], parts: Sequence[bytes]) -> Iterator[tuple[Sequence[Record], Sequence[bytes]]]:
    """Cut into runs of at most 1,000 records, or fewer where they are large; each record with its part."""
    start = size = 0
    for index, record in enumerate(records, 1):
        size += len(record.value)
        if index - start == _CHUNK_ROWS or size >= _CHUNK_BYTES:
            yield records[start:index], parts[start:index]
            start, size = index, 0
    if start < len(records):
        yield records[start:], parts[start:]
