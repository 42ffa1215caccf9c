"""Wait until everything that was fed is stored, then let the ledger judge it."""

import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.ledger import Ledger, records_of_files
from tests.soak.failure import SoakFailedError
from tests.soak.records import Feeder

_STILL_SECONDS = 90.0  # without one more row: then something is lost
_AFTERWARDS_SECONDS = 1.5  # time for a double to appear


@dataclass(frozen=True)
class Verdict:
    """What the ledger found in one round."""

    records: int
    dead_letters: int
    lost: int
    doubled: int
    problems: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.problems)


def drain(feeder: Feeder, data: Path) -> None:
    """Wait until as many rows are stored as were fed, or no more come. `feeder` has ended."""
    before, moved = -1, time.monotonic()
    while (rows := _rows(data)) < feeder.records:
        if rows != before:
            before, moved = rows, time.monotonic()
        if time.monotonic() - moved > _STILL_SECONDS:
            return
        time.sleep(0.2)
    time.sleep(_AFTERWARDS_SECONDS)


def judge(feeder: Feeder, data: Path) -> Verdict:
    """Compare byte for byte. The stages have ended."""
    expected = records_of_files(feeder.paths)
    if expected.total() != feeder.records:
        raise SoakFailedError(f"the soak wrote {feeder.records} records, {expected.total()} are in its files")
    ledger = Ledger.of(data)
    found = ledger.rows + ledger.dead
    problems = []
    try:
        ledger.check(expected)
    except AssertionError as error:
        problems.append(str(error))
    if ledger.dead != feeder.poison:
        wrong = (ledger.dead - feeder.poison) + (feeder.poison - ledger.dead)
        problems.append(f"{wrong.total()} records are dead letters and should not be, or the other way round")
    return Verdict(
        expected.total(),
        ledger.dead.total(),
        (expected - found).total(),
        (found - expected).total(),
        tuple(problems),
    )


def reasons_of(data: Path) -> Counter[str]:
    return Ledger.of(data).reasons


def _rows(data: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{data / 'store' / 'manifest.sqlite'}?mode=ro", uri=True)) as manifest:
            return int(manifest.execute("SELECT coalesce(sum(rows), 0) FROM segments").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return 0
