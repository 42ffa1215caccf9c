"""The manifest: which files readers see, filled from commit records, edited by compaction and retention."""

import fcntl
import math
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import orjson

from tocsin.errors import ConfigError, DeliveryError
from tocsin.event import Record
from tocsin.failpoints import failpoint
from tocsin.sinks.files import make_directory
from tocsin.sinks.layout import check_version, write_version

COMMIT_VERSION = 1

_VERSION = 2
_BUCKETS_PER_DOUBLING = 8  # of latency: a bucket is 9 % wide
_SCHEMA = """
CREATE TABLE writers (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, last_commit BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE commits (
    writer TEXT NOT NULL, seq INTEGER NOT NULL, events INTEGER NOT NULL, dead_letters INTEGER NOT NULL,
    bytes INTEGER NOT NULL, written_us INTEGER NOT NULL, listed_us INTEGER NOT NULL,
    PRIMARY KEY (writer, seq)) WITHOUT ROWID;
CREATE TABLE segments (
    path TEXT PRIMARY KEY, kind TEXT NOT NULL, date TEXT NOT NULL, is_merged INTEGER NOT NULL, rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL, min_time INTEGER, max_time INTEGER, min_ingest INTEGER, max_ingest INTEGER,
    written_us INTEGER NOT NULL, trace BLOB) WITHOUT ROWID;
CREATE TABLE garbage (path TEXT PRIMARY KEY, unlisted_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE read_to (partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE latency (bucket INTEGER PRIMARY KEY, count INTEGER NOT NULL);
"""


Part = bytes  # of a trace, packed

_FROM_1_TO_2 = "ALTER TABLE segments ADD COLUMN trace BLOB;"


@dataclass(frozen=True)
class Segment:
    """One Parquet file that readers see. Times are microseconds since 1970; None where no row has one."""

    path: str  # in the store folder
    kind: str
    date: str
    is_merged: bool
    rows: int
    bytes: int
    min_time: int | None
    max_time: int | None
    min_ingest: int | None
    max_ingest: int | None
    written_us: int
    trace: Part | None = None  # when it was written: belongs behind the trace of each row. None: its rows have none


@dataclass(frozen=True)
class ListedCommit:
    """One commit of a writer."""

    seq: int
    rows: int  # events and dead letters
    written_us: int


def commit_key(installation: str, writer: str) -> bytes:
    """Return the key of a writer's records on `store-commits`: its name, behind its installation where there is one."""
    return f"{installation}/{writer}".encode() if installation else writer.encode()


