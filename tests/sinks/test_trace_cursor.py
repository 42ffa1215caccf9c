"""What was sent is remembered with what was counted, and begins behind what was stored before."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tocsin.errors import ConfigError
from tocsin.sinks.trace_cursor import TraceCursor


def test_a_new_one_begins_behind_what_is_stored_already_and_one_that_is_there_goes_on(tmp_path: Path) -> None:
    with closing(TraceCursor(tmp_path, {"w0": 7})) as cursor:
        assert (cursor.position("w0"), cursor.position("w1")) == (7, 0)
        cursor.advance("w0", 8, {"sent": 16, "limited": 0})
    with closing(TraceCursor(tmp_path, {"w0": 99, "w1": 99})) as cursor:
        assert (cursor.position("w0"), cursor.position("w1")) == (8, 0)
        cursor.advance("w0", 9, {"sent": 4, "rejected": 1})
        assert cursor.counts() == {"sent": 20, "rejected": 1}


def test_one_of_a_newer_version_or_damaged_is_refused(tmp_path: Path) -> None:
    TraceCursor(tmp_path, {}).close()
    with closing(sqlite3.connect(tmp_path / "traces.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(ConfigError, match="newer Tocsin"):
        TraceCursor(tmp_path, {})
    (tmp_path / "traces.sqlite").write_bytes(b"no database" * 1_000)
    with pytest.raises(ConfigError, match="cannot be opened"):
        TraceCursor(tmp_path, {})
