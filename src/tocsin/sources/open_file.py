"""One file being read: its batches, each with the position after it."""

import os
from dataclasses import dataclass, field

import msgspec

from tocsin.event import DEAD_LETTERS
from tocsin.flow import Batch
from tocsin.sources.content import Content, FileBytes
from tocsin.sources.cursor import Cursor
from tocsin.sources.fingerprint import BLOCK_BYTES, TAIL_BYTES, Trail
from tocsin.sources.portion import Portion, Reader
from tocsin.sources.report import FilesReport
from tocsin.sources.walk import Found


@dataclass
class OpenFile:
    """A file, its reader, and the position that is kept for it."""

    found: Found
    raw: FileBytes
    content: Content
    trail: Trail
    reader: Reader
    cursor: Cursor
    report: FilesReport
    input_name: str  # what its position is kept under; another one once the file has lost its name
    retired: dict[str, Cursor] = field(default_factory=dict)  # positions to keep of files that had its name before
    is_finished: bool = False
    has_paused: bool = False  # the end of what is there was seen

    def read(self) -> Batch | None:
        """Return the next batch; None when there is nothing now. Raises DecodeError and OSError as its reader does."""
        portion = self.reader.read()
        self.has_paused = portion is None
        if portion is None:
            return None
        self.is_finished = portion.is_last
        self.cursor = self._cursor_after(portion)
        self.report.add(portion)
        positions = self.positions
        self.retired.clear()
        return Batch(
            records=portion.records,
            positions=positions,
            aside={DEAD_LETTERS: portion.dead_letters} if portion.dead_letters else {},
            file=self.found.name,
            lines=portion.lines,
        )

    @property
    def positions(self) -> dict[str, bytes]:
        cursors = {self.input_name: self.cursor, **self.retired}
        return {name: cursor.encoded() for name, cursor in cursors.items()}

    @property
    def is_growing(self) -> bool:
        return self.raw.is_growing

    @property
    def device_and_inode(self) -> tuple[int, int]:
        facts = os.fstat(self.raw.handle.fileno())
        return facts.st_dev, facts.st_ino

    def is_rewritten(self) -> bool:
        """Say whether the bytes before the position are gone: the file was cut, or written anew."""
        if self.content.compression:
            return False
        handle = self.raw.handle.fileno()
        if os.fstat(handle).st_size < self.content.offset:
            return True
        before = self.trail.before(self.trail.length)
        return os.pread(handle, len(before), self.trail.length - len(before)) != before

    def close(self) -> None:
        self.content.close()

    def _cursor_after(self, portion: Portion) -> Cursor:
        cursor = msgspec.structs.replace(
            self.cursor,
            offset=portion.offset,
            passed=portion.passed,
            within=portion.within,
            tail=self.trail.tail_at(portion.offset),
            chain=self.trail.chain_at(portion.offset),
            is_done=portion.is_last,
        )
        if not portion.is_last:
            return cursor
        size = os.fstat(self.raw.handle.fileno()).st_size
        return msgspec.structs.replace(cursor, length=self.trail.length, whole=self.trail.whole(), size=size)


def trail_to(content: Content, cursor: Cursor, seed: int) -> Trail:
    """Go to the block in which a position lies, and take up the hashes there. The rest is read again."""
    start = cursor.offset - cursor.offset % BLOCK_BYTES
    content.skip_to(max(0, start - TAIL_BYTES))
    before = content.read_exactly(min(start, TAIL_BYTES))
    return Trail(seed, start, bytes.fromhex(cursor.chain), before)
