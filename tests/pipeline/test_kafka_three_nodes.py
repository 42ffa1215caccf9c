"""The pipeline on three brokers, each topic on all of them: one of them dies, and it goes on with the other two."""

import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.command import start_tocsin, tocsin
from tests.kafka.broker import Cluster
from tests.ledger import Ledger, records_of_files
from tests.windows_events import flat_lines

from tocsin.bus.kafka import KafkaBus, KafkaSettings
from tocsin.event import Record
from tocsin.flow import Batch, TopicSettings

pytestmark = [pytest.mark.slow, pytest.mark.minutes(2)]

_LINES = 30_000


def _logs(folder: Path) -> list[Path]:
    (folder / "logs").mkdir()
    paths = [folder / "logs" / f"{number}.jsonl" for number in range(3)]
    for seed, path in enumerate(paths):
        path.write_bytes(b"\n".join([*flat_lines(_LINES, seed=seed), b"not json"]) + b"\n")
    return paths


def test_each_broker_in_turn_dies_and_comes_back_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    paths = _logs(tmp_path)
    with Cluster(tmp_path / "kafka", nodes=3) as cluster:
        command = ("run", "--input", "logs", "--data", "data", "--bus", cluster.url)
        created = tocsin("topics", "create", "--replication", 3, *command[3:], cwd=tmp_path)
        assert created.returncode == 0, created.stderr
        run = start_tocsin(*command, cwd=tmp_path)
        for node in cluster.nodes:
            time.sleep(2.0)
            assert run.poll() is None, (tmp_path / "output.txt").read_text()[-3000:]
            node.kill()
            time.sleep(2.0)
            node.start()
            cluster.wait_until_ready()
        assert run.wait(240) == 0, (tmp_path / "output.txt").read_text()[-3000:]
    ledger = Ledger.of(tmp_path / "data")
    ledger.check(records_of_files(paths))
    assert ledger.reasons == {"not_json": len(paths)}


def test_ends_are_those_of_the_new_leaders_when_a_broker_has_just_died(tmp_path: Path) -> None:
    with Cluster(tmp_path / "kafka", nodes=3) as cluster:
        settings = KafkaSettings(cluster.servers, tmp_path / "asks", replication=3)
        with closing(KafkaBus(settings, "asks")) as bus:
            bus.ensure_topics({"out": TopicSettings(6)}, {})
            bus.committer(owner="test").commit({"out": [Record(b"1", b"%d" % n) for n in range(60)]}, Batch())
            before = bus.ends("out")
            assert all(end > 0 for _, end in before.values())
            for node in cluster.nodes:
                node.kill()
                assert bus.ends("out") == before
                node.start()
                cluster.wait_until_ready()
