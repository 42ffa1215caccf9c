"""EVTX files: whole, resumed, damaged, hostile."""

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import orjson
import pytest
from evtx import PyEvtxParser

from tests.sources.reading import Read, batches, drain, read_all, source_of, written
from tocsin.sources.evtx_parser import EvtxParser

HEADER, CHUNK = 4096, 65_536


@pytest.fixture(scope="module")
def original(evtx_originals: Path) -> bytes:
    """A real file of 17 chunks."""
    (path,) = evtx_originals.rglob("PanacheSysmon_vs_AtomicRedTeam01.evtx")
    return path.read_bytes()


def records_of(path: Path) -> list[bytes]:
    """An independent reader: the parser's own way through a whole file."""
    records: list[Any] = list(PyEvtxParser(str(path)).records_json())
    return [record["data"].encode() for record in records]


def chunk_at(number: int) -> int:
    return HEADER + CHUNK * number


def overwritten(content: bytes, at: int, by: bytes) -> bytes:
    return content[:at] + by + content[at + len(by) :]


def test_each_record_is_the_json_that_the_parser_gives_and_its_line_the_event_record_id(
    tmp_path: Path, original: bytes
) -> None:
    path = written(tmp_path / "a.evtx", original)
    read = read_all(path)
    assert read.values == records_of(path)
    assert read.lines == [orjson.loads(value)["Event"]["System"]["EventRecordID"] for value in read.values]
    assert len(set(read.ids)) == len(read.values) > 500
    assert read.dead == []


def test_a_compressed_evtx_file_gives_the_same(tmp_path: Path, original: bytes) -> None:
    path = written(tmp_path / "a.evtx", original)
    packed = written(tmp_path / "b.evtx.gz", gzip.compress(original, 1))
    assert read_all(path).ids == read_all(packed).ids


def test_a_copy_is_skipped(tmp_path: Path, original: bytes) -> None:
    written(tmp_path / "a.evtx", original)
    written(tmp_path / "b.evtx", original)
    source = source_of(tmp_path)
    assert len(drain(source).values) == len(records_of(tmp_path / "a.evtx"))
    assert len(source.report.copies) == 1


def test_a_source_killed_after_any_batch_goes_on_where_it_was(tmp_path: Path, original: bytes) -> None:
    path = written(tmp_path / "a.evtx", original)
    once = read_all(path, positions={}, batch_size=37)
    killed = Read()
    for _ in range(100):
        source = source_of(path, positions=dict(killed.positions), batch_size=37)
        batch = next(batches(source), None)
        source.close()
        if batch is None:
            break
        killed.add(batch)
    assert (killed.values, killed.ids, killed.lines) == (once.values, once.ids, once.lines)


def test_a_damaged_record_is_a_dead_letter_and_the_rest_goes_on(tmp_path: Path, original: bytes) -> None:
    record_at = original.index(b"**\0\0", chunk_at(3) + 20_000)
    path = written(tmp_path / "a.evtx", overwritten(original, record_at + 24, b"\xff" * 40))
    read = read_all(path)
    (dead,) = read.dead
    assert (dead.stage, dead.reason) == ("produce", "evtx_record")
    assert dead.raw.startswith(b"**\0\0")
    assert dead.raw in path.read_bytes()
    assert len(read.values) == len(records_of(written(tmp_path / "whole.evtx", original))) - 1


def test_a_damaged_chunk_is_a_dead_letter_whole_and_the_rest_goes_on(tmp_path: Path, original: bytes) -> None:
    damaged = overwritten(original, chunk_at(3), b"XXXXXXXX")
    read = read_all(written(tmp_path / "a.evtx", damaged))
    (dead,) = read.dead
    assert (dead.reason, dead.length) == ("evtx_chunk", CHUNK)
    assert dead.raw == damaged[chunk_at(3) : chunk_at(4)]
    assert dead.place.endswith(f"chunk at byte {chunk_at(3)}")
    assert len(read.values) > 500


