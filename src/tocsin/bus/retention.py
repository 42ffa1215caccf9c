"""Remove what is beyond a topic's retention and read by every group; give the space back to the disk."""

import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tocsin.bus.database import Database

_STEP_BYTES = 16 << 20  # of blocks removed in one transaction, so that writers wait for milliseconds only
_STEP_BLOCKS = 128
_LOOK_BLOCKS = 256  # of each partition at a time: a look must not cost a walk through all of them
_STEP_PAGES = 256
_SLACK = 8  # one page in so many may stay free: new blocks fill it sooner than a shrunk file grows again


@dataclass(frozen=True, slots=True)
class _Block:
    topic: int
    partition: int
    base_offset: int
    count: int
    bytes: int


def retain(database: Database, now_us: int) -> int:
    """Remove expired blocks, oldest first, and return how many records they held. Raises DeliveryError."""
    removed = 0
    while removed_now := sum(_remove_all(database, blocks) for blocks in _steps(_expired(database, now_us))):
        removed += removed_now
    _give_space_back(database)
    return removed


def _expired(database: Database, now_us: int) -> list[_Block]:
    """Return old blocks that are beyond the retention of their topic; not all, where there are very many."""
    topics = database.rows("SELECT id, partitions, retention_seconds, retention_bytes FROM topics")
    return [
        block
        for topic, partitions, seconds, topic_bytes in topics
        for block in _expired_of(database, topic, partitions, now_us - seconds * 1_000_000, topic_bytes)
    ]


def _expired_of(database: Database, topic: int, partitions: int, oldest_us: int, topic_bytes: int) -> Iterator[_Block]:
    """Yield the oldest blocks that every group has read, while they are too old or their topic is too large."""
    size = database.rows("SELECT total(bytes) FROM blocks WHERE topic = ?", (topic,))[0][0]
    for _, partition, base_offset, count, block_bytes, appended_us in _oldest_read(database, topic, partitions):
        if appended_us >= oldest_us and size <= topic_bytes:
            return
        yield _Block(topic, partition, base_offset, count, block_bytes)
        size -= block_bytes


def _oldest_read(database: Database, topic: int, partitions: int) -> list[tuple[int, int, int, int, int, int]]:
    """Return id, partition, base offset, count, bytes and time of the oldest blocks that every group has read,
    oldest first."""
    heads = [
        database.rows(
            "SELECT id, partition, base_offset, count, bytes, appended_us FROM blocks"
            " WHERE topic = ?1 AND partition = ?2"
            " AND base_offset + count <= coalesce("
            "  (SELECT min(next_offset) FROM offsets WHERE topic = ?1 AND partition = ?2), base_offset + count)"
            " ORDER BY base_offset LIMIT ?3",
            (topic, partition, _LOOK_BLOCKS),
        )
        for partition in range(partitions)
    ]
    known_to = min((head[-1][0] for head in heads if len(head) == _LOOK_BLOCKS), default=math.inf)
    return sorted(block for head in heads for block in head if block[0] <= known_to)  # ids ascend in time


def _steps(blocks: Sequence[_Block]) -> Iterator[list[_Block]]:
    step: list[_Block] = []
    size = 0
    for block in blocks:
        step.append(block)
        size += block.bytes
        if size >= _STEP_BYTES or len(step) == _STEP_BLOCKS:
            yield step
            step, size = [], 0
    if step:
        yield step


def _remove_all(database: Database, blocks: Sequence[_Block]) -> int:
    with database.transaction() as connection:
        return sum(_remove(connection, block) for block in blocks)


def _remove(connection: sqlite3.Connection, block: _Block) -> int:
    """Remove one block, unless it is gone or a group that registered meanwhile has not read it.

    By its place, for SQLite gives an id that was removed to another block.
    """
    place = (block.topic, block.partition)
    removed = connection.execute(
        "DELETE FROM blocks WHERE topic = ?1 AND partition = ?2 AND base_offset = ?3 AND NOT EXISTS"
        " (SELECT 1 FROM offsets WHERE topic = ?1 AND partition = ?2 AND next_offset < base_offset + count)",
        (*place, block.base_offset),
    ).rowcount
    if not removed:
        return 0
    connection.execute(
        "UPDATE partitions SET first_offset = first_offset + ? WHERE topic = ? AND partition = ?", (block.count, *place)
    )
    return block.count


def _give_space_back(database: Database) -> None:
    """Move blocks from the end of the file into free pages and cut it, until little of it is free."""
    free = _free_pages(database)
    while free > max(_STEP_PAGES, database.rows("PRAGMA page_count")[0][0] // _SLACK):
        database.vacuum(_STEP_PAGES)
        before, free = free, _free_pages(database)
        if free >= before:
            break
    database.checkpoint()


def _free_pages(database: Database) -> int:
    pages: int = database.rows("PRAGMA freelist_count")[0][0]
    return pages
