import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sinks.classified import NOON_US, classified, dead_letter
from tests.sinks.store_folder import commit_of, csv_rows, files_of, parquet_rows, segments_of, stored, writer_of
from tocsin.errors import ConfigError, DeliveryError
from tocsin.event import DEAD_LETTERS, Record
from tocsin.flow import Batch, Outputs
from tocsin.sinks.reader import open_store
from tocsin.sinks.writer import StoreCommitter

DAY_US = 86_400_000_000
SEGMENT_1 = "segments/events/date=2026-01-12/w0-000000000001.parquet"


def test_a_batch_becomes_segments_a_csv_file_and_a_record_that_names_them(tmp_path: Path) -> None:
    records = [classified(1), classified(2, ingest_us=NOON_US + 1_000_000), dead_letter(9)]
    [commit] = stored(tmp_path, records, now_us=NOON_US + 5_000_000)
    named = orjson.loads(commit)
    csv_bytes = (tmp_path / "csv" / "events.v1.w0.000001.csv").stat().st_size
    segments = {segment["kind"]: segment for segment in named.pop("segments")}
    assert named == {
        "v": 1,
        "writer": "w0",
        "seq": 1,
        "csv": {"file": "events.v1.w0.000001.csv", "length": csv_bytes, "rows": 2},
        "written_us": NOON_US + 5_000_000,
        "ingest": [[NOON_US, 1], [NOON_US + 1_000_000, 1]],
        "trace": "",
    }  # fmt: skip
    assert segments["events"] == {
        "kind": "events",
        "date": "2026-01-12",
        "path": SEGMENT_1,
        "rows": 2,
        "bytes": (tmp_path / SEGMENT_1).stat().st_size,
        "min_time": NOON_US,
        "max_time": NOON_US + 1_000_000,
        "min_ingest": NOON_US,
        "max_ingest": NOON_US + 1_000_000,
    }
    assert segments["dead_letters"]["rows"] == 1
    assert [row["offset"] for row in parquet_rows(tmp_path)] == [1, 2]
    assert [row["offset"] for row in csv_rows(tmp_path)] == ["1", "2"]


def test_a_batch_goes_to_the_date_of_its_first_row_but_never_to_one_in_the_future(tmp_path: Path) -> None:
    late = [classified(1, ingest_us=NOON_US - DAY_US), classified(2)]
    claimed = [classified(3, ingest_us=NOON_US + 300 * DAY_US)]
    stored(tmp_path, late, claimed)
    dates = sorted(path.parent.name for path in tmp_path.glob("segments/events/*/*"))
    assert dates == ["date=2026-01-11", "date=2026-01-12"]


def test_a_batch_without_records_or_with_only_unreadable_ones_writes_nothing(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    assert writer(Batch(offsets={("classified-events", 0): 5})) == {}
    writer.committed()
    outputs = writer(Batch([Record(b"broken", topic="classified-events", partition=2, offset=5)]))
    writer.committed()
    writer.close()
    assert list(outputs) == [DEAD_LETTERS]
    assert files_of(tmp_path) == []


def test_what_cannot_be_read_goes_to_dead_letters_and_the_others_are_stored(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    broken = Record(b"broken", headers=(("tocsin", b"stamp"),), topic="classified-events", partition=2, offset=5)
    outputs = writer(Batch([classified(1), broken, classified(2, time="today"), classified(3)]))
    writer.close()
    letters = [(letter.value[:6], letter.header("tocsin.error.reason")) for letter in outputs[DEAD_LETTERS]]
    assert letters == [(b"broken", b"not_json"), (b'{"tocs', b"not_classified")]
    first = outputs[DEAD_LETTERS][0]
    assert first.header("tocsin.error.stage") == b"store"
    assert first.header("tocsin.error.place") == b"classified-events/2/5"
    assert first.header("tocsin") == b"stamp"
    assert [row["offset"] for row in parquet_rows(tmp_path)] == [1, 3]


def test_csv_goes_on_in_a_new_file_at_the_size_and_counts_rows_by_file(tmp_path: Path) -> None:
    writer = writer_of(tmp_path, csv_bytes=700)
    positions = []
    for first in range(0, 12, 3):
        outputs = writer(Batch([classified(k) for k in range(first, first + 3)]))
        writer.committed()
        positions.append(orjson.loads(commit_of(outputs))["csv"])
    writer.close()
    numbers = [(position["file"][-10:], position["rows"]) for position in positions]
    assert numbers == [("000001.csv", 3), ("000002.csv", 3), ("000003.csv", 3), ("000004.csv", 3)]
    assert [row["offset"] for row in csv_rows(tmp_path)] == [str(k) for k in range(12)]


def test_a_start_removes_what_no_commit_names_and_cuts_the_csv(tmp_path: Path) -> None:
    [commit] = stored(tmp_path, [classified(1)])
    whole = (tmp_path / "csv" / "events.v1.w0.000001.csv").read_bytes()
    writer = writer_of(tmp_path, last_commit=commit, csv_bytes=1)
    writer(Batch([classified(2), dead_letter(3)]))  # never committed
    writer.close()
    (tmp_path / "csv" / "events.v1.w0.000001.csv").write_bytes(whole + b"1,torn")
    writer_of(tmp_path, last_commit=commit).close()
    assert files_of(tmp_path) == ["events.v1.w0.000001.csv", "w0-000000000001.parquet"]
    assert (tmp_path / "csv" / "events.v1.w0.000001.csv").read_bytes() == whole


def test_a_start_leaves_the_files_of_other_writers_alone(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)], name="w1")
    stored(tmp_path, [classified(2)], name="w0-1")
    before = files_of(tmp_path)
    writer_of(tmp_path, "w0").close()
    assert files_of(tmp_path) == before