class Manifest:
    """One connection to `manifest.sqlite`, for one thread of one process."""

    def __init__(self, folder: Path) -> None:
        """Open the store in `folder`, made if need be. Raises ConfigError: a newer version, or it is damaged."""
        make_directory(folder)
        is_store = check_version(folder)
        self._path = folder / "manifest.sqlite"
        # Writers take turns by this lock, in which their checkpoints run too: SQLite before 3.51.3 may damage a file
        # that two connections checkpoint at the same moment (sqlite.org/wal.html#walresetbug).
        self._turn = os.open(folder / "manifest.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=60)
        try:
            self._prepare()
        except ConfigError:
            self.close()
            raise
        if not is_store:
            write_version(folder)

    def close(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_EX)  # the last connection to close makes a checkpoint
        self._connection.close()
        os.close(self._turn)

    # From commit records

    def apply(self, commit: bytes, listed_us: int) -> None:
        """List what a commit record names. Doing it again is harmless.

        Raises ConfigError when the record is of a newer version, or one before it was never applied.
        """
        with self._transaction() as connection:
            self._apply(connection, commit, listed_us)

    def catch_up(self, partition: int, records: Iterable[Record], listed_us: int, installation: str = "") -> None:
        """Apply records of one partition of `store-commits`, read from `next_offset(partition)` on.

        Where several installations share the bus, only those of `installation` are meant; see `commit_key`.
        """
        following = self.next_offset(partition)
        with self._transaction() as connection:
            for record in records:
                if not installation or record.key.startswith(commit_key(installation, "")):
                    self._apply(connection, record.value, listed_us)
                following = record.offset + 1
            connection.execute(
                "INSERT INTO read_to VALUES (?, ?) ON CONFLICT DO UPDATE"
                " SET next_offset = max(next_offset, excluded.next_offset)",
                (partition, following),
            )

    def next_offset(self, partition: int) -> int:
        """Return up to where `catch_up` has read a partition of `store-commits`."""
        row = self._connection.execute("SELECT next_offset FROM read_to WHERE partition = ?", (partition,)).fetchone()
        return int(row[0]) if row else 0

    def applied_seq(self, writer: str) -> int:
        """Return the sequence number of a writer's last commit that is listed; 0 before its first."""
        row = self._connection.execute("SELECT seq FROM writers WHERE name = ?", (writer,)).fetchone()
        return int(row[0]) if row else 0

    def last_commit(self, writer: str) -> bytes | None:
        """Return a writer's last commit record that is listed."""
        row = self._connection.execute("SELECT last_commit FROM writers WHERE name = ?", (writer,)).fetchone()
        return bytes(row[0]) if row else None

    def csv_files_in_use(self) -> Mapping[str, str]:
        """Return writer -> name of the CSV file that its last commit names."""
        rows = self._connection.execute("SELECT name, last_commit FROM writers")
        return {name: orjson.loads(commit)["csv"]["file"] for name, commit in rows}

    def _apply(self, connection: sqlite3.Connection, commit: bytes, listed_us: int) -> None:
        record = parse_commit(commit)
        writer, seq = record["writer"], record["seq"]
        applied = self.applied_seq(writer)
        if seq <= applied:
            return
        if seq != applied + 1:
            raise ConfigError(
                f"store: commit {applied + 1} of writer `{writer}` is missing before commit {seq}; the records of"
                " `store-commits` must be listed from the first on. Restore the bus or the store from a backup"
            )
        segments = record["segments"]
        connection.execute("INSERT OR REPLACE INTO writers VALUES (?, ?, ?)", (writer, seq, commit))
        connection.execute(
            "INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                writer,
                seq,
                sum(segment["rows"] for segment in segments if segment["kind"] == "events"),
                sum(segment["rows"] for segment in segments if segment["kind"] == "dead_letters"),
                sum(segment["bytes"] for segment in segments),
                record["written_us"],
                listed_us,
            ),
        )
        add_segments(connection, [_segment_of(segment, record) for segment in segments])
        latencies: Counter[int] = Counter()
        for ingest_us, count in record["ingest"]:
            latencies[_bucket(listed_us - ingest_us)] += count
        connection.executemany(
            "INSERT INTO latency VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            latencies.items(),
        )

    # For readers

    def segments(self) -> list[Segment]:
        """Return all segments that readers see, the oldest first."""
        return _segments(self._connection)

    def writers(self) -> dict[str, int]:
        """Return writer -> sequence number of its last commit that is listed."""
        return dict(self._connection.execute("SELECT name, seq FROM writers"))

    def commits(self, writer: str, after: int, last: int, limit: int) -> list[ListedCommit]:
        """Return a writer's commits behind `after` up to `last`, in order, the first ones that are not forgotten."""
        rows = self._connection.execute(
            "SELECT seq, events + dead_letters, written_us FROM commits WHERE writer = ? AND seq > ? AND seq <= ?"
            " ORDER BY seq LIMIT ?",
            (writer, after, last, limit),
        )
        return [ListedCommit(*row) for row in rows]

    def rows_behind(self, writer: str, after: int) -> int:
        """Return how many events and dead letters a writer's commits behind `after` have, forgotten ones aside."""
        sql = "SELECT coalesce(sum(events + dead_letters), 0) FROM commits WHERE writer = ? AND seq > ?"
        return int(self._connection.execute(sql, (writer, after)).fetchone()[0])

    def latencies(self) -> Counter[int]:
        """Return how many events took how long from ingest to being listed, by bucket. Two of these can be
        subtracted, which gives those of the time between."""
        return Counter(dict(self._connection.execute("SELECT bucket, count FROM latency")))

    # For maintenance

    @contextmanager
    def edit(self) -> Iterator[sqlite3.Connection]:
        """Change the lists in one transaction, which is on the disk before anybody deletes a file because of it."""
        self._connection.execute("PRAGMA synchronous = FULL")
        with self._transaction() as connection:
            yield connection

    def garbage(self) -> list[tuple[str, int]]:
        """Return files that readers no longer see, with the time since when: microseconds since 1970."""
        return self._connection.execute("SELECT path, unlisted_us FROM garbage ORDER BY unlisted_us").fetchall()

    def forget_commits(self, listed_before_us: int) -> None:
        """Drop the rows of commits listed before then; what they counted in the latencies stays."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM commits WHERE listed_us < ?", (listed_before_us,))

    def _prepare(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise ConfigError(
                    f"store: `{self._path}` was written by a newer Tocsin (format {version}, this one knows"
                    f" {_VERSION}); use that version, or another data directory"
                )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")  # what a power loss undoes is listed again
            if version < _VERSION:
                changes = _FROM_1_TO_2 if version else _SCHEMA
                self._connection.executescript(f"BEGIN;{changes}PRAGMA user_version = {_VERSION};COMMIT;")
        except sqlite3.Error as error:
            raise ConfigError(f"store: `{self._path}` cannot be opened: {error}; restore it from a backup") from error
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            failpoint("store.manifest.before_commit")
            self._connection.execute("COMMIT")
            failpoint("store.manifest.after_commit")
        except sqlite3.OperationalError as error:
            raise DeliveryError(f"store: `{self._path}` cannot be written: {error}; free some space") from error
        except sqlite3.Error as error:
            raise ConfigError(
                f"store: `{self._path}` cannot be written: {error}. Nothing that was stored is lost; free some space or"
                " mend the disk, then start again"
            ) from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            fcntl.flock(self._turn, fcntl.LOCK_UN)


def parse_commit(commit: bytes) -> dict[str, Any]:
    """Read a commit record. Raises ConfigError for one that is damaged or of a newer version."""
    try:
        record = orjson.loads(commit)
        version = record["v"]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"store: a record of `store-commits` is not a commit: {commit[:100]!r}") from error
    if version > COMMIT_VERSION:
        raise ConfigError(
            f"store: the bus holds commits of a newer Tocsin (format {version}, this one knows {COMMIT_VERSION});"
            " use that version, or another data directory"
        )
    return dict(record)


def add_segments(connection: sqlite3.Connection, segments: Sequence[Segment]) -> None:
    """List segments, within an `edit`."""
    connection.executemany(
        "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [astuple(segment) for segment in segments]
    )


def unlist(connection: sqlite3.Connection, paths: Sequence[str], now_us: int) -> None:
    """Hide segments from new readers, within an `edit`; they are deleted after the grace period."""
    connection.executemany("DELETE FROM segments WHERE path = ?", [(path,) for path in paths])
    connection.executemany("INSERT OR IGNORE INTO garbage VALUES (?, ?)", [(path, now_us) for path in paths])


def percentiles(latencies: Mapping[int, int], *percents: float) -> list[float | None]:
    """Return, for each percentage, seconds: the middle of the bucket in which that share of all events lies."""
    total = sum(latencies.values())
    return [_percentile(latencies, total * percent / 100) if total else None for percent in percents]


def _percentile(latencies: Mapping[int, int], rank: float) -> float:
    seen, bucket = 0, 0
    for bucket in sorted(latencies):
        seen += latencies[bucket]
        if seen >= rank:
            break
    return float(2 ** ((bucket + 0.5) / _BUCKETS_PER_DOUBLING)) / 1e6


def _bucket(latency_us: int) -> int:
    """Return floor(8 log2): clocks that differ can make a latency negative, which counts as none."""
    return math.floor(math.log2(latency_us) * _BUCKETS_PER_DOUBLING) if latency_us > 0 else 0


def _segment_of(named: Mapping[str, Any], commit: Mapping[str, Any]) -> Segment:
    return Segment(
        path=named["path"],
        kind=named["kind"],
        date=named["date"],
        is_merged=False,
        rows=named["rows"],
        bytes=named["bytes"],
        min_time=named["min_time"],
        max_time=named["max_time"],
        min_ingest=named["min_ingest"],
        max_ingest=named["max_ingest"],
        written_us=commit["written_us"],
        trace=bytes.fromhex(commit["trace"]) if "trace" in commit else None,
    )


def listed_segments(folder: Path) -> list[Segment]:
    """Return all segments that readers see, the oldest first; of a store that may only be read, too.

    Raises ConfigError where the store may only be read and somebody is writing it.
    """
    if os.access(folder, os.W_OK):
        manifest = Manifest(folder)
        try:
            return manifest.segments()
        finally:
            manifest.close()
    path = folder / "manifest.sqlite"
    log = folder / "manifest.sqlite-wal"
    if log.exists() and log.stat().st_size:
        raise ConfigError(f"store: `{folder}` is being written, and may only be read by this user; try again later")
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        return _segments(connection)


def _segments(connection: sqlite3.Connection) -> list[Segment]:
    rows = connection.execute("SELECT * FROM segments ORDER BY written_us, path")
    return [Segment(path, kind, date, bool(merged), *rest) for path, kind, date, merged, *rest in rows]
