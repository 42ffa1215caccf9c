"""The rows of the store by the commit that they came with, also after they were merged."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.sinks.manifest import Manifest, Segment
from tocsin.sinks.merge import with_whole_trace
from tocsin.sinks.traces import columns_of
from tocsin.telemetry.stage_times import unpacked

_FRESH = re.compile(r"([A-Za-z0-9_-]+)-(\d{12})\.parquet")


@dataclass(frozen=True)
class StoredCommits:
    """Commits of one writer, from the first to the last; more than one only where their segments were merged."""

    writer: str
    first: int
    last: int
    segments: Sequence[Segment]  # that may hold their rows
    are_merged: bool


def commits_after(manifest: Manifest, writer: str, seq: int, segments: Sequence[Segment]) -> Iterator[StoredCommits]:
    """Yield what a writer has committed after `seq`, in order. `segments`: all that are listed."""
    fresh: dict[int, list[Segment]] = {}
    for segment in segments:
        match = _FRESH.fullmatch(PurePosixPath(segment.path).name)
        if match and match[1] == writer and int(match[2]) > seq:
            fresh.setdefault(int(match[2]), []).append(segment)
    merged = [segment for segment in segments if segment.is_merged]
    listed = manifest.writers().get(writer, 0)
    for number in [*sorted(fresh), listed + 1]:
        if number > seq + 1:
            yield StoredCommits(writer, seq + 1, number - 1, merged, are_merged=True)
        if number in fresh:
            yield StoredCommits(writer, number, number, fresh[number], are_merged=False)
        seq = max(seq, number)


def rows_of(folder: Path, commits: StoredCommits) -> Iterator[tuple[Segment, pa.Table]]:
    """Yield the rows of commits, with what their traces need, as far as they are still there.

    Raises FileNotFoundError where a segment has been merged or removed since it was listed.
    """
    wanted = {f"{commits.writer}-{seq:012d}".encode() for seq in range(commits.first, commits.last + 1)}
    for segment in commits.segments:
        with pq.ParquetFile(folder / segment.path) as file:
            columns = [name for name in columns_of(segment.kind) if name in file.schema_arrow.names]
            if "trace" not in columns:
                continue
            for index in range(file.num_row_groups):
                rows = with_whole_trace(file.read_row_group(index, columns, use_threads=False), segment)
                yield segment, _of_commits(rows, wanted) if commits.are_merged else rows


def _of_commits(rows: pa.Table, wanted: set[bytes]) -> pa.Table:
    """Return the rows that were written with one of these commits."""
    encoded = rows["trace"].combine_chunks().dictionary_encode()
    is_wanted = [
        packed is not None and any(part.instance.encode() in wanted for part in unpacked(packed)[-1:])
        for packed in encoded.dictionary.to_pylist()
    ]
    return rows.filter(pa.array(is_wanted, pa.bool_()).take(encoded.indices)) if len(is_wanted) else rows.slice(0, 0)
