"""The embedded bus: a durable log of topics in one SQLite file, for the processes of one machine."""

import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tocsin.bus.codec import DamagedBlockError, pack, unpack, unpacked_bytes
from tocsin.bus.consumer import ConsumerSettings, EmbeddedConsumer
from tocsin.bus.database import Database
from tocsin.bus.network import network_file_system_of
from tocsin.bus.retention import retain
from tocsin.errors import ConfigError
from tocsin.event import Record
from tocsin.failpoints import failpoint
from tocsin.flow import Batch, Outputs, PartitionLag, TopicPartition, TopicSettings
from tocsin.locks import FileLock

__all__ = ["FAILPOINTS", "ConsumerSettings", "EmbeddedBus", "EmbeddedCommitter", "EmbeddedConsumer"]

FAILPOINTS = ("bus.before_write", "bus.after_append", "bus.before_commit", "bus.after_commit")

_BLOCK_RECORDS = 500
_BLOCK_BYTES = 8 << 20  # of values in a block, unless one record alone is larger
_READ_BYTES = 16 << 20  # of one partition in a batch, about
_OWNER_SECONDS = 0.5  # how long a new owner of a group waits for the old one to end


@dataclass(frozen=True)
class _Topic:
    id: int
    partitions: int


class EmbeddedBus:
    """Topics with partitions, keys, headers and timestamps; groups with committed offsets; positions of sources.

    Durable: what `commit` acknowledged survives a kill and a power loss (WAL, synchronous=FULL). Any number of
    processes may write; readers block nobody. A row is a compressed block of records, as in Kafka. One object
    belongs to one thread.
    """

    has_gaps = False
    own_topics = ()

    def __init__(self, folder: Path) -> None:
        """Open the log in `folder`, made if need be.

        Raises ConfigError: a network file system, written by a newer version, damaged, not accessible.
        """
        _make(folder)
        self._folder = folder
        self._database = Database(folder)
        self.id: str = self._database.rows("SELECT id FROM bus")[0][0]
        self._topics: dict[str, _Topic] = {}
        self._next_partition: dict[str, int] = {}

    def close(self) -> None:
        self._database.close()

    # Topics

    def ensure_topics(self, topics: Mapping[str, TopicSettings], groups: Mapping[str, Sequence[str]]) -> None:
        """Create the topics that do not exist, and register groups on their topics, so that nothing they have
        not read is removed. A topic that exists keeps its partitions; retention takes the new settings."""
        registered = [(group, name) for group, names in groups.items() for name in names]
        for _, name in registered:
            if name not in topics:
                self._topic(name)
        with self._database.transaction() as connection:
            for name, settings in topics.items():
                _ensure_topic(connection, name, settings)
            connection.executemany(
                "INSERT OR IGNORE INTO offsets SELECT ?, topic, partition, first_offset"
                " FROM partitions JOIN topics ON topics.id = topic WHERE name = ?",
                registered,
            )

    def partitions(self, topic: str) -> int:
        return self._topic(topic).partitions

    def copies(self, topic: str) -> int:  # noqa: ARG002
        """Return 1: this disk's."""
        return 1

    def origin(self, topic: str) -> str:  # noqa: ARG002  on Kafka it counts
        """Return what this topic is and no other; its name says the rest."""
        return self.id

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return (first offset kept, next offset to be written) of each partition."""
        rows = self._database.rows(
            "SELECT partition, first_offset, next_offset FROM partitions WHERE topic = ?", (self._topic(topic).id,)
        )
        return {partition: (first, following) for partition, first, following in rows}

    # Writing

    def committer(self, *, group: str = "", owner: str = "") -> "EmbeddedCommitter":
        """Return what commits outputs with the offsets of a group, or with the positions of a source's owner."""
        return EmbeddedCommitter(self, group, owner)

    def commit(self, outputs: Outputs, group: str, owner: str, batch: Batch) -> None:
        """Append outputs and set the batch's offsets and positions in one transaction. Raises DeliveryError."""
        blocks = [
            (self._topic(topic).id, partition, len(records), pack(records))
            for topic, appended in outputs.items()
            for partition, share in self._by_partition(topic, appended).items()
            for records in _cut(share)
        ]
        offsets = [(group, self._topic(name).id, part, following) for (name, part), following in batch.offsets.items()]
        positions = [(owner, name, position) for name, position in batch.positions.items()]
        failpoint("bus.before_write")
        with self._database.transaction() as connection:
            now_us = time.time_ns() // 1000
            for block in blocks:
                _append(connection, *block, now_us)
            failpoint("bus.after_append")
            connection.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?, ?)", offsets)
            connection.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", positions)
            failpoint("bus.before_commit")
        failpoint("bus.after_commit")

    def positions(
        self,
        owner: str,
        is_stopped: Callable[[], bool] = lambda: False,  # noqa: ARG002
    ) -> dict[str, bytes]:
        """Return the committed position of each input of a source's owner. There is nothing to wait for."""
        return dict(self._database.rows("SELECT input, position FROM positions WHERE owner = ?", (owner,)))

    # Reading

    def consumer(self, group: str, topics: Sequence[str], settings: ConsumerSettings) -> EmbeddedConsumer:
        """Return a source that reads the group's share of the topics. Raises ConfigError where a position is lost."""
        self.ensure_topics({}, {group: topics})
        return EmbeddedConsumer(self, group, topics, settings)

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """Return the next offset that the group will read, by topic and partition."""
        rows = self._database.rows(
            "SELECT name, partition, next_offset FROM offsets JOIN topics ON topics.id = topic"
            " WHERE consumer_group = ?",
            (group,),
        )
        return {(name, partition): following for name, partition, following in rows}

    def settle(self, topic: str) -> None:
        """Return at once: a commit is decided when it returns."""

    def read_from(
        self,
        topic: str,
        partition: int,
        offset: int,
        max_records: int,
        end: int = 0,  # noqa: ARG002
    ) -> list[Record]:
        """Return up to `max_records` records from `offset` on, fewer where they are large; [] where there are none."""
        return self.read_blocks(topic, partition, offset, max_records)[:max_records]

    def read_blocks(self, topic: str, partition: int, offset: int, enough_records: int) -> list[Record]:
        """Return records from `offset` on by whole blocks, until there are enough of them or they are large."""
        records: list[Record] = []
        try:
            for base_offset, packed in self._blocks(topic, partition, offset, enough_records):
                block = unpack(packed, topic, partition, base_offset)
                records += block[offset - base_offset :] if base_offset < offset else block
        except DamagedBlockError as error:
            raise ConfigError(
                f"bus `{self._folder}`: `{topic}` partition {partition}, the block at or after offset"
                f" {offset + len(records)} is damaged: {error}; check the disk, then restore the folder from a backup,"
                " or start with an empty data directory"
            ) from error
        return records

    def change_mark(self) -> tuple[int, int]:
        """Return a mark that differs once any process has committed since; costs microseconds."""
        return self._database.change_mark()

    def _blocks(self, topic: str, partition: int, offset: int, enough_records: int) -> list[tuple[int, bytes]]:
        records = size = 0

        def is_enough(row: tuple[int, int, bytes]) -> bool:
            nonlocal records, size
            end, _, packed = row
            records = end - offset
            size += unpacked_bytes(packed)
            return records >= enough_records or size >= _READ_BYTES

        rows = self._database.rows_until(
            is_enough,
            "SELECT base_offset + count, base_offset, records FROM blocks WHERE topic = ?1 AND partition = ?2"
            " AND base_offset >= coalesce("
            "  (SELECT max(base_offset) FROM blocks WHERE topic = ?1 AND partition = ?2 AND base_offset <= ?3), 0)"
            " AND base_offset + count > ?3 ORDER BY base_offset",
            (self._topic(topic).id, partition, offset),
        )
        return [(base_offset, packed) for _, base_offset, packed in rows]

    # Groups

    def own(self, group: str) -> FileLock:
        """Become the one owner of a group on this machine. Raises ConfigError naming the pid that already is."""
        lock = FileLock(self._folder / "locks" / f"{quote(group, safe='')}.lock")
        if not lock.acquire_within(_OWNER_SECONDS):
            raise ConfigError(
                f"group `{group}` of bus `{self._folder}` is owned by the process with pid {lock.holder()};"
                " stop that one first"
            )
        return lock

    def lag(self, group: str) -> list[PartitionLag]:
        """Return the lag of a group by topic and partition."""
        now_us = time.time_ns() // 1000
        rows = self._database.rows(
            "SELECT name, o.partition, o.next_offset, p.next_offset, (SELECT appended_us FROM blocks b WHERE"
            "  b.topic = o.topic AND b.partition = o.partition AND b.base_offset + b.count > o.next_offset"
            "  AND b.base_offset >= coalesce((SELECT max(base_offset) FROM blocks c WHERE c.topic = o.topic"
            "   AND c.partition = o.partition AND c.base_offset <= o.next_offset), 0)"
            "  ORDER BY base_offset LIMIT 1)"
            " FROM offsets o JOIN topics t ON t.id = o.topic"
            " JOIN partitions p ON p.topic = o.topic AND p.partition = o.partition"
            " WHERE consumer_group = ? ORDER BY name, o.partition",
            (group,),
        )
        return [
            PartitionLag(
                group=group,
                topic=name,
                partition=partition,
                committed=committed,
                end=end,
                oldest_age_seconds=0.0 if appended_us is None else max(0.0, (now_us - appended_us) / 1e6),
            )
            for name, partition, committed, end, appended_us in rows
        ]

    def unread_bytes(self, group: str) -> int:
        """Return how many bytes, compressed, a group has not read yet, in all its topics."""
        rows = self._database.rows(
            "SELECT total(bytes) FROM offsets o JOIN blocks b ON b.topic = o.topic AND b.partition = o.partition"
            " AND b.base_offset + b.count > o.next_offset WHERE consumer_group = ?",
            (group,),
        )
        return int(rows[0][0])

    def has_readers(self, group: str) -> bool:
        """Whether any process reads as this group now: a reader holds the locks on its partitions."""
        for topic, partition in self.committed(group):
            lock = self.partition_lock(group, topic, partition)
            if not lock.try_acquire():
                return True
            lock.release()
        return False

    def groups(self) -> list[str]:
        return [group for (group,) in self._database.rows("SELECT DISTINCT consumer_group FROM offsets ORDER BY 1")]

    def partition_lock(self, group: str, topic: str, partition: int) -> FileLock:
        return FileLock(self._folder / "locks" / f"{quote(group, safe='')}@{quote(topic, safe='')}@{partition}.lock")

    # Retention

    def retain(self, now_us: int) -> int:
        """Remove blocks beyond their topic's retention that every registered group has read.

        Returns the number of records removed. Works in small steps: writers wait for milliseconds only.
        """
        return retain(self._database, now_us)

    # Helpers

    def _topic(self, name: str) -> _Topic:
        if name not in self._topics:
            rows = self._database.rows("SELECT id, partitions FROM topics WHERE name = ?", (name,))
            if not rows:
                raise ConfigError(f"bus `{self._folder}`: there is no topic `{name}`")
            self._topics[name] = _Topic(*rows[0])
        return self._topics[name]

    def _by_partition(self, name: str, records: Sequence[Record]) -> dict[int, Sequence[Record]]:
        """Give records with a key the partition of that key; those without one go together, to each in turn."""
        partitions = self._topic(name).partitions
        turn = self._next_partition.get(name, 0)
        has_key = [bool(record.key) for record in records]
        if not all(has_key):
            self._next_partition[name] = (turn + 1) % partitions
        if not any(has_key):
            return {turn: records} if records else {}
        shares: dict[int, list[Record]] = {}
        for record in records:
            partition = zlib.crc32(record.key) % partitions if record.key else turn
            shares.setdefault(partition, []).append(record)
        return dict(shares)


