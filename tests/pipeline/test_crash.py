"""Kill any process at any moment: in the end every record is there, exactly once."""

import random
import shutil
import time
from pathlib import Path

import psutil
import pytest
from tests.command import start_tocsin, tocsin
from tests.ledger import Ledger, records_of_files
from tests.windows_events import flat_lines

from tocsin.bus import embedded
from tocsin.sinks import compact, writer

pytestmark = pytest.mark.slow

_KILLS = 30


def _inputs(folder: Path, files: int, lines: int) -> list[Path]:
    folder.mkdir()
    paths = []
    for number in range(files):
        path = folder / f"{number:02d}.jsonl"
        path.write_bytes(b"\n".join(flat_lines(lines, seed=number)) + b"\n")
        paths.append(path)
    return paths


@pytest.mark.minutes(4)
def test_thirty_kills_of_any_stage_at_random_lose_and_double_nothing(tmp_path: Path) -> None:
    paths = _inputs(tmp_path / "logs", files=8, lines=50_000)
    rng = random.Random(20260112)
    command = ("run", "--input", "logs", "--data", "data")
    run = start_tocsin(*command, cwd=tmp_path)
    kills: list[str] = []
    while run.poll() != 0:
        if run.poll() is not None:  # it was the run itself that was killed
            run = start_tocsin(*command, cwd=tmp_path)
        time.sleep(rng.uniform(0.1, 0.8))
        if len(kills) < _KILLS:
            kills += _kill_one(run.pid, rng)
    assert len(kills) == _KILLS, f"the run ended after {len(kills)} kills: give it more to do"
    Ledger.of(tmp_path / "data").check(records_of_files(paths))


def _kill_one(pid: int, rng: random.Random) -> list[str]:
    """Kill the run itself, or any process below it; return its command."""
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        victim = rng.choice(processes)
        command = " ".join(victim.cmdline()[2:5])
        victim.kill()
    except psutil.NoSuchProcess:
        return []
    return [command]


_STAGE_FAILPOINTS = [
    *(("produce", name) for name in embedded.FAILPOINTS),
    *(("classify", name) for name in embedded.FAILPOINTS),
    *(("store", name) for name in (*embedded.FAILPOINTS, *writer.FAILPOINTS)),
]


@pytest.mark.parametrize(("stage", "name"), _STAGE_FAILPOINTS)
def test_a_death_at_a_fail_point_loses_and_doubles_nothing(tmp_path: Path, stage: str, name: str) -> None:
    paths = _inputs(tmp_path / "logs", files=3, lines=400)
    died = tmp_path / "died"
    commands = {
        "produce": ("produce", "--input", "logs"),
        "classify": ("classify", "--until-idle", "0.2"),
        "store": ("store", "--until-idle", "0.2"),
    }
    if ".recover." in name:  # a CSV file is cut only where some of it is committed
        for command in (("produce", "--input", paths[0]), commands["classify"], commands["store"]):
            assert tocsin(*command, "--data", "data", cwd=tmp_path).returncode == 0
    for each, command in commands.items():
        if each == stage and ".recover." in name:  # there is something to recover from only after a death
            cause = {"TOCSIN_FAILPOINT": "store.after_fsync"}
            assert tocsin("store", "--worker", 0, "--data", "data", cwd=tmp_path, environment=cause).returncode == -9
        environment = {"TOCSIN_FAILPOINT": f"{name}:1:{died}"} if each == stage else {}
        done = tocsin(*command, "--data", "data", cwd=tmp_path, environment=environment)
        if each == stage:
            assert died.exists(), f"{stage} never came to {name}"
        if done.returncode != 0:
            assert each == stage
            done = tocsin(*command, "--data", "data", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    Ledger.of(tmp_path / "data").check(records_of_files(paths))


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of logs, and the data directory into which each was stored by itself."""
    folder = tmp_path_factory.mktemp("stored")
    for path in _inputs(folder / "logs", files=3, lines=400):
        for command in (
            ("produce", "--input", path),
            ("classify", "--until-idle", "0.1"),
            ("store", "--until-idle", "0.1"),
        ):
            assert tocsin(*command, "--data", "data", cwd=folder).returncode == 0
    return folder


@pytest.mark.parametrize("name", compact.FAILPOINTS)
def test_a_death_during_maintenance_changes_nothing_that_is_stored(tmp_path: Path, stored: Path, name: str) -> None:
    shutil.copytree(stored / "data", tmp_path / "data")
    expected = records_of_files(sorted((stored / "logs").iterdir()))
    died = tmp_path / "died"
    eager = {"TOCSIN_STORE_MERGE_FILES": "2", "TOCSIN_STORE_GRACE_SECONDS": "0.001"}
    deadly = {**eager, "TOCSIN_FAILPOINT": f"{name}:1:{died}"}
    for _ in range(2):  # what is replaced in one turn is deleted in the next
        tocsin("maintain", "--once", "--data", "data", cwd=tmp_path, environment=deadly)
        Ledger.of(tmp_path / "data").check(expected)
    assert died.exists(), f"maintain never came to {name}"
    assert tocsin("maintain", "--once", "--data", "data", cwd=tmp_path, environment=eager).returncode == 0
    Ledger.of(tmp_path / "data").check(expected)
