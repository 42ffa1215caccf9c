"""The pipeline on a real Kafka: the verdicts of the embedded bus, and every record exactly once whatever dies."""

import json
import random
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer
from tests.command import query, start_tocsin, tocsin
from tests.kafka.broker import Cluster
from tests.ledger import Ledger, records_of_files
from tests.windows_events import flat_lines

from tocsin.bus import embedded
from tocsin.locks import FileLock

pytestmark = pytest.mark.slow

_KILLS = 20
_VERDICTS = (
    "SELECT event_id, event, level, rules, tactics, techniques, activity_tactic, len(alert_ids) AS alerts, host"
    " FROM events ORDER BY ALL"
)


def _logs(folder: Path, files: int, lines: int) -> list[Path]:
    (folder / "logs").mkdir()
    paths = []
    for number in range(files):
        path = folder / "logs" / f"{number:02d}.jsonl"
        poison = [b"not json", b'{"cut', b"\xff\xfe", b"[" * 2000]
        path.write_bytes(b"\n".join([*flat_lines(lines, seed=number), *poison]) + b"\n")
        paths.append(path)
    return paths


@pytest.fixture
def cluster(kafka: Cluster) -> Any:
    yield kafka
    kafka.empty()


def _verdicts(data: Path) -> list[dict[str, Any]]:
    return query(data, _VERDICTS)


