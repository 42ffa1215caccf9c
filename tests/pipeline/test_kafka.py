"""The pipeline on a real Kafka: the verdicts of the embedded bus, and every record exactly once whatever dies."""

import json
import random
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from tests.command import query, start_tocsin, tocsin
from tests.kafka.broker import Cluster
from tests.ledger import Ledger, records_of_files
from tests.waiting import until
from tests.windows_events import flat_lines

from tocsin.bus import embedded
from tocsin.bus.kafka import KafkaBus, KafkaSettings
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


def test_topics_with_other_partitions_or_copies_than_asked_for_are_named_with_the_command_that_mends_it(
    tmp_path: Path, cluster: Cluster
) -> None:
    create = ("topics", "create", "--bus", cluster.url)
    first = tocsin(*create, "--partitions", 4, "--replication", 1, cwd=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert [line.split()[:2] for line in first.stdout.splitlines()[1:]] == [
        ["raw-events", "4"],
        ["classified-events", "4"],
        *([name, "1"] for name in ("alerts", "dead-letters", "labels", "store-commits", "source-positions")),
    ]
    asked = tocsin(*create, "--partitions", 8, "--replication", 3, cwd=tmp_path)
    assert asked.returncode == 1
    problems = asked.stderr.splitlines()
    assert problems[0] == (
        "tocsin: topic `raw-events` has 4 partitions, 8 asked for: kafka-topics.sh --bootstrap-server"
        f" {cluster.servers} --alter --topic raw-events --partitions 8; a host's events may change their order"
        " (docs/how-to/kafka.md#keys-and-order)"
    )
    assert problems[-1].startswith("tocsin: topic `source-positions` has 1 copy of each partition, 3 asked for")
    assert len(problems) == 2 + 7
    admin = AdminClient({"bootstrap.servers": cluster.servers})
    more = [NewPartitions("raw-events", 8), NewPartitions("classified-events", 8)]
    for future in admin.create_partitions(more).values():
        future.result(10)
    mended = tocsin(*create, "--partitions", 8, cwd=tmp_path)
    assert (mended.returncode, mended.stderr) == (0, "")
    fewer = tocsin(*create, "--partitions", 4, cwd=tmp_path)
    assert fewer.returncode == 0  # there is no less than was asked for: topics that have grown stop nobody's start
    assert "Kafka takes none away; leave it at 8" in fewer.stderr


def test_a_run_beside_another_store_misses_nothing_that_lies_there(tmp_path: Path, cluster: Cluster) -> None:
    elsewhere = start_tocsin("store", "--bus", cluster.url, "--data", "elsewhere", cwd=tmp_path)
    try:
        with closing(KafkaBus(KafkaSettings(cluster.servers, tmp_path / "looks"))) as looks:
            until(lambda: "store" in looks.groups() and looks.has_readers("store"), 60)
        done = tocsin("run", "--count", 20_000, "--hosts", 5, "--bus", cluster.url, "--data", "here", cwd=tmp_path)
    finally:
        elsewhere.terminate()
        assert elsewhere.wait(60) == 0, (tmp_path / "output.txt").read_text()
    assert done.returncode == 0, done.stderr
    there = query(tmp_path / "elsewhere", "SELECT count(*) AS n FROM events")[0]["n"]
    assert 0 < there < 20_000
    (total,) = (line.split() for line in done.stdout.splitlines() if line.startswith("  all "))
    steps, detected, below, for_correlation, missed, not_here = map(int, total[1:])
    assert not_here > 0
    assert detected + below + for_correlation + missed + not_here == steps
    assert missed == 0


def test_a_group_that_keeps_up_on_kafka_is_never_said_to_be_behind(tmp_path: Path, cluster: Cluster) -> None:
    place = ("--bus", cluster.url, "--data", "data")
    stages = [start_tocsin(stage, *place, cwd=tmp_path) for stage in ("classify", "store")]
    try:
        assert tocsin("produce", "--count", 10, *place, cwd=tmp_path).returncode == 0
        _wait_until_stored(tmp_path, cluster)
        stages.append(start_tocsin("produce", "--rate", 200, "--count", 2400, "--run", "more", *place, cwd=tmp_path))
        done = tocsin("lag", "--watch", "--seconds", 11, "--json", *place, cwd=tmp_path)
        stages.pop().wait(60)
    finally:
        for stage in stages:
            stage.terminate()
            stage.wait(60)
    looks = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(lag["records"] and lag["out_per_second"] for look in looks for lag in look)
    assert {lag["verdict"] for look in looks for lag in look} == {"OK"}


def _wait_until_stored(folder: Path, cluster: Cluster, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done = tocsin("lag", "--json", "--bus", cluster.url, "--data", "data", cwd=folder)
        lags = json.loads(done.stdout) if done.returncode == 0 else []
        if lags and not any(lag["records"] for lag in lags):
            return
        time.sleep(0.3)
    raise TimeoutError(f"still behind after {seconds:.0f} s: {(folder / 'output.txt').read_text()[-3000:]}")


def test_other_commands_go_on_while_a_produce_commits_its_positions_all_the_time(
    tmp_path: Path, cluster: Cluster
) -> None:
    place = ("--bus", cluster.url)
    assert tocsin("topics", "create", *place, "--data", "live", cwd=tmp_path).returncode == 0
    live = start_tocsin("produce", *place, "--data", "live", "--count", 0, "--rate", 400, cwd=tmp_path)
    (tmp_path / "two.jsonl").write_bytes(b"\n".join([*flat_lines(1), b"not json"]) + b"\n")
    try:
        _wait_for_events(tmp_path, cluster)
        ended = [
            tocsin(*command, *place, "--data", "other", cwd=tmp_path, timeout=30)
            for command in (
                ("produce", "--input", "two.jsonl"),
                ("dead-letters", "list"),
                ("dead-letters", "replay", "--yes"),
            )
        ]
        assert [done.returncode for done in ended] == [0, 0, 0], ended
        assert live.poll() is None
    finally:
        live.terminate()
        assert live.wait(30) == 0, (tmp_path / "output.txt").read_text()


@pytest.mark.parametrize(("command", "code"), [(("dead-letters", "list"), 130), (("produce", "--count", 1), 0)])
def test_a_stop_is_heeded_while_others_transactions_are_waited_for(
    tmp_path: Path, cluster: Cluster, command: tuple[object, ...], code: int
) -> None:
    assert tocsin("topics", "create", "--bus", cluster.url, "--data", "data", cwd=tmp_path).returncode == 0
    holds = Producer(
        {"bootstrap.servers": cluster.servers, "transactional.id": "holds", "transaction.timeout.ms": 60_000}
    )
    holds.init_transactions(30)
    holds.begin_transaction()
    holds.produce("source-positions", b"1", b"holds\0input")
    holds.flush(10)
    waits = start_tocsin(*command, "--bus", cluster.url, "--data", "data", cwd=tmp_path)
    try:
        time.sleep(5)
        assert waits.poll() is None, (tmp_path / "output.txt").read_text()
        waits.terminate()
        assert waits.wait(15) == code, (tmp_path / "output.txt").read_text()
    finally:
        waits.kill()
        waits.wait()
        holds.abort_transaction(30)


def _wait_for_events(folder: Path, cluster: Cluster, seconds: float = 60) -> None:
    """Wait until there are some on `raw-events`."""
    deadline = time.monotonic() + seconds
    with closing(KafkaBus(KafkaSettings(cluster.servers, folder / "looks"))) as bus:
        while not any(end for _, end in bus.ends("raw-events").values()):
            assert time.monotonic() < deadline, (folder / "output.txt").read_text()
            time.sleep(0.2)


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


@pytest.mark.minutes(3)
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
