"""The whole pipeline, run as a user runs it."""

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.broken import break_some
from tests.command import query, tocsin
from tests.ledger import Ledger, records_of_files
from tests.windows_events import flat_lines

from tocsin.bus.contract import Bus
from tocsin.config import Config, load_config
from tocsin.errors import DeliveryError
from tocsin.pipeline.run import run
from tocsin.pipeline.topology import open_bus
from tocsin.supervisor import StopSignal


def test_a_simulated_run_stores_every_event_and_sums_up(tmp_path: Path) -> None:
    done = tocsin("run", "--count", 3000, "--data", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert query(tmp_path / "data", "SELECT count(*) AS events FROM events") == [{"events": 3000}]
    assert (tmp_path / "data" / "statistics.png").read_bytes().startswith(b"\x89PNG")
    ledger = Ledger.of(tmp_path / "data")
    assert ledger.rows.total() == 3000
    assert ledger.csv_ids == ledger.ids
    assert "3,000" in done.stdout
    assert "produced to stored, p99" in done.stdout


def test_the_same_seed_gives_the_same_bytes_and_ids_in_another_data_directory(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert tocsin("run", "--count", 1200, "--seed", 7, "--data", name, cwd=tmp_path).returncode == 0
    one, two = Ledger.of(tmp_path / "one"), Ledger.of(tmp_path / "two")
    assert (one.rows, one.ids) == (two.rows, two.ids)


def test_a_finished_run_started_again_adds_nothing_and_says_so(tmp_path: Path) -> None:
    for _ in range(2):
        done = tocsin("run", "--count", 500, "--data", "data", cwd=tmp_path)
        assert done.returncode == 0
    assert "nothing new" in done.stdout
    assert Ledger.of(tmp_path / "data").rows.total() == 500


def test_files_with_broken_records_are_stored_or_dead_letters_and_nothing_else(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    broken = break_some(flat_lines(2000), count=70, seed=3)
    (logs / "a.jsonl").write_bytes(b"\n".join(broken.lines[:1200]) + b"\n\n")
    (logs / "b.jsonl.gz").write_bytes(gzip.compress(b"\r\n".join(broken.lines[1200:])))
    done = tocsin("run", "--input", "logs", "--data", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    ledger = Ledger.of(tmp_path / "data")
    ledger.check(records_of_files([logs / "a.jsonl", logs / "b.jsonl.gz"]))
    expected = [reason for reason in broken.reasons.values() if reason]
    assert sorted(ledger.reasons.elements()) == sorted(expected)


def test_a_copy_of_a_file_is_skipped_and_said(tmp_path: Path) -> None:
    content = b"\n".join(flat_lines(300))
    (tmp_path / "a.jsonl").write_bytes(content)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(content))
    done = tocsin("run", "--input", "a.jsonl", "b.jsonl.gz", "--data", "data", cwd=tmp_path)
    assert Ledger.of(tmp_path / "data").rows.total() == 300
    assert "copy" in done.stdout


def test_the_stages_work_one_by_one_on_the_same_bus(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(flat_lines(500)))
    for arguments in (
        ["produce", "--input", "a.jsonl"],
        ["classify", "--until-idle", "0.3", "--workers", "2"],
        ["store", "--until-idle", "0.3", "--workers", "2"],
    ):
        done = tocsin(*arguments, "--data", "data", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    Ledger.of(tmp_path / "data").check(records_of_files([tmp_path / "a.jsonl"]))
    lag = json.loads(tocsin("lag", "--json", "--data", "data", cwd=tmp_path).stdout)
    assert sum(partition["records"] for partition in lag) == 0


def test_a_data_directory_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    assert tocsin("run", "--count", 100, "--data", "data", cwd=tmp_path).returncode == 0
    for name in ("bus/bus.sqlite", "store/manifest.sqlite"):
        with sqlite3.connect(tmp_path / "data" / name) as connection:
            before = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        done = tocsin("run", "--count", 200, "--data", "data", cwd=tmp_path)
        assert done.returncode == 2
        assert "newer" in done.stderr
        with sqlite3.connect(tmp_path / "data" / name) as connection:
            connection.execute(f"PRAGMA user_version = {before}")
        connection.close()


def test_what_a_writer_left_in_a_crash_is_undone_when_fewer_writers_go_on(tmp_path: Path) -> None:
    for arguments in (["produce", "--count", 3000], ["classify", "--until-idle", 0]):
        assert tocsin(*arguments, "--data", "data", cwd=tmp_path).returncode == 0
    two = {"TOCSIN_STORE_WORKERS": "2", "TOCSIN_FAILPOINT": "store.before_fsync"}
    died = tocsin("store", "--worker", 1, "--until-idle", 0, "--data", "data", cwd=tmp_path, environment=two)
    assert died.returncode not in (0, 2), died.stderr
    assert list((tmp_path / "data" / "store" / "csv").glob("*.w1.*")), "it died with rows in its CSV"
    done = tocsin("store", "--until-idle", 0, "--data", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ledger = Ledger.of(tmp_path / "data")
    assert ledger.rows.total() == 3000
    assert ledger.csv_ids == ledger.ids


class _Hesitant:
    """The real bus, which at first does not say where its topics end."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    def ends(self, topic: str) -> Any:
        if self.refused < 3:
            self.refused += 1
            raise DeliveryError("no leader")
        return self._bus.ends(topic)


def test_a_bus_that_has_no_answer_at_first_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buses: list[_Hesitant] = []

    def open_hesitant(config: Config) -> Any:
        buses.append(_Hesitant(open_bus(config)))
        return buses[-1]

    monkeypatch.setattr("tocsin.pipeline.run.open_bus", open_hesitant)
    outcome = run(
        load_config({"data": str(tmp_path / "data")}, {}),
        ["--count", "50"],
        StopSignal(is_supervised=False),
        lambda *_: None,
    )
    assert (outcome.new_events, [bus.refused for bus in buses]) == (50, [3])
