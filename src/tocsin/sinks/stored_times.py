"""Read when events went through the stages, a segment at a time: ten million rows need no more memory than one file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from tocsin.sinks.layout import EVENTS
from tocsin.sinks.manifest import Segment, listed_segments
from tocsin.sinks.reader import connected
from tocsin.telemetry.spans import Numbers
from tocsin.telemetry.stage_times import StageTimes, unpacked


@dataclass(frozen=True)
class StoredTimes:
    """Rows of a segment; each stands for all events that have the same times."""

    traces: Sequence[Sequence[StageTimes]]  # distinct; empty ones of events that no stage kept its times with
    trace: Numbers  # (n,) index into `traces`
    ingest_us: Numbers  # (n,)
    events: Numbers  # (n,) how many


def stored_times(folder: Path, condition: str, values: Mapping[str, object]) -> Iterator[StoredTimes]:
    """Yield the times of the events that meet a condition in SQL with its values. Raises duckdb.Error."""
    with closing(connected()) as connection:
        for segment in listed_segments(folder):
            if segment.kind == EVENTS:
                # Names and condition are our own; what was asked for are parameters.
                sql = f"""
                    SELECT {"NULL::BLOB" if segment.trace is None else "trace"} AS trace,
                        coalesce(epoch_us(ingest_time), 0) AS ingest_us, count(*) AS events
                    FROM read_parquet($path, hive_partitioning = false) WHERE {condition} GROUP BY ALL
                """  # noqa: S608
                given = {"path": str(folder / segment.path), **values}
                yield _times(connection.sql(sql, params=given).to_arrow_table(), segment)


def _times(rows: pa.Table, segment: Segment) -> StoredTimes:
    encoded = rows["trace"].combine_chunks().dictionary_encode(null_encoding="encode")
    written = segment.trace or b""
    traces = [unpacked(trace + written) if trace else [] for trace in encoded.dictionary.to_pylist()]
    return StoredTimes(
        traces=traces,
        trace=encoded.indices.to_numpy().astype(np.int64),
        ingest_us=rows["ingest_us"].to_numpy(),
        events=rows["events"].to_numpy(),
    )
