"""Remove what is beyond a topic's retention and read by every group; give the space back to the disk."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tocsin.bus.database import Database

_STEP_BYTES = 64 << 20  # of blocks removed in one transaction, so that writers wait for milliseconds only
_STEP_PAGES = 256
_SLACK = 8  # one page in so many may stay free: new blocks fill it sooner than a shrunk file grows again


@dataclass(frozen=True, slots=True)
class _Block:
    id: int
    topic: int
    partition: int
    count: int
    bytes: int


def retain(database: Database, now_us: int) -> int:
    """Remove expired blocks, oldest first, and return how many records they held. Raises DeliveryError."""
    topics = database.rows("SELECT id, retention_seconds, retention_bytes FROM topics")
    expired = [
        block
        for topic, seconds, topic_bytes in topics
        for block in _expired(database, topic, now_us - seconds * 1_000_000, topic_bytes)
    ]
    removed = 0
    for blocks in _steps(expired):
        with database.transaction() as connection:
            removed += sum(_remove(connection, block) for block in blocks)
    _give_space_back(database)
    return removed


def _expired(database: Database, topic: int, oldest_us: int, topic_bytes: int) -> Iterator[_Block]:
    """Yield the blocks that are too old, or too much beside newer ones of their topic, and read by every group."""
    read_by_all = dict(
        database.rows("SELECT partition, min(next_offset) FROM offsets WHERE topic = ? GROUP BY partition", (topic,))
    )
    unread: set[int] = set()
    blocks = database.rows(
        "SELECT id, partition, count, bytes, base_offset + count, appended_us, sum(bytes) OVER (ORDER BY id DESC)"
        " FROM blocks WHERE topic = ? ORDER BY id",  # ids ascend as blocks are appended
        (topic,),
    )
    for block_id, partition, count, size, end, appended_us, size_with_newer in blocks:
        if appended_us >= oldest_us and size_with_newer <= topic_bytes:
            return
        if end > read_by_all.get(partition, end):
            unread.add(partition)
        if partition not in unread:
            yield _Block(block_id, topic, partition, count, size)


def _steps(blocks: Sequence[_Block]) -> Iterator[list[_Block]]:
    step: list[_Block] = []
    size = 0
    for block in blocks:
        step.append(block)
        size += block.bytes
        if size >= _STEP_BYTES:
            yield step
            step, size = [], 0
    if step:
        yield step


def _remove(connection: sqlite3.Connection, block: _Block) -> int:
    """Remove one block, unless it is gone or a group that registered meanwhile has not read it."""
    place = (block.topic, block.partition)
    removed = connection.execute(
        "DELETE FROM blocks WHERE id = ? AND NOT EXISTS (SELECT 1 FROM offsets WHERE topic = ? AND partition = ?"
        " AND next_offset < base_offset + count)",
        (block.id, *place),
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
        with database.transaction() as connection:
            connection.execute(f"PRAGMA incremental_vacuum({_STEP_PAGES})").fetchall()
        before, free = free, _free_pages(database)
        if free >= before:
            break
    database.checkpoint()


def _free_pages(database: Database) -> int:
    pages: int = database.rows("PRAGMA freelist_count")[0][0]
    return pages
