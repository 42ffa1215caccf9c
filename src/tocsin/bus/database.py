"""The SQLite file under the embedded bus: opened by version, read freely, written in turn."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from tocsin.durable import sync, sync_names
from tocsin.errors import ConfigError, DeliveryError
from tocsin.locks import WriteTurn

_VERSION = 1
_PAGE_BYTES = 16_384  # a block of records is some hundred KB: fewer, larger pages
_WAL_KEPT_BYTES = 64 << 20  # what the write-ahead log keeps of the disk once it is empty
_BUSY_SECONDS = 60.0  # only somebody else's tools make us wait: we ourselves write in turn

_SCHEMA = """
CREATE TABLE bus (id TEXT NOT NULL, created_us INTEGER NOT NULL);
CREATE TABLE topics (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
    retention_seconds INTEGER NOT NULL, retention_bytes INTEGER NOT NULL);
CREATE TABLE partitions (
    topic INTEGER NOT NULL, partition INTEGER NOT NULL, first_offset INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, partition INTEGER NOT NULL, base_offset INTEGER NOT NULL,
    count INTEGER NOT NULL, bytes INTEGER NOT NULL, appended_us INTEGER NOT NULL, records BLOB NOT NULL);
CREATE UNIQUE INDEX block_places ON blocks (topic, partition, base_offset, count, bytes, appended_us);
CREATE TABLE offsets (
    consumer_group TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic, partition)) WITHOUT ROWID;
CREATE TABLE positions (
    owner TEXT NOT NULL, input TEXT NOT NULL, position BLOB NOT NULL, PRIMARY KEY (owner, input)) WITHOUT ROWID;
"""


class Database:
    """One connection to the file, for one thread of one process.

    Writers take turns by a lock of their own, in which their automatic checkpoints run too: SQLite before 3.51.3 may
    damage a file that two connections checkpoint at the same moment (sqlite.org/wal.html#walresetbug).
    """

    def __init__(self, folder: Path) -> None:
        """Open `folder`/bus.sqlite, made if need be. Raises ConfigError: newer version, damaged, not accessible."""
        self._folder = folder
        self._own_commits = 0
        try:
            self._turn = WriteTurn(folder / "locks" / "write.lock")
            self._connection = sqlite3.connect(folder / "bus.sqlite", isolation_level=None, timeout=_BUSY_SECONDS)
        except (OSError, sqlite3.Error) as error:
            raise self._not_opened(error) from error
        try:
            with self._turn:
                _prepare(self._connection, folder)
        except sqlite3.OperationalError as error:
            self.close()
            raise self._not_opened(error) from error
        except sqlite3.DatabaseError as error:
            self.close()
            raise self._damaged(error) from error
        except ConfigError:
            self.close()
            raise

    def close(self) -> None:
        with self._turn:  # the last one to close a file makes a checkpoint
            self._connection.close()
        self._turn.close()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query. Raises DeliveryError where it may be tried again, ConfigError on damage."""
        with self._named_errors():
            return self._connection.execute(query, values).fetchall()

    def rows_until(
        self, is_enough: Callable[[tuple[Any, ...]], bool], query: str, values: Sequence[Any]
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a query up to and with the first that is enough. Errors as with `rows`."""
        taken = []
        with self._named_errors():
            cursor = self._connection.execute(query, values)
            for row in cursor:
                taken.append(row)
                if is_enough(row):
                    break
            cursor.close()  # ends the read transaction: an open one keeps the write-ahead log from being emptied
        return taken

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction, durable at the end. Raises DeliveryError where nothing was committed."""
        with self._turn, self._named_errors():
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        self._own_commits += 1

    def vacuum(self, pages: int) -> None:
        """Move so many pages from the end of the file into free ones, in one transaction."""
        with self._turn, self._named_errors():
            # `execute` would end the statement after its first page.
            self._connection.executescript(f"PRAGMA incremental_vacuum({pages})")

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file, which then also shrinks; as far as readers and the disk allow."""
        with self._turn, self._named_errors(), suppress(sqlite3.OperationalError):  # the next commit tries again
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def change_mark(self) -> tuple[int, int]:
        """Return a mark that differs once any process has committed since; costs microseconds."""
        return self.rows("PRAGMA data_version")[0][0], self._own_commits

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # the error that led here says more; the next BEGIN would meet this one
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise DeliveryError(f"bus `{self._folder}`: {error}") from error
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise
            raise self._damaged(error) from error

    def _not_opened(self, error: Exception) -> ConfigError:
        return ConfigError(f"bus: `{self._folder}/bus.sqlite` cannot be opened: {error}")

    def _damaged(self, error: sqlite3.Error) -> ConfigError:
        return ConfigError(
            f"bus: `{self._folder}/bus.sqlite` is damaged ({error}); check the disk, then restore the folder from a"
            " backup, or start with an empty data directory"
        )


def _prepare(connection: sqlite3.Connection, folder: Path) -> None:
    """Set the file up, or check that its version is ours."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise ConfigError(
            f"bus: `{folder}` was written by a newer Tocsin (format {version}, this one knows {_VERSION});"
            " use that version, or another data directory"
        )
    if version == 0:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise ConfigError(f"bus: `{folder}` lies on a file system that cannot share memory; use a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone does not reach the disk
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute("PRAGMA cache_size = -8192")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
    log = folder / "bus.sqlite-wal"
    if log.exists():  # a killed process may have left a commit there that we read, and that is not on the disk yet
        sync(log)
    if version == 0:
        sync_names(folder)  # first: what has a version is never asked again
        _create(connection)


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO bus VALUES (?, ?)", (uuid4().hex, time.time_ns() // 1000))
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")
