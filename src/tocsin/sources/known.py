"""Tell what a file is to us: one to go on with, one read before, a copy of another, or a new one."""

import os
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tocsin.errors import DecodeError
from tocsin.sources.content import PIECE_BYTES, Content, FileBytes
from tocsin.sources.cursor import TINY_BYTES, Cursor
from tocsin.sources.fingerprint import TAIL_BYTES, Trail, head_hash, tail_hash
from tocsin.sources.walk import Found

_PREFIXES = ("file:", "read:")


@dataclass(frozen=True)
class Candidate:
    """A file that is open, and what it shows of itself."""

    found: Found
    facts: os.stat_result
    head: bytes  # up to 64 KB of its content
    is_compressed: bool
    is_followed: bool

    @property
    def is_tiny(self) -> bool:
        return len(self.head) < TINY_BYTES

    def is_file_of(self, cursor: Cursor) -> bool:
        return (cursor.device, cursor.inode) == (self.facts.st_dev, self.facts.st_ino)


class Known:
    """The positions of all files read before, and the decisions that follow from them.

    `run` is the number of the run that reads all files once more, or 0: what an earlier run finished counts as unread.
    """

    def __init__(self, positions: Mapping[str, bytes], *, seed: int, run: int, again: bool, has_nonces: bool) -> None:
        self._seed = seed
        self._run = run
        self._again = again
        self._has_nonces = has_nonces
        self._cursors: dict[str, Cursor] = {}
        self._names_by_head: dict[tuple[int, str], dict[str, None]] = {}
        self._grown_heads: Counter[int] = Counter()
        for name, position in positions.items():
            if name.startswith(_PREFIXES):
                self.remember(name, Cursor.decoded(name, position))

    def remember(self, name: str, cursor: Cursor) -> None:
        old = self._cursors.pop(name, None)
        if old:
            self._names_by_head[old.head_bytes, old.head].pop(name)
            self._grown_heads[old.head_bytes] -= _is_grown(old)
        self._cursors[name] = cursor
        self._names_by_head.setdefault((cursor.head_bytes, cursor.head), {})[name] = None
        self._grown_heads[cursor.head_bytes] += _is_grown(cursor)

    def unfinished(self) -> list[tuple[str, Cursor]]:
        return [(name, cursor) for name, cursor in self._cursors.items() if not cursor.is_done]

    def at(self, name: str) -> Cursor | None:
        return self._cursors.get(name)

    def cursor_of(self, file: Candidate, is_replaced: bool = False) -> Cursor:
        """Return where to begin with a file: at its own position, at the one it had under another name, or anew."""
        own = self._cursors.get(file.found.input_name)
        if own and self._is_to_read_again(own):
            return _anew(own, self._run)
        if own and not is_replaced and self._fits(own, file):
            return own
        for other in self._alike(file.head):
            if not self._is_to_read_again(other) and self._has_moved(other, file):
                return msgspec.structs.replace(
                    other,
                    path=file.found.absolute,
                    device=file.facts.st_dev if not _is_tiny(other) else other.device,
                    inode=file.facts.st_ino if not _is_tiny(other) else other.inode,
                )
        return self._new(file)

    def original_of(self, file: Candidate) -> Cursor | None:
        """Return the finished file that this one repeats, byte for byte, if there is one."""
        if self._again or file.is_followed:
            return None
        whole: tuple[int, str] | None = None
        for other in self._alike(file.head):
            if not other.is_done or other.copy_of or other.path == file.found.absolute:
                continue
            if not file.is_compressed and other.length != file.facts.st_size:
                continue
            whole = whole or _whole_of(file.found.path, self._seed)
            if whole == (other.length, other.whole):
                return other
        return None

    def _alike(self, head: bytes) -> Iterator[Cursor]:
        """Yield the files whose fingerprint fits a head."""
        lengths = {length for length, count in self._grown_heads.items() if count and length < len(head)}
        for length in sorted(lengths | {len(head)}, reverse=True):
            for name in list(self._names_by_head.get((length, head_hash(head[:length])), ())):
                yield self._cursors[name]

    def _is_to_read_again(self, cursor: Cursor) -> bool:
        return self._again and cursor.is_done and cursor.run != self._run

    def _fits(self, cursor: Cursor, file: Candidate) -> bool:
        if head_hash(file.head[: cursor.head_bytes]) != cursor.head or len(file.head) < cursor.head_bytes:
            return False
        if not file.is_compressed and file.facts.st_size < cursor.offset:
            return False
        return file.is_file_of(cursor) or _tail_of(file.found.path, cursor.offset, self._seed) == cursor.tail

    def _has_moved(self, cursor: Cursor, file: Candidate) -> bool:
        """Say whether a position belongs to this file, which had another name when it was read."""
        return not cursor.copy_of and not _is_still_there(cursor) and self._fits(cursor, file)

    def _new(self, file: Candidate) -> Cursor:
        head = head_hash(file.head)
        namesakes = [self._cursors[name] for name in self._names_by_head.get((len(file.head), head), ())]
        if file.is_tiny:
            namesakes = [other for other in namesakes if file.is_file_of(other)]
        return Cursor(
            path=file.found.absolute,
            head_bytes=len(file.head),
            head=head,
            device=file.facts.st_dev,
            inode=file.facts.st_ino,
            nonce=secrets.token_hex(8) if self._has_nonces and file.is_tiny else "",
            generation=max((other.generation + 1 for other in namesakes), default=0),
            run=self._run,
        )


def _is_grown(cursor: Cursor) -> bool:
    """Say whether the file is, or may become, longer than the head that was hashed."""
    return not (cursor.is_done and cursor.length == cursor.head_bytes)


def _is_tiny(cursor: Cursor) -> bool:
    return cursor.head_bytes < TINY_BYTES


def _anew(cursor: Cursor, run: int) -> Cursor:
    return msgspec.structs.replace(
        cursor, offset=0, passed=0, within=0, tail="", chain="", is_done=False, length=0, whole="", copy_of="", run=run
    )


def _is_still_there(cursor: Cursor) -> bool:
    try:
        facts = Path(cursor.path).stat()
    except OSError:
        return False
    return (facts.st_dev, facts.st_ino) == (cursor.device, cursor.inode)


def _tail_of(path: Path, offset: int, seed: int) -> str:
    content = Content(FileBytes(path))
    try:
        content.skip_to(max(0, offset - TAIL_BYTES))
        return tail_hash(content.read_exactly(min(offset, TAIL_BYTES)), seed)
    except DecodeError:
        return ""
    finally:
        content.close()


def _whole_of(path: Path, seed: int) -> tuple[int, str]:
    """Return length and hash of a file's content; of a damaged one something that equals no other's."""
    content = Content(FileBytes(path))
    trail = Trail(seed)
    try:
        while piece := content.read(PIECE_BYTES):
            trail.feed(piece)
    except DecodeError:
        return -1, ""
    finally:
        content.close()
    return trail.length, trail.whole()