class EmbeddedCommitter:
    """Commits on behalf of one consumer group or one owner of a source."""

    def __init__(self, bus: EmbeddedBus, group: str, owner: str) -> None:
        self._bus = bus
        self._group = group
        self._owner = owner

    def commit(self, outputs: Outputs, batch: Batch) -> None:
        self._bus.commit(outputs, self._group, self._owner, batch)

    def settle(self) -> None:
        """Do nothing: a commit is whole when it returns."""


def _append(
    connection: sqlite3.Connection, topic_id: int, partition: int, count: int, packed: bytes, now_us: int
) -> None:
    base_offset = connection.execute(
        "UPDATE partitions SET next_offset = next_offset + ?1 WHERE topic = ?2 AND partition = ?3"
        " RETURNING next_offset - ?1",
        (count, topic_id, partition),
    ).fetchone()[0]
    connection.execute(
        "INSERT INTO blocks (topic, partition, base_offset, count, bytes, appended_us, records)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (topic_id, partition, base_offset, count, len(packed), now_us, packed),
    )


def _make(folder: Path) -> None:
    try:
        (folder / "locks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"bus: `{folder}` cannot be made: {error}") from error
    kind = network_file_system_of(folder)
    if kind is not None:
        raise ConfigError(
            f"bus: `{folder}` lies on a network file system ({kind}), where neither locks nor fsync can be trusted;"
            " use a folder on a local disk, or Kafka"
        )


def _ensure_topic(connection: sqlite3.Connection, name: str, settings: TopicSettings) -> None:
    connection.execute(
        "INSERT INTO topics (name, partitions, retention_seconds, retention_bytes) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET retention_seconds = excluded.retention_seconds,"
        " retention_bytes = excluded.retention_bytes"  # and nothing is written where nothing changes:
        " WHERE (topics.retention_seconds, topics.retention_bytes)"  # a stage starts on a full disk, too
        " IS NOT (excluded.retention_seconds, excluded.retention_bytes)",
        (name, settings.partitions, settings.retention_seconds, settings.retention_bytes),
    )
    topic, partitions = connection.execute("SELECT id, partitions FROM topics WHERE name = ?", (name,)).fetchone()
    connection.executemany(
        "INSERT OR IGNORE INTO partitions VALUES (?, ?, 0, 0)", [(topic, partition) for partition in range(partitions)]
    )


def _cut(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Cut the records of one partition into blocks of a size that readers can hold."""
    if len(records) <= _BLOCK_RECORDS and sum(len(record.value) for record in records) <= _BLOCK_BYTES:
        yield records
        return
    block: list[Record] = []
    size = 0
    for record in records:
        if block and (len(block) == _BLOCK_RECORDS or size + len(record.value) > _BLOCK_BYTES):
            yield block
            block, size = [], 0
        block.append(record)
        size += len(record.value)
    yield block