def test_a_batch_that_is_stored_again_after_an_abort_is_there_once(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    batch = Batch([classified(1), classified(2)])
    writer(batch)
    writer.aborted()
    outputs = writer(batch)
    writer.committed()
    writer.close()
    assert orjson.loads(commit_of(outputs))["seq"] == 1
    assert [row["offset"] for row in csv_rows(tmp_path)] == ["1", "2"]
    assert open_store(tmp_path).execute('SELECT list("offset") FROM events').fetchall() == [([1, 2],)]


def test_a_batch_must_be_committed_or_aborted_before_the_next(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    writer(Batch([classified(1)]))
    with pytest.raises(RuntimeError, match="neither committed nor aborted"):
        writer(Batch([classified(2)]))
    writer.close()


def test_rows_are_seen_once_the_commit_is_made_and_not_before(tmp_path: Path) -> None:
    class Bus:
        seen_before = -1

        def commit(self, outputs: Outputs, batch: Batch) -> None:
            self.seen_before = len(segments_of(tmp_path))

        def settle(self) -> None:
            assert len(segments_of(tmp_path)) == self.seen_before

    bus, writer, batch = Bus(), writer_of(tmp_path), Batch([classified(1)])
    StoreCommitter(writer, bus).commit(writer(batch), batch)
    writer.close()
    assert bus.seen_before == 0
    assert [segment.path for segment in segments_of(tmp_path)] == [SEGMENT_1]


def test_a_commit_that_failed_leaves_the_batch_unseen_and_may_be_tried_again(tmp_path: Path) -> None:
    class Bus:
        commits = 0

        def commit(self, outputs: Outputs, batch: Batch) -> None:
            self.commits += 1
            if self.commits == 1:
                raise DeliveryError("busy")

        def settle(self) -> None:
            pass

    writer, batch = writer_of(tmp_path), Batch([classified(1)])
    committer, outputs = StoreCommitter(writer, Bus()), writer(batch)
    with pytest.raises(DeliveryError, match="busy"):
        committer.commit(outputs, batch)
    assert segments_of(tmp_path) == []
    committer.commit(outputs, batch)
    writer.close()
    assert len(segments_of(tmp_path)) == 1


def test_a_commit_that_is_not_settled_is_unseen_and_not_made_twice(tmp_path: Path) -> None:
    class Bus:
        commits = asked = 0

        def commit(self, outputs: Outputs, batch: Batch) -> None:
            self.commits += 1

        def settle(self) -> None:
            self.asked += 1
            if self.asked == 1:
                raise DeliveryError("no answer")

    writer, batch, bus = writer_of(tmp_path), Batch([classified(1)]), Bus()
    committer, outputs = StoreCommitter(writer, bus), writer(batch)
    with pytest.raises(DeliveryError, match="no answer"):
        committer.commit(outputs, batch)
    assert segments_of(tmp_path) == []
    committer.commit(outputs, batch)
    writer.close()
    assert (bus.commits, len(segments_of(tmp_path))) == (1, 1)


def test_a_commit_that_a_crash_kept_from_being_listed_is_listed_at_the_start(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    commit = commit_of(writer(Batch([classified(1)])))
    writer.close()  # died after the bus had committed, before `committed`
    writer_of(tmp_path, last_commit=commit).close()
    assert [row["offset"] for row in parquet_rows(tmp_path)] == [1]
    assert len(segments_of(tmp_path)) == 1


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(file.read_bytes()[:-5]), Path.unlink])
def test_a_csv_that_lost_committed_rows_is_an_error_that_says_what_to_do(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    [commit] = stored(tmp_path, [classified(1)])
    damage(tmp_path / "csv" / "events.v1.w0.000001.csv")
    with pytest.raises(ConfigError, match=r"events\.v1\.w0\.000001\.csv.*Restore it from a backup"):
        writer_of(tmp_path, last_commit=commit)


def test_a_bus_that_knows_less_than_the_store_is_refused_and_nothing_is_removed(tmp_path: Path) -> None:
    first, _ = stored(tmp_path, [classified(1)], [classified(2)])
    before = files_of(tmp_path)
    for last_commit in (None, first):
        with pytest.raises(ConfigError, match="has commit 2 of writer `w0`, but the bus knows only"):
            writer_of(tmp_path, last_commit=last_commit)
    assert files_of(tmp_path) == before


def test_commits_of_another_writer_or_a_newer_version_are_refused(tmp_path: Path) -> None:
    [commit] = stored(tmp_path, [classified(1)])
    with pytest.raises(ConfigError, match="the last commit of writer `w1` is one of `w0`"):
        writer_of(tmp_path, "w1", commit)
    with pytest.raises(ConfigError, match="commits of a newer Tocsin"):
        writer_of(tmp_path, last_commit=commit.replace(b'"v":1', b'"v":2'))
    with pytest.raises(ConfigError, match="is not a commit"):
        writer_of(tmp_path, last_commit=b"{}")


@pytest.mark.parametrize("name", ["", "a.b", "../x", "a/b", "x" * 65, "é"])
def test_a_name_that_could_be_mistaken_in_a_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a writer"):
        writer_of(tmp_path, name)


def test_a_folder_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)])
    (tmp_path / "VERSION").write_text("2\n")
    with pytest.raises(ConfigError, match=r"newer Tocsin \(format 2, this one knows 1\)"):
        writer_of(tmp_path)


