import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sinks.classified import NOON_US, classified, dead_letter
from tests.sinks.store_folder import files_of, segments_of, stored, writer_of
from tocsin.errors import ConfigError
from tocsin.flow import Batch
from tocsin.sinks.compact import Maintenance, MaintenanceReport, MaintenanceSettings
from tocsin.sinks.manifest import Manifest, Segment
from tocsin.sinks.merge import due_groups
from tocsin.sinks.reader import open_store

DAY_US = 86_400_000_000
EAGER = MaintenanceSettings(merge_files=2, grace_seconds=60)


def maintained(folder: Path, settings: MaintenanceSettings = EAGER, now_us: int = NOON_US) -> MaintenanceReport | None:
    maintenance = Maintenance(folder, settings)
    report = maintenance.run_once(now_us)
    maintenance.close()
    return report


def offsets(folder: Path) -> list[int]:
    return [row[0] for row in open_store(folder).execute('SELECT "offset" FROM events ORDER BY 1').fetchall()]


def segment(number: int, size: int, is_merged: bool = False, date: str = "2026-01-12") -> Segment:
    return Segment(f"{number}", "events", date, is_merged, 1, size, None, None, None, None, number)


def groups(segments: Sequence[Segment], today: str = "2026-01-12") -> list[list[int]]:
    """Merge from 10 fresh files on; between 100 and 300 bytes."""
    return [[int(part.path) for part in group] for group in due_groups(segments, today, 100, 300, 10)]


def test_small_segments_become_one_that_holds_the_same_rows(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1), dead_letter(1)], [classified(2)], [classified(3), dead_letter(2)])
    before = open_store(tmp_path).execute("SELECT * FROM events ORDER BY ALL").fetchall()
    assert maintained(tmp_path) == MaintenanceReport(merged_segments=5, merged_rows=5)
    listed = segments_of(tmp_path)
    assert sorted((part.kind, part.rows, part.is_merged) for part in listed) == [
        ("dead_letters", 2, True),
        ("events", 3, True),
    ]
    assert open_store(tmp_path).execute("SELECT * FROM events ORDER BY ALL").fetchall() == before


def test_the_files_that_were_merged_stay_for_the_grace_period(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)], [classified(2)])
    reader = open_store(tmp_path)
    maintained(tmp_path)
    assert reader.execute("SELECT count(*) FROM events").fetchone() == (2,)
    assert maintained(tmp_path, now_us=NOON_US + 59_000_000) == MaintenanceReport()
    assert maintained(tmp_path, now_us=NOON_US + 61_000_000) == MaintenanceReport(deleted_files=2)
    assert [name[:6] for name in files_of(tmp_path)] == ["events", "merged"]
    assert offsets(tmp_path) == [1, 2]


def test_fresh_segments_wait_for_company_and_those_of_a_past_day_do_not() -> None:
    assert groups([segment(k, 1) for k in range(9)]) == []
    assert groups([segment(k, 1) for k in range(10)]) == [list(range(10))]
    assert groups([segment(k, 1) for k in range(2)], today="2026-01-13") == [[0, 1]]
    assert groups([segment(0, 1)], today="2026-01-13") == []
    assert groups([segment(0, 60), segment(1, 60)]) == [[0, 1]]


def test_what_was_merged_is_merged_again_only_into_a_file_of_the_least_size() -> None:
    assert groups([segment(k, 10, is_merged=True) for k in range(9)], today="2026-01-13") == []
    assert groups([segment(k, 10, is_merged=True) for k in range(10)]) == [list(range(10))]
    assert groups([segment(k, 100, is_merged=True) for k in range(10)]) == []


def test_merged_files_stay_below_the_greatest_size_and_within_a_date() -> None:
    assert groups([segment(k, 90) for k in range(5)]) == [[0, 1, 2], [3, 4]]
    assert groups([segment(0, 60), segment(1, 60, date="2026-01-11")], today="2026-01-12") == []


def test_segments_older_than_the_retention_are_removed(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)], now_us=NOON_US)
    stored(tmp_path, [classified(2)], name="w1", now_us=NOON_US + 2 * DAY_US)
    settings = MaintenanceSettings(retention_days=1, grace_seconds=60)
    assert maintained(tmp_path, settings, NOON_US + 2 * DAY_US) == MaintenanceReport(expired_segments=1)
    assert offsets(tmp_path) == [2]
    assert maintained(tmp_path, settings, NOON_US + 2 * DAY_US + 61_000_000) == MaintenanceReport(deleted_files=1)


def test_age_is_counted_from_the_storing_not_from_what_an_event_claims(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1, ingest_us=0)])
    assert maintained(tmp_path) == MaintenanceReport()


def test_the_oldest_is_removed_until_the_size_fits(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)], now_us=NOON_US)
    stored(tmp_path, [classified(2)], name="w1", now_us=NOON_US + 1)
    stored(tmp_path, [classified(3)], name="w2", now_us=NOON_US + 2)
    size = sum(part.bytes for part in segments_of(tmp_path))
    settings = MaintenanceSettings(retention_bytes=size - 1)
    assert maintained(tmp_path, settings) == MaintenanceReport(expired_segments=1)
    assert offsets(tmp_path) == [2, 3]


def test_csv_files_are_removed_by_age_but_never_the_one_being_written(tmp_path: Path) -> None:
    writer = writer_of(tmp_path, csv_bytes=1)
    for number in range(3):
        writer(Batch([classified(number)]))
        writer.committed()
    writer.close()
    for path in tmp_path.glob("csv/*"):
        os.utime(path, (0, 0))
    settings = MaintenanceSettings(retention_days=1)
    assert maintained(tmp_path, settings) == MaintenanceReport(expired_csv_files=2)
    assert [path.name for path in tmp_path.glob("csv/*")] == ["events.v1.w0.000003.csv"]


def test_a_merged_file_that_was_never_listed_is_removed(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)])
    orphan = tmp_path / "segments/events/date=2026-01-12/merged.0123.parquet"
    orphan.write_bytes(b"half of a file")
    assert maintained(tmp_path, MaintenanceSettings()) == MaintenanceReport(deleted_files=1)
    assert not orphan.exists()


def test_only_one_process_maintains_a_store(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)], [classified(2)])
    with (tmp_path / "maintenance.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert maintained(tmp_path) is None
    assert maintained(tmp_path) == MaintenanceReport(merged_segments=2, merged_rows=2)


def test_a_writer_goes_on_where_it_was_after_its_segments_were_merged(tmp_path: Path) -> None:
    commits = stored(tmp_path, [classified(1)], [classified(2)])
    maintained(tmp_path)
    writer = writer_of(tmp_path, last_commit=commits[-1])
    writer(Batch([classified(3)]))
    writer.committed()
    writer.close()
    assert offsets(tmp_path) == [1, 2, 3]


def test_a_segment_that_is_missing_or_damaged_is_an_error_that_names_it(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)], [classified(2)])
    (tmp_path / segments_of(tmp_path)[1].path).write_bytes(b"PAR1 no more")
    with pytest.raises(ConfigError, match=r"w0-000000000002\.parquet` cannot be read"):
        maintained(tmp_path)
    assert len(segments_of(tmp_path)) == 2


def test_the_rows_of_commits_are_forgotten_after_a_week_and_their_latencies_are_not(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)])
    maintained(tmp_path, now_us=NOON_US + 8 * DAY_US)
    manifest = Manifest(tmp_path)
    with manifest.edit() as connection:
        assert connection.execute("SELECT count(*) FROM commits").fetchone() == (0,)
    assert sum(manifest.latencies().values()) == 1
    manifest.close()
