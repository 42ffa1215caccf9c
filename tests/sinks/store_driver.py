"""A small process that stores records and maintains the store, with a SQLite file in the part of the bus.

    python -m tests.sinks.store_driver FOLDER

Goes on where the last one ended, however that ended, until all of `records()` are stored.
"""

import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.sinks.classified import DETECTION, NOON_US, classified, dead_letter, detection_verdict
from tocsin.event import CLASSIFIED_EVENTS, STORE_COMMITS, Record
from tocsin.flow import Batch, Outputs
from tocsin.sinks.compact import Maintenance, MaintenanceSettings
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.writer import StoreCommitter, StoreSettings, StoreWriter

EVENTS, LETTERS, BROKEN = 70, 6, 3
BATCH = 7
NEXT_DAY_US = NOON_US + 86_400_000_000


def records() -> list[Record]:
    """Events of which some have alerts, dead letters, and records that are no classified events."""
    events = [
        classified(k, b'{"n":%d}' % k, detection_verdict(DETECTION) if k % 10 == 0 else None) for k in range(EVENTS)
    ]
    letters = [dead_letter(k, b"\xff%d" % k) for k in range(LETTERS)]
    broken = [Record(b"broken", topic=CLASSIFIED_EVENTS, partition=1, offset=k) for k in range(BROKEN)]
    return [*events[:30], *letters, *events[30:50], *broken, *events[50:]]


class TinyBus:
    """Offsets, commit records and dead letters of the store stage, in one transaction."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._connection = sqlite3.connect(folder / "bus.sqlite", isolation_level=None)
        self._connection.executescript(
            "CREATE TABLE IF NOT EXISTS outputs (topic TEXT, value BLOB);"
            "CREATE TABLE IF NOT EXISTS offsets (only INTEGER PRIMARY KEY, following INTEGER);"
        )

    def commit(self, outputs: Outputs, batch: Batch) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        rows = [(topic, record.value) for topic, appended in outputs.items() for record in appended]
        self._connection.executemany("INSERT INTO outputs VALUES (?, ?)", rows)
        self._connection.execute("INSERT OR REPLACE INTO offsets VALUES (0, ?)", (batch.offsets["all", 0],))
        self._connection.execute("COMMIT")

    def settle(self) -> None:
        """Do nothing: a commit is whole when it returns."""

    def close(self) -> None:
        self._connection.close()

    def next_offset(self) -> int:
        row = self._connection.execute("SELECT following FROM offsets").fetchone()
        return int(row[0]) if row else 0

    def outputs(self, topic: str) -> list[Record]:
        rows = self._connection.execute("SELECT value FROM outputs WHERE topic = ? ORDER BY rowid", (topic,))
        return [Record(value, topic=topic, partition=0, offset=offset) for offset, (value,) in enumerate(rows)]


def store_all(folder: Path, incoming: Sequence[Record]) -> None:
    """Store what is left of the records; a turn of maintenance after each batch."""
    bus, store = TinyBus(folder), folder / "store"
    manifest = Manifest(store)
    commits = bus.outputs(STORE_COMMITS)
    manifest.catch_up(0, commits[manifest.next_offset(0) :], NOON_US)
    writer = StoreWriter(store, "w0", lambda: NOON_US, manifest.last_commit("w0"), StoreSettings(csv_bytes=3_000))
    committer = StoreCommitter(writer, bus)
    maintenance = Maintenance(store, MaintenanceSettings(merge_files=3, grace_seconds=0))
    while (start := bus.next_offset()) < len(incoming):
        taken = incoming[start : start + BATCH]
        batch = Batch(taken, {("all", 0): start + len(taken)})
        committer.commit(writer(batch), batch)
        maintenance.run_once(NOON_US)
    maintenance.run_once(NEXT_DAY_US)
    for opened in (maintenance, writer, manifest, bus):
        opened.close()


if __name__ == "__main__":
    store_all(Path(sys.argv[1]), records())
