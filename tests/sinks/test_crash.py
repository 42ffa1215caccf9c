import csv
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.sinks.store_driver import BROKEN, EVENTS, LETTERS, TinyBus
from tocsin.event import DEAD_LETTERS
from tocsin.sinks import compact, writer
from tocsin.sinks.manifest import Manifest

ROOT = Path(__file__).resolve().parents[2]
RECOVERY = [name for name in writer.FAILPOINTS if name.startswith("store.recover.")]
WRITING = [name for name in (*writer.FAILPOINTS, *compact.FAILPOINTS) if name not in RECOVERY]


def run(folder: Path, failpoint: str = "") -> int:
    """Run the driver; return its exit code, which is negative when a signal ended it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "TOCSIN_FAILPOINT": failpoint}
    command = [sys.executable, "-m", "tests.sinks.store_driver", str(folder)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def assert_whole(folder: Path) -> None:
    """By a ledger of its own: every record is in Parquet once and in CSV once, and no file is without an owner."""
    store = folder / "store"
    manifest = Manifest(store)
    listed = manifest.segments()
    rows = {kind: rows_of(store, [s.path for s in listed if s.kind == kind]) for kind in ("events", "dead_letters")}
    assert sorted(row["event"] for row in rows["events"]) == sorted(f'{{"n":{n}}}' for n in range(EVENTS))
    assert sorted(row["raw"] for row in rows["dead_letters"]) == sorted(b"\xff%d" % n for n in range(LETTERS))
    bus = TinyBus(folder)
    assert len(bus.outputs(DEAD_LETTERS)) == BROKEN
    bus.close()
    files = sorted(store.glob("csv/*.csv"))
    cells = [row for path in files for row in csv.DictReader(path.read_text("utf-8").splitlines())]
    assert [int(row["offset"]) for row in cells] == list(range(EVENTS))
    on_disk = {str(path.relative_to(store)) for path in store.glob("segments/**/*.parquet")}
    assert on_disk == {segment.path for segment in listed} | {path for path, _ in manifest.garbage()}
    assert sum(manifest.latencies().values()) == EVENTS
    manifest.close()


def rows_of(store: Path, paths: list[str]) -> list[dict[str, Any]]:
    return [row for path in paths for row in pq.ParquetFile(store / path).read().to_pylist()]


def test_an_undisturbed_run_stores_every_record_once(tmp_path: Path) -> None:
    assert run(tmp_path) == 0
    assert_whole(tmp_path)


def test_a_kill_after_the_csv_was_written_leaves_no_row_twice_and_none_out(tmp_path: Path) -> None:
    assert run(tmp_path, "store.csv.after_write:3") == -signal.SIGKILL
    assert run(tmp_path) == 0
    assert_whole(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("passing", [1, 2, 7])
@pytest.mark.parametrize("name", WRITING)
def test_a_kill_at_any_fail_point_leaves_no_row_twice_and_none_out(tmp_path: Path, name: str, passing: int) -> None:
    ended = run(tmp_path, f"{name}:{passing}")
    assert ended == -signal.SIGKILL or (passing == 7 and ended == 0)
    assert run(tmp_path) == 0
    assert_whole(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECOVERY)
def test_a_kill_during_recovery_is_recovered_from(tmp_path: Path, name: str) -> None:
    assert run(tmp_path, "store.before_fsync:7") == -signal.SIGKILL
    assert run(tmp_path, name) == -signal.SIGKILL
    assert run(tmp_path) == 0
    assert_whole(tmp_path)


@pytest.mark.slow
def test_kills_one_after_the_other_at_every_fail_point_leave_no_row_twice_and_none_out(tmp_path: Path) -> None:
    for name in (*writer.FAILPOINTS, *compact.FAILPOINTS):
        run(tmp_path, name)
    assert run(tmp_path) == 0
    assert_whole(tmp_path)
