"""Each row keeps when each stage did what with it, through merging, and beside rows from before there were such."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq

from tests.sinks.classified import NOON_US, classified, dead_letter
from tests.sinks.store_folder import commit_of, parquet_rows, segments_of, stored
from tocsin.event import STAMP_HEADER, Record, with_part
from tocsin.flow import Batch
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.merge import merge
from tocsin.sinks.reader import open_store
from tocsin.sinks.writer import StoreSettings, StoreWriter
from tocsin.telemetry.stage_times import StageProcess, StageTimes, packed, unpacked

_CLASSIFIED = StageTimes("classify", NOON_US, (1, 2, 3, 4), 7, "classify-0", "host", "1.0")
_STORE = StageProcess("store", "store-0", "host", "1.0")


def _traced(record: Record) -> Record:
    """Return the record as classify hands it over."""
    part = with_part(record, packed(_CLASSIFIED))
    return Record(part.value, part.key, part.headers, part.timestamp_us, record.topic, record.partition, record.offset)


def _stored(folder: Path, batch: Batch, last_commit: bytes | None = None) -> bytes:
    now_us = NOON_US + 9_000_000
    writer = StoreWriter(folder, "w0", lambda: now_us, last_commit, StoreSettings(), process=_STORE)
    commit = commit_of(writer(batch))
    writer.committed()
    writer.close()
    return commit


def _traces(folder: Path, view: str = "events") -> list[list[StageTimes]]:
    """Return the traces that a query finds, by offset."""
    with closing(open_store(folder)) as store:
        rows = store.execute(f'SELECT trace FROM {view} ORDER BY "offset"').fetchall()
    return [unpacked(trace or b"") for (trace,) in rows]


def test_a_row_has_the_times_of_the_stages_before_and_when_it_came(tmp_path: Path) -> None:
    records = [_traced(classified(1)), _traced(classified(2)), _traced(dead_letter(3))]
    _stored(tmp_path, Batch(records, arrivals=[(1, NOON_US + 5), (2, NOON_US + 6)]))
    came = [NOON_US + 5, NOON_US + 6]
    assert _traces(tmp_path) == [
        [_CLASSIFIED, StageTimes("store", came_us, (), 3, "store-0", "host", "1.0")] for came_us in came
    ]
    assert [times[-1].began_us for times in _traces(tmp_path, "dead_letters")] == [NOON_US + 6]


def test_merging_puts_behind_each_row_when_its_own_segment_was_written(tmp_path: Path) -> None:
    first = _stored(tmp_path, Batch([_traced(classified(1))]))
    _stored(tmp_path, Batch([_traced(classified(2))]), first)
    with closing(Manifest(tmp_path)) as manifest:
        written = [unpacked(segment.trace or b"") for segment in manifest.segments()]
        before = _traces(tmp_path)
        merge(tmp_path, manifest, manifest.segments(), NOON_US)
    assert [[part.instance for part in parts] for parts in written] == [["w0-000000000001"], ["w0-000000000002"]]
    assert _traces(tmp_path) == [row + parts for row, parts in zip(before, written, strict=True)]
    assert [segment.trace for segment in segments_of(tmp_path)] == [b""]


def test_a_store_that_nobody_traced_has_rows_without_times(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)])
    assert _traces(tmp_path) == [[]]


def _made_old(folder: Path) -> None:
    """Make a store what format 1 of its manifest was: nothing knew of traces."""
    for path in folder.glob("segments/*/*/*.parquet"):
        pq.write_table(pq.read_table(path, partitioning=None).drop_columns("trace"), path)
    with closing(sqlite3.connect(folder / "manifest.sqlite")) as connection:
        connection.execute("ALTER TABLE segments DROP COLUMN trace")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()


def test_a_store_from_before_is_read_written_on_and_merged(tmp_path: Path) -> None:
    [commit] = stored(tmp_path, [classified(1), dead_letter(7)])
    _made_old(tmp_path)
    assert _traces(tmp_path) == [[]]
    _stored(tmp_path, Batch([_traced(classified(2))]), commit.replace(b',"trace":""', b""))
    assert [len(times) for times in _traces(tmp_path)] == [0, 2]
    with closing(Manifest(tmp_path)) as manifest:
        merge(tmp_path, manifest, [each for each in manifest.segments() if each.kind == "events"], NOON_US)
    assert [len(times) for times in _traces(tmp_path)] == [0, 3]
    assert _traces(tmp_path, "dead_letters") == [[]]
    assert len(parquet_rows(tmp_path)) == 4, "old files stay until no query reads them"


def test_a_header_of_others_is_no_trace(tmp_path: Path) -> None:
    record = classified(1)
    headers = tuple((name, b"x" * 3000 if name == STAMP_HEADER else value) for name, value in record.headers)
    _stored(tmp_path, Batch([Record(record.value, record.key, headers, 0, record.topic, 0, 1)]))
    assert _traces(tmp_path) == [[]]
