"""Events are found for their traces: by the beginning of their id, by rule and host, and the slowest."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.sinks.classified import DETECTION, NOON_US, classified, dead_letter, detection_verdict
from tests.sinks.store_folder import commit_of, stored
from tocsin.event import Record
from tocsin.flow import Batch
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.merge import merge
from tocsin.sinks.stored_traces import StoredTraces, Wanted
from tocsin.sinks.writer import StoreSettings, StoreWriter
from tocsin.telemetry.stage_times import StageProcess, unpacked

_SECOND_US = 1_000_000


def _stored(folder: Path, *batches: tuple[int, list[Record]]) -> None:
    """Store batches, each at so many seconds after noon."""
    commit = None
    for second, records in batches:
        now_us = NOON_US + second * _SECOND_US
        process = StageProcess("store", "store-0", "node", "1.0")
        writer = StoreWriter(folder, "w0", partial(int, now_us), commit, StoreSettings(), process=process)
        commit = commit_of(writer(Batch(records)))
        writer.committed()
        writer.close()


@pytest.fixture(params=["fresh", "merged"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    found = detection_verdict(DETECTION)
    slow = [classified(1, host="ws2"), classified(2, judged=found, host="WS1"), dead_letter(3)]
    _stored(tmp_path, (9, slow), (12, [classified(5, ingest_us=NOON_US + 11 * _SECOND_US, host="ws1")]))
    if request.param == "merged":
        with closing(Manifest(tmp_path)) as manifest:
            merge(tmp_path, manifest, [each for each in manifest.segments() if each.kind == "events"], NOON_US)
    yield tmp_path


def _offsets(traces: StoredTraces, **wanted: object) -> list[int]:
    return [int(found.event_id[-16:], 16) for found in traces.events(Wanted(**wanted), 10)]  # type: ignore[arg-type]


def test_the_beginning_of_an_id_finds_all_that_begin_so_each_with_its_whole_trace(store: Path) -> None:
    traces = StoredTraces(store)
    [(kind, table)] = traces.rows_of(f"{0:016x}").items()
    rows = table.to_pylist()
    assert (kind, sorted(row["offset"] for row in rows)) == ("events", [1, 2, 5])
    assert all([part.stage for part in unpacked(row["trace"])] == ["store", "write"] for row in rows)
    assert traces.rows_of(f"{0:016x}{5:016x}")["events"]["offset"].to_pylist() == [5]
    assert traces.rows_of("01" * 16)["dead_letters"]["offset"].to_pylist() == [3]
    assert traces.rows_of("ff") == {}


def test_the_slowest_come_first_with_how_long_they_took(store: Path) -> None:
    found = StoredTraces(store).events(Wanted(is_slowest_first=True), 10)
    assert [round(each.seconds or 0) for each in found] == [9, 1]
    assert StoredTraces(store).events(Wanted(is_slowest_first=True), 1) == found[:1]


def test_without_that_the_newest_come_first(store: Path) -> None:
    assert _offsets(StoredTraces(store))[0] == 5
    assert sorted(_offsets(StoredTraces(store))) == [1, 2, 5]


@pytest.mark.parametrize("rule", [DETECTION["id"], "encoded powershell"])
def test_a_rule_is_found_by_its_id_and_by_a_part_of_its_title(store: Path, rule: str) -> None:
    [found] = StoredTraces(store).events(Wanted(rule=rule), 10)
    assert (found.host, found.level, found.rules) == ("WS1", "high", [DETECTION["title"]])


def test_a_host_is_found_whatever_its_capitals_and_quotes_are_no_sql(store: Path) -> None:
    traces = StoredTraces(store)
    assert _offsets(traces, host="ws1") == [5, 2]
    assert _offsets(traces, host="ws1", rule=DETECTION["id"]) == [2]
    assert _offsets(traces, host="' OR true --") == []


def test_a_store_without_times_or_without_anything_has_no_traces(tmp_path: Path) -> None:
    Manifest(tmp_path).close()
    assert StoredTraces(tmp_path).events(Wanted(), 10) == []
    stored(tmp_path, [classified(1)])
    assert [each.seconds for each in StoredTraces(tmp_path).events(Wanted(), 10)] == [None]


@pytest.mark.parametrize("word", ["alert", "true", "author", "ann", "TA00", '":"', "DRL"])
def test_a_rule_is_looked_for_by_its_title_alone(store: Path, word: str) -> None:
    assert _offsets(StoredTraces(store), rule=word) == []


def test_what_is_said_of_an_event_is_its_own_and_not_of_one_that_shares_its_times(tmp_path: Path) -> None:
    found = detection_verdict(DETECTION)
    early, late = classified(1, host=""), classified(2, ingest_us=NOON_US + 5, judged=found, host="ws9")
    _stored(tmp_path, (9, [early, late]))
    (slowest,) = StoredTraces(tmp_path).events(Wanted(is_slowest_first=True), 10)
    assert (int(slowest.event_id[-16:], 16), slowest.level, slowest.host, slowest.rules) == (1, "", "", [])


@pytest.mark.parametrize(("host", "is_found"), [("ws9", True), ("WS9.Harbor.example", True), ("ws", False)])
def test_a_host_is_found_by_its_name_without_the_domain(tmp_path: Path, host: str, is_found: bool) -> None:
    _stored(tmp_path, (9, [classified(1, host="ws9.harbor.example")]))
    assert _offsets(StoredTraces(tmp_path), host=host) == ([1] if is_found else [])