def test_a_run_gives_the_verdicts_of_the_embedded_bus_record_for_record(tmp_path: Path, cluster: Cluster) -> None:
    simulated = ("--count", 20_000, "--seed", 7, "--hosts", 5)
    for bus, data in (("file:embedded", "one"), (cluster.url, "two")):
        done = tocsin("run", *simulated, "--bus", bus, "--data", data, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    one = _verdicts(tmp_path / "one")
    assert len(one) == 20_000
    assert sum(row["level"] == "high" for row in one) > 0
    assert _verdicts(tmp_path / "two") == one


def test_stages_as_processes_of_their_own_share_the_work(tmp_path: Path, cluster: Cluster) -> None:
    paths = _logs(tmp_path, files=4, lines=3000)
    place = ("--bus", cluster.url, "--data", "data")
    stages = [start_tocsin("classify", *place, cwd=tmp_path) for _ in range(2)]
    stages += [start_tocsin("store", *place, cwd=tmp_path) for _ in range(2)]
    try:
        done = tocsin("produce", "--input", "logs", *place, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        _wait_until_stored(tmp_path, cluster)
    finally:
        for stage in stages:
            stage.terminate()
        assert [stage.wait(30) for stage in stages] == [0, 0, 0, 0], (tmp_path / "output.txt").read_text()
    ledger = Ledger.of(tmp_path / "data")
    ledger.check(records_of_files(paths))
    assert ledger.reasons.total() == 4 * 4


def _wait_until_stored(folder: Path, cluster: Cluster, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done = tocsin("lag", "--json", "--bus", cluster.url, "--data", "data", cwd=folder)
        lags = json.loads(done.stdout) if done.returncode == 0 else []
        if lags and not any(lag["records"] for lag in lags):
            return
        time.sleep(0.3)
    raise TimeoutError(f"still behind after {seconds:.0f} s: {(folder / 'output.txt').read_text()[-3000:]}")


def test_records_of_agents_that_carry_nothing_of_ours_have_the_same_ids_when_read_again(
    tmp_path: Path, cluster: Cluster
) -> None:
    assert tocsin("topics", "create", "--bus", cluster.url, "--data", "one", cwd=tmp_path).returncode == 0
    agent = Producer({"bootstrap.servers": cluster.servers})
    for number, line in enumerate(flat_lines(500, seed=3)):
        agent.produce("raw-events", line, key=b"agent-%d" % (number % 9))
    assert agent.flush(30) == 0
    found = []
    for data in ("one", "two"):
        for stage in ("classify", "store"):
            done = tocsin(stage, "--until-idle", 1, "--bus", cluster.url, "--data", data, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
        found.append({row["event_id"] for row in query(tmp_path / data, "SELECT event_id FROM events")})
        cluster.empty_groups()
    assert len(found[0]) == 500
    assert found[0] == found[1]


_STAGE_FAILPOINTS = [
    *(("produce", name) for name in embedded.FAILPOINTS),
    *(("classify", name) for name in embedded.FAILPOINTS),
    *(("store", name) for name in (*embedded.FAILPOINTS, "store.after_fsync", "store.manifest.before_commit")),
]


@pytest.mark.parametrize(("stage", "name"), _STAGE_FAILPOINTS)
def test_a_death_at_a_fail_point_loses_and_doubles_nothing(
    tmp_path: Path, cluster: Cluster, stage: str, name: str
) -> None:
    paths = _logs(tmp_path, files=2, lines=400)
    died = tmp_path / "died"
    place = ("--bus", cluster.url, "--data", "data")
    for each, command in {
        "produce": ("produce", "--input", "logs"),
        "classify": ("classify", "--until-idle", "0.5"),
        "store": ("store", "--until-idle", "0.5"),
    }.items():
        environment = {"TOCSIN_FAILPOINT": f"{name}:1:{died}"} if each == stage else {}
        done = tocsin(*command, *place, cwd=tmp_path, environment=environment)
        if each == stage:
            assert died.exists(), f"{stage} never came to {name}: {done.stderr}"
        if done.returncode != 0:
            assert each == stage, done.stderr
            done = tocsin(*command, *place, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    Ledger.of(tmp_path / "data").check(records_of_files(paths))


def test_what_another_writer_left_is_undone_only_where_its_process_has_gone(tmp_path: Path, cluster: Cluster) -> None:
    """One that is there may just have let go of its files, because it opens the bus anew."""
    _logs(tmp_path, files=1, lines=100)
    place = ("--bus", cluster.url, "--data", "data")
    for stage in (
        ("produce", "--input", "logs"),
        ("classify", "--until-idle", "0.5"),
        ("store", "--until-idle", "0.5"),
    ):
        assert tocsin(*stage, *place, cwd=tmp_path).returncode == 0
    segment = next((tmp_path / "data" / "store").glob("segments/events/*/w0-*.parquet"))
    left = segment.with_name("w1-000000000001.parquet")
    left.write_bytes(segment.read_bytes())
    process = FileLock(tmp_path / "data" / "kafka" / "store-1.lock")
    assert process.try_acquire()
    assert tocsin("store", "--until-idle", "0.5", *place, cwd=tmp_path).returncode == 0
    assert left.exists()
    process.release()
    assert tocsin("store", "--until-idle", "0.5", *place, cwd=tmp_path).returncode == 0
    assert not left.exists()


def test_kills_of_stages_and_of_the_broker_lose_and_double_nothing(tmp_path: Path) -> None:
    paths = _logs(tmp_path, files=6, lines=20_000)
    rng = random.Random(20260112)
    with Cluster(tmp_path / "kafka") as cluster:
        command = ("run", "--input", "logs", "--data", "data", "--bus", cluster.url)
        run = start_tocsin(*command, cwd=tmp_path)
        killed: list[str] = []
        deadline = time.monotonic() + 240
        while run.poll() != 0:
            assert time.monotonic() < deadline, (tmp_path / "output.txt").read_text()[-3000:]
            if run.poll() is not None:
                run = start_tocsin(*command, cwd=tmp_path)
            time.sleep(rng.uniform(0.2, 1.0))
            if len(killed) < _KILLS:
                killed.append(_kill_one(run.pid, cluster, rng))
    assert len(killed) == _KILLS, f"the run ended after {len(killed)} kills: give it more to do"
    ledger = Ledger.of(tmp_path / "data")
    ledger.check(records_of_files(paths))
    assert ledger.reasons.total() == 6 * 4


def _kill_one(pid: int, cluster: Cluster, rng: random.Random) -> str:
    """Kill the broker, which starts again, or the run, or a process below it; return what it was."""
    if rng.random() < 0.2:
        cluster.nodes[0].kill()
        time.sleep(rng.uniform(0.0, 1.0))
        cluster.nodes[0].start()
        cluster.wait_until_ready()
        return "broker"
    try:
        victim = rng.choice([psutil.Process(pid), *psutil.Process(pid).children(recursive=True)])
        command = " ".join(victim.cmdline()[2:5])
        victim.kill()
    except psutil.NoSuchProcess:
        return "gone"
    return command
