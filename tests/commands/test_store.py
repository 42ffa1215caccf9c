"""Stages of several processes say how much they did, also where a signal ends them."""

import signal
from pathlib import Path

from tests.command import start_tocsin, tocsin


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
