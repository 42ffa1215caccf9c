"""What benchmarks on a real Kafka share: a broker, the CPU time of processes, how far groups are.

The broker is that of the tests (`make services` fetches it): one node, without TLS, on this machine.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import confluent_kafka
import psutil
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.kafka.broker import Cluster, kafka_or_skip

_BETWEEN_SAMPLES_SECONDS = 0.05
_LONGEST_SECONDS = 600.0
_EXPIRY_SECONDS = 30.0  # members that have left hold their group for 10 s


@dataclass(frozen=True)
class Cost:
    """What an event cost between the first that was done and the last."""

    cpu_us: float
    wall_us: float

    def __str__(self) -> str:
        return f"{self.cpu_us:6.1f} µs of CPU an event, {1e6 / self.wall_us:7,.0f}/s by the clock"


@dataclass(frozen=True)
class Kafka:
    """A running broker, and a folder for all that the processes write."""

    cluster: Cluster
    folder: Path
    admin: AdminClient

    @property
    def servers(self) -> str:
        return self.cluster.servers

    def end(self, topic: str) -> int:
        """Return the sum of a topic's ends: markers of transactions count, too."""
        return sum(self.ends(topic))

    def ends(self, topic: str) -> list[int]:
        partitions = self.admin.list_topics(timeout=10).topics[topic].partitions
        wanted = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in sorted(partitions)}
        return [future.result(10).offset for future in self.admin.list_offsets(wanted).values()]

    def committed(self, group: str, topic: str) -> int:
        """Return the sum of a group's offsets in a topic."""
        asked = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        places = next(iter(asked.values())).result(10).topic_partitions or ()
        return sum(max(0, place.offset) for place in places if place.topic == topic)

    def forget(self, group: str) -> None:
        """Remove a group, so that it begins anew; waits for members that have just left."""
        deadline = time.monotonic() + _EXPIRY_SECONDS
        while True:
            listed = self.admin.list_consumer_groups().result(10).valid
            if group not in [each.group_id for each in listed]:
                return
            try:
                self.admin.delete_consumer_groups([group])[group].result(10)
            except confluent_kafka.KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def delete(self, *topics: str) -> None:
        """Delete topics that are there, and wait until they are gone."""
        there = [topic for topic in topics if topic in self.admin.list_topics(timeout=10).topics]
        for future in (self.admin.delete_topics(there) if there else {}).values():
            future.result(10)
        while set(there) & set(self.admin.list_topics(timeout=10).topics):
            time.sleep(0.1)


@contextmanager
def kafka_running() -> Iterator[Kafka]:
    """Start a broker; it ends with the block, and what it wrote is removed."""
    with tempfile.TemporaryDirectory(prefix="tocsin-benchmark-") as folder, Cluster(Path(folder, "kafka")) as cluster:
        yield Kafka(cluster, Path(folder), AdminClient({"bootstrap.servers": cluster.servers, "log_level": 0}))


def versions() -> str:
    jar = next(iter(sorted(kafka_or_skip().glob("kafka-clients-*.jar"))), Path("kafka-clients-unknown"))
    broker = jar.stem.removeprefix("kafka-clients-")
    client = f"confluent-kafka {confluent_kafka.__version__}, librdkafka {confluent_kafka.libversion()[0]}"
    return f"Kafka {broker}, one node on the same machine; {client}"


@contextmanager
def running(*command: object, cwd: Path) -> Iterator["psutil.Process"]:
    """Run `python COMMAND` while the block runs; then stop it, and fail where it did not end well."""
    with (cwd / "output.txt").open("ab") as output:
        process = subprocess.Popen([sys.executable, *map(str, command)], cwd=cwd, stdout=output, stderr=output)
    try:
        yield psutil.Process(process.pid)
    except BaseException:
        process.kill()
        print((cwd / "output.txt").read_text()[-2000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        code = process.wait(60)
    if code not in (0, -15, 130):
        sys.exit(f"{command}: exit code {code}: {(cwd / 'output.txt').read_text()[-2000:]}")


def run_tocsin(*arguments: object, cwd: Path) -> None:
    """Run a command to its end."""
    command = [sys.executable, "-m", "tocsin", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stdout}{done.stderr}")


def cpu_seconds(processes: Sequence["psutil.Process"]) -> float:
    """Return the CPU time of stages: of their workers where they have some, and not of what merges files beside."""
    return sum(_own_seconds(worker) for process in processes for worker in _workers(process))


def cost_until(
    processes: Sequence["psutil.Process"], progress: Callable[[], int], end: int, events: int, begin: int = 0
) -> Cost:
    """Return the cost an event from the moment that `progress` leaves `begin` until it is at `end`: without the start.

    `events`: how many there are between `begin` and `end`.
    """
    deadline = time.monotonic() + _LONGEST_SECONDS
    first: tuple[float, float, int] | None = None
    while time.monotonic() < deadline:
        cpu, now, at = cpu_seconds(processes), time.monotonic(), progress()
        if at >= end:
            if first is None:
                sys.exit("it was over before it could be measured: give more events")
            done = (at - first[2]) / (end - begin) * events
            return Cost(1e6 * (cpu - first[0]) / done, 1e6 * (now - first[1]) / done)
        if at > begin and first is None:
            first = (cpu, now, at)
        if not all(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
            sys.exit("a process has ended before it was done")
        time.sleep(_BETWEEN_SAMPLES_SECONDS)
    sys.exit(f"not done after {_LONGEST_SECONDS:.0f} s: at {progress()} of {end}")


def parts_of(folder: Path) -> str:
    """Return where a stage that ran in this folder spent its time by the clock, its start among it: µs an event."""
    found = [json.loads(path.read_text()) for path in (folder / "tocsin-data" / "figures").glob("*.json")]
    records = sum(figures["records"] for figures in found) or 1
    seconds: Counter[str] = Counter()
    for figures in found:
        seconds.update(figures["parts"])
    batches = sum(figures["batches"] for figures in found) or 1
    spent = ", ".join(f"{part} {1e6 * each / records:.1f}" for part, each in sorted(seconds.items()))
    return f"{records // batches:,} records a batch; {spent}" if seconds else ""


def load() -> str:
    return "load " + " ".join(f"{each:.1f}" for each in os.getloadavg())


def _workers(process: "psutil.Process") -> Sequence["psutil.Process"]:
    return [child for child in process.children() if _is_worker(child)] or [process]


def _is_worker(process: "psutil.Process") -> bool:
    try:
        return any(part.startswith("--worker=") for part in process.cmdline())
    except psutil.Error:  # it has just ended
        return False


def _own_seconds(process: "psutil.Process") -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
