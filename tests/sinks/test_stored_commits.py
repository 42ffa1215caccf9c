"""Rows are found by the commit that they came with, wherever they are by now."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.classified import NOON_US, classified, dead_letter
from tests.sinks.traced_store import SECOND_US, merge_all, store
from tocsin.sinks import stored_commits
from tocsin.sinks.manifest import Manifest, Segment, unlist
from tocsin.sinks.merge import merge
from tocsin.sinks.stored_commits import SegmentUnreadableError, StoredCommits, commits_after, rows_of
from tocsin.telemetry.stage_times import unpacked

_Rows = tuple[str, int, list[Any]]  # kind, second, offsets
_Found = tuple[int, int, int, list[_Rows]]  # first, last, rows


def _after(
    folder: Path, seq: int = 0, writer: str = "w0", segments: list[Segment] | None = None
) -> list[StoredCommits]:
    with closing(Manifest(folder)) as manifest:
        listed = manifest.writers()[writer]
        return list(commits_after(manifest, writer, seq, listed, manifest.segments() if segments is None else segments))


def _found(folder: Path, seq: int = 0, writer: str = "w0") -> list[_Found]:
    return [
        (commits.first, commits.last, commits.rows, _rows(folder, commits)) for commits in _after(folder, seq, writer)
    ]


def _rows(folder: Path, commits: StoredCommits) -> list[_Rows]:
    return [
        (stored.kind, (stored.stored_us - NOON_US) // SECOND_US, stored.rows["offset"].to_pylist())
        for stored in rows_of(folder, commits)
        if "offset" in stored.rows.column_names
    ]


def _unlist(folder: Path, segments: Sequence[Segment]) -> None:
    with closing(Manifest(folder)) as manifest, manifest.edit() as connection:
        unlist(connection, [segment.path for segment in segments], NOON_US)


def _events(second: int, *offsets: int) -> _Rows:
    return ("events", second, list(offsets))


def _letters(second: int, *offsets: int) -> _Rows:
    return ("dead_letters", second, list(offsets))


def test_commits_are_found_one_by_one_with_their_events_and_dead_letters(tmp_path: Path) -> None:
    store(tmp_path, [classified(1), dead_letter(7), classified(2)], [classified(3)])
    first = (1, 1, 3, [_letters(1, 7), _events(1, 1, 2)])
    second = (2, 2, 1, [_events(2, 3)])
    assert _found(tmp_path) == [first, second]
    assert _found(tmp_path, 1) == [second]
    assert _found(tmp_path, 2) == []


def test_a_row_has_its_whole_trace_fresh_or_merged(tmp_path: Path) -> None:
    store(tmp_path, [classified(1)], [classified(2)])
    for _ in range(2):
        traces = [
            packed
            for commits in _after(tmp_path)
            for stored in rows_of(tmp_path, commits)
            for packed in stored.rows["trace"].to_pylist()
        ]
        stages = [[(part.stage, part.instance) for part in unpacked(packed or b"")] for packed in traces]
        assert stages == [[("store", "store-0"), ("write", f"w0-{seq:012d}")] for seq in (1, 2)]
        merge_all(tmp_path)


def test_merged_rows_are_found_by_commit_each_with_its_own_time(tmp_path: Path) -> None:
    store(tmp_path, [classified(1), classified(2)], [classified(3)], [classified(4)])
    merge_all(tmp_path)
    store(tmp_path, [classified(5)], second=4)
    fresh = (4, 4, 1, [_events(4, 5)])
    assert _found(tmp_path, 1) == [(2, 3, 2, [_events(2, 3), _events(3, 4)]), fresh]
    assert _found(tmp_path, 3) == [fresh]


@pytest.mark.parametrize("kind", ["events", "dead_letters"])
def test_a_commit_is_whole_also_where_only_one_kind_of_its_segments_was_merged(tmp_path: Path, kind: str) -> None:
    store(tmp_path, [classified(1), dead_letter(7)], [classified(2), dead_letter(8)])
    merge_all(tmp_path, kind)
    [(first, last, rows, found)] = _found(tmp_path)
    assert (first, last, rows) == (1, 2, 4)
    assert sorted(found) == [_letters(1, 7), _letters(2, 8), _events(1, 1), _events(2, 2)]


def test_two_writers_are_kept_apart_fresh_and_merged(tmp_path: Path) -> None:
    for second in (1, 2):
        store(tmp_path, [classified(second)], name="w0", second=second)
        store(tmp_path, [classified(second + 10)], name="w1", second=second)
    assert [rows for *_, rows in _found(tmp_path, writer="w1")] == [[_events(1, 11)], [_events(2, 12)]]
    merge_all(tmp_path)
    assert _found(tmp_path, writer="w0") == [(1, 2, 2, [_events(1, 1), _events(2, 2)])]
    assert _found(tmp_path, writer="w1") == [(1, 2, 2, [_events(1, 11), _events(2, 12)])]


def test_what_was_removed_is_missing_from_the_rows_and_not_from_their_number(tmp_path: Path) -> None:
    store(tmp_path, [classified(1)], [classified(2), classified(3)], [classified(4)])
    _unlist(tmp_path, [segment for commits in _after(tmp_path)[:2] for segment in commits.segments])
    assert _found(tmp_path) == [(1, 2, 3, []), (3, 3, 1, [_events(3, 4)])]


def test_commits_that_the_manifest_has_forgotten_are_found_all_the_same(tmp_path: Path) -> None:
    store(tmp_path, [classified(1)], [classified(2)])
    merge_all(tmp_path)
    store(tmp_path, [classified(3)], [classified(4)], second=3)
    with closing(Manifest(tmp_path)) as manifest:
        manifest.forget_commits(NOON_US + 3 * SECOND_US + 1)
    assert _found(tmp_path, 1) == [(2, 3, 0, [_events(3, 3), _events(2, 2)]), (4, 4, 1, [_events(4, 4)])]
    with closing(Manifest(tmp_path)) as manifest:
        manifest.forget_commits(NOON_US + 9 * SECOND_US)
    assert _found(tmp_path, 2) == [(3, 4, 0, [_events(3, 3), _events(4, 4)])]


def test_a_commit_between_listing_segments_and_asking_is_none_that_was_removed(tmp_path: Path) -> None:
    """How far a writer is listed is asked first: so a segment may be there that nobody asks for, never the reverse."""
    store(tmp_path, [classified(1)], [classified(2)])
    with closing(Manifest(tmp_path)) as manifest:
        assert [each.last for each in commits_after(manifest, "w0", 0, 1, manifest.segments())] == [1]


def test_a_file_merged_since_it_was_listed_says_so_and_one_that_is_damaged_does(tmp_path: Path) -> None:
    store(tmp_path, [classified(1)], [classified(2)])
    [first, second] = _after(tmp_path)
    merge_all(tmp_path)
    paths = [tmp_path / commits.segments[0].path for commits in (first, second)]
    paths[0].unlink()
    paths[1].write_bytes(b"PAR1 but no more of it")
    for commits in (first, second):
        with pytest.raises(SegmentUnreadableError, match="cannot be read") as raised:
            list(rows_of(tmp_path, commits))
        assert raised.value.path == commits.segments[0].path


def test_merged_rows_without_times_are_counted_with_every_commit_as_nothing_says_whose_they_are(tmp_path: Path) -> None:
    store(tmp_path, [classified(1), classified(2)], is_traced=False)
    store(tmp_path, [classified(3)], second=2)
    merge_all(tmp_path)
    [commits] = _after(tmp_path)
    found = [(stored.rows["trace"].null_count, stored.rows.num_rows) for stored in rows_of(tmp_path, commits)]
    assert sorted(found) == [(0, 1), (2, 2)]


def test_many_merged_commits_are_looked_for_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_commits, "_MERGED_ROWS_AT_ONCE", 3)
    monkeypatch.setattr(stored_commits, "_COMMITS_AT_ONCE", 6)
    store(tmp_path, *([classified(number)] for number in range(1, 9)))
    merge_all(tmp_path)
    assert [(commits.first, commits.last) for commits in _after(tmp_path)] == [(1, 3), (4, 6)]
    assert [(commits.first, commits.last) for commits in _after(tmp_path, 6)] == [(7, 8)]


def test_a_merged_file_that_was_written_before_a_commit_is_not_searched_for_it(tmp_path: Path) -> None:
    store(tmp_path, [classified(1)], [classified(2)])
    merge_all(tmp_path)
    with closing(Manifest(tmp_path)) as manifest:
        [older] = manifest.segments()
    store(tmp_path, [classified(3), dead_letter(7)], second=3)
    _unlist(tmp_path, _after(tmp_path, 2)[0].segments)
    [commits] = _after(tmp_path, 2)
    assert (commits.rows, list(commits.merged)) == (2, [])
    assert older in _after(tmp_path, 1)[0].merged


def test_after_a_clock_was_set_back_merged_rows_are_found_all_the_same(tmp_path: Path) -> None:
    store(tmp_path, [classified(1)], second=3600)
    store(tmp_path, [classified(2)], [classified(3)], second=1)
    with closing(Manifest(tmp_path)) as manifest:
        ahead, *right = manifest.segments()
        merge(tmp_path, manifest, [ahead], NOON_US)
        merge(tmp_path, manifest, right, NOON_US)
    (found,) = _found(tmp_path)
    assert found[:3] == (1, 3, 3)
    assert sorted(found[3]) == [_events(1, 2), _events(2, 3), _events(3600, 1)]


def test_commits_that_are_forgotten_come_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_commits, "_COMMITS_AT_ONCE", 2)
    store(tmp_path, *([classified(number)] for number in range(5)))
    with closing(Manifest(tmp_path)) as manifest, manifest.edit() as connection:
        connection.execute("DELETE FROM commits")
    assert [(commits.first, commits.last) for commits in _after(tmp_path)] == [(1, 2), (3, 4), (5, 5)]
