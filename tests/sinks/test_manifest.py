import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.sinks.classified import NOON_US, classified, dead_letter
from tests.sinks.store_folder import stored, writer_of
from tocsin.errors import ConfigError
from tocsin.event import Record
from tocsin.sinks.manifest import Manifest, percentiles


@pytest.fixture
def commits(tmp_path: Path) -> list[bytes]:
    """Three commits of one writer, which were made in another folder."""
    return stored(tmp_path / "elsewhere", [classified(1), dead_letter(1)], [classified(2)], [classified(3)])


@pytest.fixture
def manifest(tmp_path: Path) -> Iterator[Manifest]:
    opened = Manifest(tmp_path / "store")
    yield opened
    opened.close()


def records_of(commits: list[bytes]) -> list[Record]:
    return [Record(commit, topic="store-commits", partition=0, offset=offset) for offset, commit in enumerate(commits)]


def test_applying_a_commit_twice_is_the_same_as_once(manifest: Manifest, commits: list[bytes]) -> None:
    for commit in (commits[0], commits[0], commits[1], commits[0]):
        manifest.apply(commit, NOON_US + 1_000_000)
    assert [(segment.kind, segment.rows) for segment in manifest.segments()] == [
        ("dead_letters", 1),
        ("events", 1),
        ("events", 1),
    ]
    assert (manifest.applied_seq("w0"), manifest.last_commit("w0")) == (2, commits[1])
    assert sum(manifest.latencies().values()) == 2


def test_a_commit_before_which_one_is_missing_is_refused(manifest: Manifest, commits: list[bytes]) -> None:
    manifest.apply(commits[0], NOON_US)
    with pytest.raises(ConfigError, match="commit 2 of writer `w0` is missing before commit 3"):
        manifest.apply(commits[2], NOON_US)
    assert manifest.applied_seq("w0") == 1


def test_catching_up_lists_what_is_missing_and_remembers_how_far_it_read(
    manifest: Manifest, commits: list[bytes]
) -> None:
    manifest.apply(commits[0], NOON_US)
    manifest.catch_up(0, records_of(commits)[:2], NOON_US)
    assert (manifest.next_offset(0), manifest.applied_seq("w0")) == (2, 2)
    manifest.catch_up(0, records_of(commits)[2:], NOON_US)
    assert (manifest.next_offset(0), manifest.next_offset(1), manifest.applied_seq("w0")) == (3, 0, 3)


def test_latencies_are_told_within_ten_percent_and_can_be_subtracted(tmp_path: Path) -> None:
    writer_of(tmp_path).close()
    stored(tmp_path, [classified(k, ingest_us=NOON_US) for k in range(99)], now_us=NOON_US + 200_000)
    manifest = Manifest(tmp_path)
    assert percentiles(manifest.latencies(), 50, 99) == pytest.approx([0.2, 0.2], rel=0.1)
    before = manifest.latencies()
    stored(tmp_path, [classified(100), classified(101)], name="w1", now_us=NOON_US + 8_000_000)
    assert percentiles(manifest.latencies(), 50, 98, 100) == pytest.approx([0.2, 0.2, 8.0], rel=0.1)
    assert percentiles(manifest.latencies() - before, 50) == pytest.approx([8.0], rel=0.1)
    manifest.close()


def test_without_events_there_are_no_latencies(manifest: Manifest) -> None:
    assert percentiles(manifest.latencies(), 50, 99) == [None, None]


def test_a_clock_that_lags_behind_the_source_counts_as_no_latency(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1, ingest_us=NOON_US + 5_000_000)])
    with closing(Manifest(tmp_path)) as manifest:
        assert percentiles(manifest.latencies(), 50) == pytest.approx([0.000001], rel=0.1)


def test_a_manifest_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Manifest(tmp_path).close()
    with sqlite3.connect(tmp_path / "manifest.sqlite") as connection:
        connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(ConfigError, match=r"newer Tocsin \(format 3, this one knows 2\)"):
        Manifest(tmp_path)


def test_a_damaged_manifest_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    Manifest(tmp_path).close()
    (tmp_path / "manifest.sqlite").write_bytes(b"no database" * 1_000)
    with pytest.raises(ConfigError, match=r"cannot be opened: file is not a database; restore it from a backup"):
        Manifest(tmp_path)
