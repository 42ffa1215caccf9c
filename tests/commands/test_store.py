"""Stages of several processes: what they load, and how much they say they did, also where a signal ends them."""

import signal
from pathlib import Path

import psutil
import pytest

from tests.command import start_tocsin, tocsin
from tests.waiting import until


def test_stages_of_several_processes_end_with_the_number_of_their_records(tmp_path: Path) -> None:
    tocsin("produce", "--count", 500, cwd=tmp_path)
    done = tocsin("classify", "--workers", 2, "--until-idle", 0.3, cwd=tmp_path)
    assert done.stdout == "classify: 500 events classified.\n"
    done = tocsin("store", "--until-idle", 0.3, cwd=tmp_path)
    assert done.stdout == "store: 500 records stored.\n"
    done = tocsin("store", "--until-idle", 0.3, cwd=tmp_path)
    assert done.stdout == "store: 0 records stored.\n"


def test_a_store_that_is_interrupted_says_what_it_stored(tmp_path: Path) -> None:
    store = start_tocsin("store", cwd=tmp_path)
    try:
        tocsin("produce", "--count", 10, cwd=tmp_path)
        store.send_signal(signal.SIGINT)
        assert store.wait(30) == 0
    finally:
        store.kill()
        store.wait()
    assert "store: 0 records stored.\n" in (tmp_path / "output.txt").read_text()


def test_a_store_whose_traces_cannot_be_sent_stores_all_the_same_and_says_so(tmp_path: Path) -> None:
    tocsin("produce", "--count", 500, cwd=tmp_path)
    tocsin("classify", "--until-idle", 0.3, cwd=tmp_path)
    damaged = tmp_path / "tocsin-data" / "store" / "traces.sqlite"
    damaged.parent.mkdir()
    damaged.write_bytes(b"no database" * 1_000)
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    done = tocsin("store", "--until-idle", 3, cwd=tmp_path, environment=collector)
    assert (done.returncode, done.stdout) == (0, "store: 500 records stored.\n")
    [error] = [line for line in done.stderr.splitlines() if " ERROR " in line]
    assert "export-traces ended with exit code 2; it last said: tocsin: traces: `" in error
    assert error.endswith("All else goes on without it; it is tried again every 5 minutes.")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc, which is Linux's")
def test_who_only_supervises_does_not_load_what_its_writers_need(tmp_path: Path) -> None:
    store = start_tocsin("store", "--data", "data", cwd=tmp_path)
    try:
        until(lambda: any(map(_has_arrow, psutil.Process(store.pid).children())), seconds=60)
        assert not _has_arrow(psutil.Process(store.pid))
    finally:
        store.terminate()
    assert store.wait(60) == 0


def _has_arrow(process: psutil.Process) -> bool:
    return "libarrow" in Path(f"/proc/{process.pid}/maps").read_text()
