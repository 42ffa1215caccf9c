"""The rows of the store by the commit that they came with, also after they were merged."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.sinks.manifest import ListedCommit, Manifest, Segment
from tocsin.sinks.merge import with_whole_trace
from tocsin.sinks.traces import columns_of
from tocsin.telemetry.stage_times import unpacked

_FRESH = re.compile(r"([A-Za-z0-9_-]+)-(\d{12})\.parquet")
_COMMITS_AT_ONCE = 5_000  # of a writer, that are looked up
_MERGED_ROWS_AT_ONCE = 100_000  # each search reads the traces of whole files

_Write = tuple[str, int]  # a commit as `w0-000000000001`, and when it was written


@dataclass(frozen=True)
class StoredCommits:
    """Commits of one writer, from the first to the last; more than one only where rows of them have been merged."""

    writer: str
    first: int
    last: int
    written_us: int  # the first
    rows: int  # events and dead letters; 0 where they are forgotten
    segments: Sequence[Segment]  # that were written with them
    merged: Sequence[Segment]  # that may hold what is in none of these


@dataclass(frozen=True)
class StoredRows:
    """Rows of one kind that were stored together, with what their traces need."""

    kind: str
    stored_us: int
    rows: pa.Table


class SegmentUnreadableError(Exception):
    """A segment is not there, for it has been merged or removed since it was listed; or it is damaged."""

    def __init__(self, segment: Segment, reason: Exception) -> None:
        super().__init__(f"the segment `{segment.path}` cannot be read: {reason}")
        self.path = segment.path


def commits_after(
    manifest: Manifest, writer: str, seq: int, listed: int, segments: Sequence[Segment]
) -> Iterator[StoredCommits]:
    """Yield what a writer has committed after `seq` up to `listed`, in order; some thousand at a time.

    `segments`: all that are listed, asked for after `listed`; the other way round, a commit between the two would look
    like one whose rows have been removed.
    """
    known = manifest.commits(writer, seq, listed, _COMMITS_AT_ONCE)
    fresh = _fresh(segments, writer, seq)
    merged = [segment for segment in segments if segment.is_merged]
    remembered = known[0].seq if known else listed + 1
    if remembered > seq + 1:
        for first in range(seq + 1, remembered, _COMMITS_AT_ONCE):
            last = min(first + _COMMITS_AT_ONCE, remembered)
            yield _commits(writer, [ListedCommit(number, 0, 0) for number in range(first, last)], fresh, merged)
    scattered: list[ListedCommit] = []  # something of each has been merged or removed
    for commit in known:
        is_whole = sum(segment.rows for segment in fresh.get(commit.seq, ())) == commit.rows
        if scattered and (is_whole or sum(each.rows for each in scattered) >= _MERGED_ROWS_AT_ONCE):
            yield _commits(writer, scattered, fresh, merged)
            scattered = []
        if is_whole:
            yield _commits(writer, [commit], fresh, ())
        else:
            scattered.append(commit)
    if scattered:
        yield _commits(writer, scattered, fresh, merged)


def rows_of(folder: Path, commits: StoredCommits) -> Iterator[StoredRows]:
    """Yield the rows of commits as far as they are still there.

    Rows without times are among them; of merged ones all such, for nothing says with which commit they came. Raises
    SegmentUnreadableError.
    """
    for segment in commits.segments:
        with _opened(folder, segment) as file:
            rows = file.read(_columns(file, segment), use_threads=False)
        yield StoredRows(segment.kind, segment.written_us, with_whole_trace(rows, segment))
    wanted = {f"{commits.writer}-{seq:012d}" for seq in range(commits.first, commits.last + 1)}
    for segment in commits.merged:
        with _opened(folder, segment) as file:
            for index in range(file.num_row_groups):
                yield from _rows_of_commits(file, index, segment, wanted)


def _fresh(segments: Sequence[Segment], writer: str, seq: int) -> Mapping[int, Sequence[Segment]]:
    """Return what a writer has written after `seq` and is still there, by sequence number."""
    fresh: dict[int, list[Segment]] = {}
    for segment in segments:
        match = _FRESH.fullmatch(PurePosixPath(segment.path).name)
        if match and match[1] == writer and int(match[2]) > seq:
            fresh.setdefault(int(match[2]), []).append(segment)
    return fresh


def _commits(
    writer: str, commits: Sequence[ListedCommit], fresh: Mapping[int, Sequence[Segment]], merged: Sequence[Segment]
) -> StoredCommits:
    first = commits[0]
    return StoredCommits(
        writer=writer,
        first=first.seq,
        last=commits[-1].seq,
        written_us=first.written_us,
        rows=sum(commit.rows for commit in commits),
        segments=[segment for commit in commits for segment in fresh.get(commit.seq, ())],
        # Rows that were written before all of these are no rows of theirs; a clock may have been set back meanwhile.
        merged=[segment for segment in merged if segment.written_us >= min(commit.written_us for commit in commits)],
    )


@contextmanager
def _opened(folder: Path, segment: Segment) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(folder / segment.path) as file:
            yield file
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise SegmentUnreadableError(segment, error) from error
    except OSError as error:
        if error.errno is not None:  # the disk's, which may pass
            raise
        raise SegmentUnreadableError(segment, error) from error


def _columns(file: pq.ParquetFile, segment: Segment) -> list[str]:
    there = set(file.schema_arrow.names)
    return [name for name in columns_of(segment.kind) if name in there]


def _rows_of_commits(file: pq.ParquetFile, index: int, segment: Segment, wanted: set[str]) -> Iterator[StoredRows]:
    """Yield those of a row group that were written with one of these commits, each commit's by themselves."""
    if segment.trace is None:  # it is older than times
        yield _without_times(segment, file.metadata.row_group(index).num_rows)
        return
    traces = file.read_row_group(index, ["trace"], use_threads=False)["trace"].combine_chunks()
    encoded = traces.dictionary_encode(null_encoding="encode")
    numbers: dict[_Write, int] = {}
    of_trace = [numbers.setdefault(_write_of(packed), len(numbers)) for packed in encoded.dictionary.to_pylist()]
    writes = list(numbers)
    if wanted.isdisjoint(name for name, _ in writes):
        yield _without_times(segment, traces.null_count)
        return
    rows = file.read_row_group(index, _columns(file, segment), use_threads=False)
    write_of_row = np.array(of_trace)[encoded.indices.to_numpy(zero_copy_only=False)]
    cuts = np.flatnonzero(np.diff(write_of_row)) + 1
    for begin, end in pairwise([0, *cuts.tolist(), rows.num_rows]):
        name, written_us = writes[write_of_row[begin]]
        if name in wanted:
            yield StoredRows(segment.kind, written_us, rows.slice(begin, end - begin))
        elif not name:
            yield _without_times(segment, end - begin)


def _without_times(segment: Segment, count: int) -> StoredRows:
    rows = pa.table({"event_id": pa.nulls(count, pa.string()), "trace": pa.nulls(count, pa.binary())})
    return StoredRows(segment.kind, segment.written_us, rows)


def _write_of(packed: bytes | None) -> _Write:
    """Return which commit a row was written with, and when; its last part says so."""
    for part in unpacked(packed or b"")[-1:]:
        if part.stage == "write":
            return part.instance, part.began_us
    return "", 0
