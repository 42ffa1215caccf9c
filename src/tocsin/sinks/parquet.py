"""Write Parquet files: which columns get a dictionary, which statistics, how they are compressed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tocsin.failpoints import failpoint
from tocsin.sinks.files import make_directory

_ZSTD_LEVEL = 1
_ROW_GROUP_ROWS = 10_000
_ROW_GROUP_BYTES = 64 << 20
_DISTINCT = {"event", "raw", "event_id", "sha256", "offset", "time", "ingest_time", "length"}  # no use for a dictionary
_LONG = {"event", "raw", "matches", "detail", "trace"}  # their least and greatest values would swell the footer


class TimeRange:
    """The least and greatest of a timestamp column, over several batches: microseconds since 1970, or None."""

    def __init__(self) -> None:
        self.min_us: int | None = None
        self.max_us: int | None = None

    def include(self, times: "pa.Array[Any]") -> None:
        bounds = pc.min_max(times.cast(pa.int64()))
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        if low is None:
            return
        self.min_us = low if self.min_us is None else min(low, self.min_us)
        self.max_us = high if self.max_us is None else max(high, self.max_us)


def write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch | pa.Table], place: str) -> None:
    """Write batches in row groups, one of which is held in memory; the file is not yet durable.

    `place` begins the names of the fail points passed. Raises OSError, for example on a full disk.
    """
    make_directory(path.parent)
    failpoint(f"{place}.before_write")
    with pa.OSFile(str(path), "wb") as file, pq.ParquetWriter(file, schema, **_options(schema)) as writer:
        for group in _row_groups(batches):
            writer.write_table(group, row_group_size=group.num_rows)
            failpoint(f"{place}.during_write")
    failpoint(f"{place}.after_write")


def _row_groups(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of batches in turn in larger row groups: each costs time for each of its columns."""
    held: list[pa.Table] = []
    rows = size = 0
    for batch in batches:
        held.append(batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch]))
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= _ROW_GROUP_ROWS or size >= _ROW_GROUP_BYTES:
            yield pa.concat_tables(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.concat_tables(held)


def _options(schema: pa.Schema) -> dict[str, Any]:
    return {
        "store_schema": False,  # Parquet types say it all
        "compression": "zstd",
        "compression_level": _ZSTD_LEVEL,
        "use_dictionary": [_leaf(field) for field in schema if field.name not in _DISTINCT],
        "write_statistics": [_leaf(field) for field in schema if field.name not in _LONG],
    }


def _leaf(field: "pa.Field[Any]") -> str:
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
