"""Merge small segments into larger ones, so that a query opens few files."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tocsin.errors import ConfigError
from tocsin.failpoints import failpoint
from tocsin.sinks.columns import DEAD_LETTER_SCHEMA, EVENT_SCHEMA
from tocsin.sinks.files import settle
from tocsin.sinks.layout import EVENTS, merged_path
from tocsin.sinks.manifest import Manifest, Segment, add_segments, unlist
from tocsin.sinks.parquet import write_parquet

_SMALL_MERGED_FILES = 16


def due_groups(
    segments: Sequence[Segment], today: str, min_bytes: int, max_bytes: int, fresh_files: int
) -> Iterator[list[Segment]]:
    """Yield groups of segments to merge, each of one kind and date.

    Fresh segments wait until there are enough of them, or the day is over; what they were merged into waits again until
    it makes a file of `min_bytes`. So a row is written some three times in all, however slowly rows come.
    """
    groups: dict[tuple[str, str, bool], list[Segment]] = defaultdict(list)
    for segment in segments:
        if segment.bytes < min_bytes:
            groups[segment.kind, segment.date, segment.is_merged].append(segment)
    for (_, date, is_merged), small in groups.items():
        enough_files = _SMALL_MERGED_FILES if is_merged else fresh_files if date >= today else 2
        has_enough_bytes = sum(segment.bytes for segment in small) >= min_bytes
        if len(small) >= enough_files or has_enough_bytes:
            yield from (group for group in _cut(small, max_bytes) if len(group) > 1)


def merge(folder: Path, manifest: Manifest, segments: Sequence[Segment], now_us: int) -> None:
    """Write the segments' rows into one file, and list it in their place, in one transaction.

    Raises ConfigError when one of them cannot be read, OSError when the disk takes no more.
    """
    kind, date = segments[0].kind, segments[0].date
    path = merged_path(kind, date, uuid4().hex)
    file = folder / path
    schema = EVENT_SCHEMA if kind == EVENTS else DEAD_LETTER_SCHEMA
    write_parquet(file, schema, _tables(folder, segments), "compact")
    settle([file], "compact")
    merged = Segment(
        path=path,
        kind=kind,
        date=date,
        is_merged=True,
        rows=sum(segment.rows for segment in segments),
        bytes=file.stat().st_size,
        min_time=min((segment.min_time for segment in segments if segment.min_time is not None), default=None),
        max_time=max((segment.max_time for segment in segments if segment.max_time is not None), default=None),
        min_ingest=min((segment.min_ingest for segment in segments if segment.min_ingest is not None), default=None),
        max_ingest=max((segment.max_ingest for segment in segments if segment.max_ingest is not None), default=None),
        written_us=max(segment.written_us for segment in segments),
        trace=b"",
    )
    _check_rows(file, merged.rows)
    failpoint("compact.before_swap")
    with manifest.edit() as connection:
        unlist(connection, [segment.path for segment in segments], now_us)
        add_segments(connection, [merged])
    failpoint("compact.after_swap")


def _cut(segments: Sequence[Segment], max_bytes: int) -> Iterator[list[Segment]]:
    group: list[Segment] = []
    size = 0
    for segment in segments:
        if group and size + segment.bytes > max_bytes:
            yield group
            group, size = [], 0
        group.append(segment)
        size += segment.bytes
    yield group


def _tables(folder: Path, segments: Sequence[Segment]) -> Iterator[pa.Table]:
    for segment in segments:
        path = folder / segment.path
        try:
            with pq.ParquetFile(path) as file:
                for index in range(file.num_row_groups):
                    yield with_whole_trace(file.read_row_group(index, use_threads=False), segment)
        except (FileNotFoundError, pa.ArrowInvalid) as error:
            raise ConfigError(
                f"store: the segment `{path}` cannot be read: {error}; something else changed it."
                " Restore it from a backup"
            ) from error


def with_whole_trace(rows: pa.Table, segment: Segment) -> pa.Table:
    """Return rows of a segment, each with when its segment was written behind its trace."""
    if segment.trace is None:
        return rows.append_column("trace", pa.nulls(rows.num_rows, pa.binary()))
    if not segment.trace:
        return rows
    at = rows.schema.get_field_index("trace")
    parts = (rows.column(at), pa.scalar(segment.trace, pa.binary()), pa.scalar(b"", pa.binary()))
    whole = pc.binary_join_element_wise(*parts)  # type: ignore[call-overload]
    return rows.set_column(at, "trace", whole)


def _check_rows(file: Path, rows: int) -> None:
    merged_rows = pq.read_metadata(file).num_rows
    if merged_rows != rows:
        raise ConfigError(
            f"store: the segments in `{file.parent}` hold {merged_rows} rows where {rows} were committed; something"
            " else changed them. Restore them from a backup"
        )