@pytest.mark.parametrize("at", [chunk_at(5), chunk_at(5) + 100, chunk_at(5) + 40_000])
def test_a_truncated_file_gives_what_is_whole_and_the_rest_once_it_is_there(
    tmp_path: Path, original: bytes, at: int
) -> None:
    path = written(tmp_path / "a.evtx", original[:at])
    source = source_of(path, positions={})
    first = drain(source)
    assert f"cut off at byte {at}" in source.report.problems[0]
    path.write_bytes(original)
    second = read_all(path, positions=first.positions)
    assert first.values + second.values == records_of(path)
    assert first.dead == second.dead == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"ElfFile\0" + b"\0" * 100, "within the EVTX header"), (b'{"a":1}\n', "has no EVTX header")],
)
def test_what_is_no_evtx_file_is_a_problem(tmp_path: Path, content: bytes, problem: str) -> None:
    source = source_of(written(tmp_path / "a.evtx", content))
    assert drain(source).values == []
    assert problem in source.report.problems[0]


def test_a_chunk_that_gives_fewer_records_than_it_names_is_reported(tmp_path: Path, original: bytes) -> None:
    first, last = struct.unpack_from("<QQ", original, chunk_at(2) + 8)
    source = source_of(
        written(tmp_path / "a.evtx", overwritten(original, chunk_at(2) + 16, struct.pack("<Q", last + 5)))
    )
    drain(source)
    assert f"names {last - first + 6} records, {last - first + 1} can be read" in source.report.problems[0]


def hanging(chunk: bytes) -> bytes:
    """Make the parser go round for ever: two names of the chunk's table, each of which is the other's successor."""
    one, two = [at for (at,) in struct.iter_unpack("<I", chunk[128:384]) if at][:2]
    return overwritten(overwritten(chunk, one, struct.pack("<I", two)), two, struct.pack("<I", one))


def test_a_chunk_on_which_the_parser_hangs_costs_seconds_and_is_a_dead_letter(tmp_path: Path, original: bytes) -> None:
    chunk = original[chunk_at(2) : chunk_at(3)]
    read = read_all(written(tmp_path / "a.evtx", overwritten(original, chunk_at(2), hanging(chunk))))
    (dead,) = read.dead
    assert (dead.reason, dead.detail, dead.length) == ("evtx_chunk", "the parser did not come to an end", CHUNK)
    assert len(read.values) > 500


def test_a_worker_killed_from_outside_is_no_fault_of_the_chunk(original: bytes) -> None:
    parser = EvtxParser()
    before = parser.records(original[:HEADER], original[HEADER : HEADER + CHUNK])
    assert parser._worker
    parser._worker.kill()
    assert parser.records(original[:HEADER], original[HEADER : HEADER + CHUNK]) == before
    parser.close()


@pytest.mark.slow
def test_all_real_files_give_the_records_of_their_json_lines(evtx_originals: Path, shared_data: Path) -> None:
    entries = json.loads((shared_data / "events/manifest.json").read_text())["entries"]
    files = {evtx_originals / entry["evtx_original"]: entry for entry in entries if "evtx_original" in entry}
    read = read_all(*files, again=True)
    values: dict[str, list[bytes]] = {str(path): [] for path in files}
    for file, value in zip(read.files, read.values, strict=True):
        values[file].append(value)
    damaged = {dead.place.rpartition(":")[0] for dead in read.dead}
    for path, entry in files.items():
        lines = gzip.decompress((shared_data / "events" / entry["file"]).read_bytes()).splitlines()
        known = [orjson.loads(value) for value in values[str(path)][: len(lines)]]
        assert known == [orjson.loads(line) for line in lines], path
        # Where a record could not be read, the lines end; the source goes on.
        assert (str(path) in damaged) if entry["unreadable_records"] else len(values[str(path)]) == len(lines), path
