"""What became of traces is read beside whoever sends them, and a file that cannot be read is no error."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tocsin.sinks import trace_counts as module
from tocsin.sinks.trace_counts import trace_counts
from tocsin.sinks.trace_cursor import TraceCursor


def test_what_was_counted_is_read_beside_whoever_counts_it(tmp_path: Path) -> None:
    with closing(TraceCursor(tmp_path, {"w1": 3})) as cursor:
        cursor.advance({"w0": 8}, {"sent": 16, "limited": 2})
        found = trace_counts(tmp_path)
        assert found
        assert found.counts == {"sent": 16, "rejected": 0, "refused": 0, "limited": 2, "expired": 0, "failed": 0}
        assert found.positions == {"w0": 8, "w1": 3}
        cursor.advance({"w0": 9}, {"sent": 8})
    again = trace_counts(tmp_path)
    assert again
    assert (again.counts["sent"], again.positions["w0"]) == (24, 9)
    with closing(TraceCursor(tmp_path, {})) as cursor:
        assert cursor.position("w0") == 9


def test_where_no_traces_were_begun_there_is_nothing_and_nothing_is_made(tmp_path: Path) -> None:
    assert trace_counts(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no database" * 1_000])
def test_a_damaged_file_has_nothing_to_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "traces.sqlite").write_bytes(content)
    assert trace_counts(tmp_path) is None


def test_a_file_that_somebody_has_locked_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.01)
    TraceCursor(tmp_path, {}).close()
    with closing(sqlite3.connect(tmp_path / "traces.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert trace_counts(tmp_path) is None
        other.execute("ROLLBACK")
