"""How far the traces of a store were sent, and how many: what survives a kill."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from tocsin.errors import ConfigError, DeliveryError
from tocsin.sinks.files import make_directory

_VERSION = 1
_SCHEMA = """
CREATE TABLE cursors (writer TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE counts (what TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""


class TraceCursor:
    """One connection to `traces.sqlite`, for one thread of one process."""

    def __init__(self, folder: Path, begin: Mapping[str, int]) -> None:
        """Open it in the store folder; a new one begins behind these commits: writer -> sequence number.

        Raises ConfigError: a newer version, or it is damaged.
        """
        make_directory(folder)
        self.is_new = False  # begun by this opening
        self._path = folder / "traces.sqlite"
        self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=60)
        try:
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise ConfigError(
                    f"traces: `{self._path}` was written by a newer Tocsin (format {version}, this one knows"
                    f" {_VERSION}); use that version, or another data directory"
                )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")  # what a power loss undoes is sent again
            if version == 0:
                self._begin(begin)
        except sqlite3.Error as error:
            self._connection.close()
            raise ConfigError(f"traces: `{self._path}` cannot be opened: {error}; remove it to begin anew") from error
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def position(self, writer: str) -> int:
        """Return the last commit of a writer whose traces are done with; 0: none yet."""
        row = self._connection.execute("SELECT seq FROM cursors WHERE writer = ?", (writer,)).fetchone()
        return int(row[0]) if row else 0

    def advance(self, positions: Mapping[str, int], counts: Mapping[str, int]) -> None:
        """Go on behind a commit of each of these writers, and add to what is counted, in one transaction.

        Raises DeliveryError where the disk does not take it: nothing is changed, and the same may be tried again.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO cursors VALUES (?, ?)", positions.items())
            self._connection.executemany(
                "INSERT INTO counts VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(what, count) for what, count in counts.items() if count],
            )
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise DeliveryError(f"traces: `{self._path}` cannot be written: {error}; free some space") from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def start_again(self) -> None:
        """Begin before the first commit of every writer."""
        self._connection.execute("DELETE FROM cursors")

    def counts(self) -> Mapping[str, int]:
        """Return all that was counted so far, by what it is."""
        return dict(self._connection.execute("SELECT what, count FROM counts"))

    def _begin(self, begin: Mapping[str, int]) -> None:
        """A kill leaves all of it or none: one without its beginning would send what was stored before."""
        self._connection.execute("BEGIN IMMEDIATE")
        if self._connection.execute("PRAGMA user_version").fetchone()[0] == 0:  # nobody was quicker
            for statement in _SCHEMA.strip().split("\n"):
                self._connection.execute(statement)
            self._connection.executemany("INSERT INTO cursors VALUES (?, ?)", begin.items())
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            self.is_new = True
        self._connection.execute("COMMIT")
