"""What was sent is remembered with what was counted, and begins behind what was stored before."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from tocsin.errors import ConfigError, DeliveryError
from tocsin.sinks.trace_cursor import TraceCursor


def test_a_new_one_begins_behind_what_is_stored_already_and_one_that_is_there_goes_on(tmp_path: Path) -> None:
    with closing(TraceCursor(tmp_path, {"w0": 7})) as cursor:
        assert (cursor.position("w0"), cursor.position("w1")) == (7, 0)
        cursor.advance({"w0": 8}, {"sent": 16, "limited": 0})
    with closing(TraceCursor(tmp_path, {"w0": 99, "w1": 99})) as cursor:
        assert (cursor.position("w0"), cursor.position("w1")) == (8, 0)
        cursor.advance({"w0": 9}, {"sent": 4, "rejected": 1})
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


def test_one_whose_making_was_cut_off_is_made_anew_with_its_beginning(tmp_path: Path) -> None:
    with pytest.raises(AttributeError):
        TraceCursor(tmp_path, _Breaking(w0=7))
    with closing(TraceCursor(tmp_path, {"w0": 8})) as cursor:
        assert cursor.position("w0") == 8


class _Breaking(dict[str, int]):
    """Where it begins cannot be told: a stand-in for a kill at that moment."""

    def items(self) -> NoReturn:
        raise AttributeError


def test_what_the_disk_does_not_take_is_not_counted_and_may_be_tried_again(tmp_path: Path) -> None:
    with closing(TraceCursor(tmp_path, {"w0": 7})) as cursor:
        cursor._connection.execute("PRAGMA query_only = 1")
        with pytest.raises(DeliveryError, match=r"traces\.sqlite` cannot be written"):
            cursor.advance({"w0": 8}, {"sent": 1})
        assert (cursor.position("w0"), cursor.counts()) == (7, {})
        cursor._connection.execute("PRAGMA query_only = 0")
        cursor.advance({"w0": 8}, {"sent": 1})
        assert (cursor.position("w0"), cursor.counts()) == (8, {"sent": 1})
