"""What our Kafka clients are told: our choices, over which the user's librdkafka properties count."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SILENT = logging.getLogger("librdkafka")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False

MAX_MESSAGE_BYTES = 5 << 20  # output topics allow 4 MiB of value; key and headers come on top

# A member that was killed holds its partitions for so long, unless its successor has its name: then for no time.
_SESSION_MS = 8_000
_HEARTBEAT_MS = 2_000
# One that tries the same batch again and again holds up a group whose partitions are to move for no longer than this.
_POLL_MS = 60_000
# All partitions move in one step. Where they move in two (cooperative-sticky), a member that is replaced under its name
# between them has given up partitions that nobody is given: the broker sees no change, and they are read no more.
_STRATEGY = "roundrobin"
# What a killed process left open holds up readers for so long, unless its successor has its name.
_TRANSACTION_MS = 10_000
_FETCH_WAIT_MS = 100
_READER_FETCH_WAIT_MS = 10  # so long until the end of a topic is known to be the end
_ASKER_BACKOFF_MS = 10  # a commit is settled some milliseconds after it was acknowledged
_QUEUED_KILOBYTES = 65_536  # of a consumer, read ahead
_CLASSIC_ONLY = ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy", "group.instance.id")


@dataclass(frozen=True)
class KafkaSettings:
    """Where Kafka is, and who we are there."""

    servers: str  # HOST:PORT, with commas between
    folder: Path  # of locks and of this installation's id
    properties: Mapping[str, str] = field(default_factory=dict)  # any of librdkafka's
    replication: int = -1  # of topics that are made; -1: as the broker's default says
    connect_seconds: float = 15.0  # how long to wait for a first answer

    def admin(self, error_cb: Callable[[Any], None]) -> dict[str, Any]:
        return {**self._common(error_cb), **self._of_user(("fetch.", "queued."))}

    def consumer(self, group: str, member: str, error_cb: Callable[[Any], None]) -> dict[str, Any]:
        """Return the settings of a group's member, which has the same name again after it was killed."""
        ours: dict[str, Any] = {
            "session.timeout.ms": _SESSION_MS,
            "heartbeat.interval.ms": _HEARTBEAT_MS,
            "partition.assignment.strategy": _STRATEGY,
            "group.instance.id": member,
            "max.poll.interval.ms": max(_POLL_MS, int(self.properties.get("session.timeout.ms", 0))),
            "fetch.wait.max.ms": _FETCH_WAIT_MS,
            "queued.max.messages.kbytes": _QUEUED_KILOBYTES,
        }
        if self.properties.get("group.protocol") == "consumer":
            # There a name that is still held refuses the successor until the broker's time is over (45 s).
            ours = {name: value for name, value in ours.items() if name not in _CLASSIC_ONLY}
        return {
            **self._common(error_cb),
            **ours,
            **self._of_user(),
            "group.id": group,
            **_READING,
            "auto.offset.reset": "error",
        }

    def reader(self, error_cb: Callable[[Any], None]) -> dict[str, Any]:
        """Return the settings of one that reads any place, and is in no group."""
        return {
            **self._common(error_cb),
            **self._of_user(("fetch.wait.", "group.", "queued.")),
            "fetch.wait.max.ms": _READER_FETCH_WAIT_MS,
            "queued.max.messages.kbytes": _QUEUED_KILOBYTES,
            "group.id": "tocsin-reader",
            **_READING,
            "auto.offset.reset": "earliest",
        }

    def asker(self, group: str, is_settled: bool, error_cb: Callable[[Any], None]) -> dict[str, Any]:
        """Return the settings of one that asks where a group is, and reads nothing."""
        return {
            **self._common(error_cb),
            "retry.backoff.ms": _ASKER_BACKOFF_MS,
            **self._of_user(("fetch.", "group.", "queued.")),
            "group.id": group,
            **_READING,
            "isolation.level": "read_committed" if is_settled else "read_uncommitted",
        }

    def producer(self, member: str, error_cb: Callable[[Any], None]) -> dict[str, Any]:
        return {
            **self._common(error_cb),
            "compression.type": "lz4",
            "linger.ms": 20,  # a commit does not wait for it
            "batch.num.messages": 10_000,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "transaction.timeout.ms": _TRANSACTION_MS,
            **self._of_user(),
            "enable.idempotence": True,
            "transactional.id": member,
        }

    def transaction_seconds(self) -> float:
        """Return how long a transaction may take before the broker takes it back."""
        return int(self.properties.get("transaction.timeout.ms", _TRANSACTION_MS)) / 1000

    def is_incremental(self) -> bool:
        """Whether partitions come and go one by one, rather than all at each rebalance."""
        return self.properties.get("group.protocol") == "consumer"

    def _common(self, error_cb: Callable[[Any], None]) -> dict[str, Any]:
        return {
            "bootstrap.servers": self.servers,
            "client.id": "tocsin",
            "log_level": 0,  # what goes wrong is told once, in our words,
            "logger": SILENT,  # and what is fatal not in others' beside them
            "error_cb": error_cb,
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 2_000,
        }

    def _of_user(self, without: tuple[str, ...] = ()) -> dict[str, str]:
        return {name: value for name, value in self.properties.items() if not name.startswith(without or ("\0",))}


_READING = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
}