def test_a_folder_that_lost_its_manifest_is_refused(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)])
    (tmp_path / "manifest.sqlite").unlink()
    with pytest.raises(ConfigError, match=r"manifest\.sqlite` is missing"):
        writer_of(tmp_path)


def test_many_ingest_times_are_counted_more_coarsely(tmp_path: Path) -> None:
    records = [classified(k, ingest_us=NOON_US + k * 10_000) for k in range(3_000)]
    [commit] = stored(tmp_path, records)
    ingest = orjson.loads(commit)["ingest"]
    assert (len(ingest), sum(rows for _, rows in ingest)) == (30, 3_000)


def test_a_large_batch_is_cut_into_row_groups(tmp_path: Path) -> None:
    stored(tmp_path, [classified(k) for k in range(12_500)])
    metadata = pq.read_metadata(tmp_path / SEGMENT_1)
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == [10_000, 2_500]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=40))
def test_the_raw_bytes_that_came_in_come_out_again(tmp_path_factory: pytest.TempPathFactory, raws: list[bytes]) -> None:
    """Valid JSON comes back as `event`, anything else, whose repaired form is `event`, as `raw`."""
    folder = tmp_path_factory.mktemp("store")
    repaired = [orjson.dumps({"text": raw.decode("utf-8", "replace")}) for raw in raws]
    records = [classified(k, event, raw=raw) for k, (event, raw) in enumerate(zip(repaired, raws, strict=True))]
    records += [classified(100 + k, event) for k, event in enumerate(repaired)]
    stored(folder, records)
    store = open_store(folder)
    rows = store.execute('SELECT coalesce(raw, encode(event)) FROM events ORDER BY "offset"').fetchall()
    store.close()
    assert [bytes(row[0]) for row in rows] == [*raws, *repaired]


def test_a_full_disk_is_an_error_to_retry_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = writer_of(tmp_path)
    writer(Batch([classified(1)]))
    writer.committed()

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("os.pwrite", full)
        with pytest.raises(DeliveryError, match=r"No space left on device\. Nothing is lost; free some space"):
            writer(Batch([classified(2)]))
    writer(Batch([classified(2)]))
    writer.committed()
    writer.close()
    assert [row["offset"] for row in csv_rows(tmp_path)] == ["1", "2"]
    assert [row["offset"] for row in parquet_rows(tmp_path)] == [1, 2]


@pytest.mark.slow
def test_a_disk_that_is_really_full_is_an_error_to_retry_too(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False)
    if mounted.returncode:
        pytest.skip("needs to mount a small file system")
    try:
        writer = writer_of(small)
        with pytest.raises(DeliveryError, match="No space left on device"):
            writer(Batch([classified(k, orjson.dumps(os.urandom(3_000).hex())) for k in range(1_000)]))
        writer(Batch([classified(1)]))
        writer.committed()
        writer.close()
        assert [row["offset"] for row in csv_rows(small)] == ["1"]
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_second_process_of_one_name_is_refused_and_told_the_pid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.sinks.writer._HANDOVER_SECONDS", 0.05)
    writer = writer_of(tmp_path)
    writer(Batch([classified(1)]))
    with pytest.raises(ConfigError, match=f"writer `w0` .* is the process with pid {os.getpid()}; stop that one first"):
        writer_of(tmp_path)
    assert [row["offset"] for row in parquet_rows(tmp_path)] == [1]
    writer.close()
    writer_of(tmp_path).close()
