"""Start a real Apache Kafka for tests: one node or three (KRaft), on free ports, with or without TLS and SCRAM."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.services import skip_or_fail

SESSION_SECONDS = 3.0  # a broker that is silent for longer is taken for dead

_START_SECONDS = 120.0
_EMPTY_SECONDS = 60.0
_LOG = """\
status=warn
rootLogger.level=info
rootLogger.appenderRefs=c
rootLogger.appenderRef.c.ref=c
appender.c.type=Console
appender.c.name=c
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d{ISO8601} %p %c{1} %m%n
"""
_COMMON: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    "log.cleaner.dedupe.buffer.size": "16777216",
    # Tests kill the broker: as it comes back it waits until its former registration has ended.
    "broker.session.timeout.ms": f"{SESSION_SECONDS * 1000:.0f}",
    "broker.heartbeat.interval.ms": "500",
    "controller.quorum.election.timeout.ms": "500",
    "controller.quorum.fetch.timeout.ms": "1000",
}
_JAVA = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=128m", "-XX:TieredStopAtLevel=1")


def kafka_or_skip() -> Path:
    """Return the folder of Kafka's jars; the test skips without it, unless services are required."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("TOCSIN_TEST_KAFKA") or cache / "tocsin-tests" / "kafka")
    if (folder / ".ready").exists() and shutil.which("java"):
        return folder
    return skip_or_fail("needs Java and Apache Kafka: `make services` fetches them, or says how")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Node:
    """One Kafka process; its data outlives it."""

    def __init__(self, jars: Path, folder: Path, properties: Mapping[str, str]) -> None:
        self.log = folder / "kafka.log"
        self._jars = jars
        self._folder = folder
        self._settings = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        (folder / "log4j2.properties").write_text(_LOG)
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))

    def format(self, cluster_id: str, *options: str) -> None:
        """Make the data directory."""
        command = self._java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", self._settings, *options)
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # a Ctrl-C is for the tests
                self._java("kafka.Kafka", self._settings), stdout=log, stderr=log, start_new_session=True
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _java(self, *arguments: object) -> list[str]:
        log4j = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        return ["java", *_JAVA, log4j, "-cp", f"{self._jars}/*", *map(str, arguments)]


class Cluster:
    """Kafka nodes that belong together. Use it as a context: its processes end with the block."""

    def __init__(self, folder: Path, nodes: int = 1, properties: Mapping[str, str] | None = None) -> None:
        jars = kafka_or_skip()
        ports = free_ports(2 * nodes)
        self._clients, controllers = ports[:nodes], ports[nodes:]
        quorum = ",".join(f"127.0.0.1:{port}" for port in controllers)
        self.nodes: list[Node] = []
        for number, (port, controller) in enumerate(zip(self._clients, controllers, strict=True), 1):
            own = {
                "node.id": str(number),
                "controller.quorum.bootstrap.servers": quorum,
                "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name": "PLAINTEXT",
                "log.dirs": str(folder / f"node{number}" / "data"),
            }
            self.nodes.append(
                Node(jars, folder / f"node{number}", {**_COMMON, **_replication(nodes), **own, **(properties or {})})
            )
        directories = [_random_uuid(), _random_uuid(), _random_uuid()]
        if nodes == 1:
            self._options: tuple[str, ...] = ("--standalone",)
        else:
            voters = [
                f"{number}@127.0.0.1:{port}:{directory}"
                for number, port, directory in zip(range(1, nodes + 1), controllers, directories, strict=False)
            ]
            self._options = ("--initial-controllers", ",".join(voters))
        self.client_properties: dict[str, str] = {}

    def secure(self, options: Sequence[str], client_properties: Mapping[str, str]) -> None:
        """Say what the data directory is made with, and how clients of these tests get in."""
        self._options += tuple(options)
        self.client_properties = dict(client_properties)

    @property
    def servers(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self._clients)

    @property
    def url(self) -> str:
        return f"kafka://{self.servers}"

    def __enter__(self) -> "Cluster":
        cluster_id = _random_uuid()
        for node in self.nodes:
            node.format(cluster_id, *self._options)
            node.start()
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()

    def empty(self) -> None:
        """Remove all topics but Kafka's own, and all groups; waits for a broker that has just been away."""
        self.wait_until_ready()
        with suppress(TimeoutError):  # a member that has just left
            self.empty_groups(seconds=0)
        admin = self._admin()
        deadline = time.monotonic() + _EMPTY_SECONDS
        while topics := [name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")]:
            assert time.monotonic() < deadline, f"these topics are not removed: {topics}"
            for future in admin.delete_topics(topics).values():
                with suppress(KafkaException, TimeoutError):  # removed already, or no answer: it is looked for again
                    future.result(10)

    def empty_groups(self, seconds: float = 30) -> None:
        """Remove all groups, so that whoever reads begins at the start; waits for members that have just left."""
        admin = self._admin()
        deadline = time.monotonic() + seconds
        while groups := [group.group_id for group in admin.list_consumer_groups().result(10).valid]:
            for future in admin.delete_consumer_groups(groups).values():
                with suppress(KafkaException):
                    future.result(10)
            if time.monotonic() > deadline:
                raise TimeoutError(f"members have not left: {groups}")
            time.sleep(0.2)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.servers, "log_level": "0", **self.client_properties})

    def wait_until_ready(self) -> None:
        """Wait until every node answers; fails with the end of its log where one has ended."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            for node in self.nodes:
                assert node.is_running, node.log.read_text(errors="replace")[-3000:]
            try:
                if len(self._admin().list_topics(timeout=2).brokers) == len(self.nodes):
                    return
            except KafkaException:
                time.sleep(0.2)
        raise TimeoutError(f"Kafka was not ready after {_START_SECONDS:.0f} s: {self.nodes[0].log}")


def _replication(nodes: int) -> dict[str, str]:
    replicas, in_sync = str(nodes), str(max(1, nodes - 1))
    return {
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def _random_uuid() -> str:
    """Return an id in Kafka's form: 16 bytes, base64 for URLs, no `-` in front, which options begin with."""
    import base64
    import uuid

    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not text.startswith("-"):
            return text
