"""Measure what a group costs when a member dies, pauses or leaves, by protocol: `python -m tests.soak.protocols`.

Plain consumers, two in a group of four partitions, nothing of ours: what Kafka itself makes of each protocol.
"""

import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.kafka.broker import Cluster

_PARTITIONS = 4
_TIMES = 3
_LONGEST_SECONDS = 100.0
_CLASSIC = {"session.timeout.ms": "10000", "heartbeat.interval.ms": "2000"}
_PROTOCOLS: Mapping[str, tuple[Mapping[str, str], bool]] = {  # with or without a name that outlives the process
    "classic, range, static": ({**_CLASSIC, "partition.assignment.strategy": "range"}, True),
    "classic, range": ({**_CLASSIC, "partition.assignment.strategy": "range"}, False),
    "classic, cooperative-sticky, static": ({**_CLASSIC, "partition.assignment.strategy": "cooperative-sticky"}, True),
    "classic, cooperative-sticky": ({**_CLASSIC, "partition.assignment.strategy": "cooperative-sticky"}, False),
    "consumer (KIP-848), static": ({"group.protocol": "consumer"}, True),
    "consumer (KIP-848)": ({"group.protocol": "consumer"}, False),
}
_FAULTS = ("killed, restarted at once", "killed, not restarted", "paused (SIGSTOP)", "stopped in order")
_MEMBER = """
import signal, sys
from confluent_kafka import Consumer
is_stopped = []
signal.signal(signal.SIGTERM, lambda *_: is_stopped.append(1))
consumer = Consumer(dict(word.split("=", 1) for word in sys.argv[1:]))
consumer.subscribe(["numbers"])
while not is_stopped:
    message = consumer.poll(0.1)
    if message is not None and message.error() is None:
        print(message.partition(), flush=True)
consumer.close()
"""


class Group:
    """Two members, and what they read."""

    def __init__(self, servers: str, name: str, properties: Mapping[str, str], is_static: bool) -> None:
        self._common = {"bootstrap.servers": servers, "group.id": name, "log_level": "0", **properties}
        self._is_static = is_static
        self._read: queue.Queue[tuple[float, int]] = queue.Queue()
        self.members = {number: self.start(number) for number in range(2)}

    def start(self, number: int) -> "subprocess.Popen[str]":
        own = {"group.instance.id": f"member-{number}"} if self._is_static else {}
        words = [f"{name}={value}" for name, value in {**self._common, **own}.items()]
        member = subprocess.Popen([sys.executable, "-c", _MEMBER, *words], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, args=(member,), daemon=True).start()
        return member

    def _listen(self, member: "subprocess.Popen[str]") -> None:
        assert member.stdout is not None
        for line in member.stdout:
            self._read.put((time.monotonic(), int(line)))

    def seconds_until_all_are_read(self, since: float) -> float:
        """Return how long after `since` a record of each partition had been read."""
        left = set(range(_PARTITIONS))
        while left:
            try:
                moment, partition = self._read.get(timeout=max(0.0, since + _LONGEST_SECONDS - time.monotonic()))
            except queue.Empty:
                return _LONGEST_SECONDS
            if moment > since + 0.02:  # what was underway
                left.discard(partition)
        return moment - since

    def end(self) -> None:
        for member in self.members.values():
            member.kill()
            member.wait()


def measure(servers: str, name: str, fault: str, properties: Mapping[str, str], is_static: bool) -> float:
    """Return the seconds from the fault until every partition is read again."""
    group = Group(servers, name, properties, is_static)
    try:
        group.seconds_until_all_are_read(time.monotonic())
        time.sleep(6)  # until both have their share
        victim = group.members[0]
        happened = time.monotonic()
        if fault == "stopped in order":
            victim.terminate()
            victim.wait()
            happened = time.monotonic()
        elif fault.startswith("paused"):
            victim.send_signal(signal.SIGSTOP)
        else:
            victim.kill()
            victim.wait()
        if fault == "killed, restarted at once":
            group.members[0] = group.start(0)
        return group.seconds_until_all_are_read(happened)
    finally:
        group.end()


def write_numbers(servers: str, is_stopped: threading.Event) -> None:
    """Write a record to each partition twenty times a second."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
    while not is_stopped.wait(0.05):
        for partition in range(_PARTITIONS):
            producer.produce("numbers", b"1", partition=partition)
        producer.poll(0)


def main() -> None:
    is_stopped = threading.Event()
    print(f"| median seconds of {_TIMES} until all is read again | {' | '.join(_FAULTS)} |")
    print(f"|---|{'---|' * len(_FAULTS)}")
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder) / "kafka") as cluster:
        admin = AdminClient({"bootstrap.servers": cluster.servers})
        admin.create_topics([NewTopic("numbers", _PARTITIONS, 1)])["numbers"].result(10)
        threading.Thread(target=write_numbers, args=(cluster.servers, is_stopped), daemon=True).start()
        for protocol, (properties, is_static) in _PROTOCOLS.items():
            cells = []
            for fault in _FAULTS:
                found = [
                    measure(cluster.servers, f"{protocol}/{fault}/{n}", fault, properties, is_static)
                    for n in range(_TIMES)
                ]
                cells.append(f"{statistics.median(found):.1f} ({max(found):.1f})")
            print(f"| {protocol} | {' | '.join(cells)} |", flush=True)
        is_stopped.set()


if __name__ == "__main__":
    main()
