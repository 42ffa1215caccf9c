"""Open a file for reading: decide what it is, where to begin, and what speaks against it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from tocsin.flow import Batch
from tocsin.sources.content import Content, FileBytes
from tocsin.sources.cursor import Cursor
from tocsin.sources.evtx import HEADER_BYTES, MAGIC, EvtxReader
from tocsin.sources.evtx_parser import EvtxParser
from tocsin.sources.fingerprint import HEAD_BYTES, head_hash
from tocsin.sources.jsonl import LinesReader
from tocsin.sources.known import Candidate, Known
from tocsin.sources.lines import encoding_of, json_document_in
from tocsin.sources.open_file import OpenFile, trail_to
from tocsin.sources.portion import Limits, Place, Reader
from tocsin.sources.report import FilesReport
from tocsin.sources.walk import Found

_DOCUMENT_HELP = {
    "array": "make one event a line of it, e.g. with `jq -c '.[]'`",
    "object": "make one event a line of it, e.g. with `jq -c .`",
}
_GAP_HELP = "the rest was overwritten or damaged before"
_ENOUGH_BYTES = 4  # to tell the encoding of a file that is being written


@dataclass(frozen=True)
class Opener:
    """Opens files, each at its position."""

    known: Known
    seed: int
    limits: Limits
    report: FilesReport
    parser: EvtxParser
    clock_us: Callable[[], int]
    is_stamped: bool

    def open(self, found: Found, *, is_followed: bool, is_replaced: bool = False) -> OpenFile | Batch | None:
        """Return the file, ready to be read; a batch that only keeps its position, when it is a copy; else None."""
        raw = FileBytes(found.path, is_followed)
        try:
            opened = self._opened(found, raw, is_replaced)
        except BaseException:
            raw.close()
            raise
        if not isinstance(opened, OpenFile):
            raw.close()
        return opened

    def resume(self, found: Found, cursor: Cursor) -> OpenFile | None:
        """Open a followed file that has lost its name, at its position; None when it is another one."""
        raw = FileBytes(found.path, is_growing=True)
        content = Content(raw)
        head = content.peek(HEAD_BYTES)
        if content.compression or head.startswith(MAGIC) or head_hash(head[: cursor.head_bytes]) != cursor.head:
            raw.close()
            return None
        self.report.files += 1
        return self._file(found, raw, content, head, cursor, cursor.retired_name)

    def _opened(self, found: Found, raw: FileBytes, is_replaced: bool) -> OpenFile | Batch | None:
        content = Content(raw)
        head = content.peek(HEAD_BYTES)
        is_evtx = head.startswith(MAGIC)
        if raw.is_growing and not _is_telling(head):
            return None
        raw.is_growing &= not is_evtx
        if not head:
            content.read(1)  # raises what is wrong with the compressed bytes, if that is why nothing is there
        if self._is_refused(found, head, is_evtx, raw.is_growing):
            return None
        facts = os.fstat(raw.handle.fileno())
        candidate = Candidate(found, facts, head, bool(content.compression), raw.is_growing)
        old = self.known.at(found.input_name)
        cursor = self.known.cursor_of(candidate, is_replaced)
        if cursor.is_done and cursor.size == facts.st_size and (content.compression or not raw.is_growing):
            self._report_done(found, cursor)
            return None
        if cursor.offset == 0:
            original = self.known.original_of(candidate)
            if original:
                return self._skipped(found, cursor, original, facts.st_size)
        cursor = msgspec.structs.replace(cursor, copy_of="", is_done=False)
        opened = self._file(found, raw, content, head, cursor, found.input_name)
        if old and old.origin != cursor.origin:
            opened.retired[old.retired_name] = old
            self.known.remember(old.retired_name, old)
        self.known.remember(found.input_name, opened.cursor)
        self.report.files += 1
        return opened

    def _is_refused(self, found: Found, head: bytes, is_evtx: bool, is_growing: bool) -> bool:
        if not head:
            self.report.add_problem(found.name, "is empty", "nothing to do if that is right")
            return True
        if is_evtx and len(head) < HEADER_BYTES:
            self.report.add_problem(found.name, "is cut off within the EVTX header", "copy it once more")
            return True
        if not is_evtx and ".evtx" in found.path.suffixes[-2:]:
            self.report.add_problem(found.name, "has no EVTX header", "copy it once more, or give it its right ending")
            return True
        document = None if is_evtx or is_growing else json_document_in(head)
        if document:
            reason = f"looks like a JSON {document} over several lines; one event per line is needed"
            self.report.add_problem(found.name, reason, _DOCUMENT_HELP[document])
            return True
        return False

    def _report_done(self, found: Found, cursor: Cursor) -> None:
        if cursor.copy_of:
            self.report.copies.append((found.name, cursor.copy_of))
        else:
            self.report.already_read.append(found.name)

    def _skipped(self, found: Found, cursor: Cursor, original: Cursor, size: int) -> Batch:
        self.report.copies.append((found.name, original.path))
        cursor = msgspec.structs.replace(cursor, is_done=True, copy_of=original.path, size=size)
        self.known.remember(found.input_name, cursor)
        return Batch(positions={found.input_name: cursor.encoded()}, file=found.name)

    def _file(self, found: Found, raw: FileBytes, content: Content, head: bytes, cursor: Cursor, name: str) -> OpenFile:
        place = Place(cursor.origin, found.name, self.is_stamped)
        reader: Reader
        if head.startswith(MAGIC):
            trail = trail_to(content, cursor, self.seed)
            reader = EvtxReader(
                content,
                trail,
                place,
                head[:HEADER_BYTES],
                self.parser,
                self.limits,
                self.clock_us,
                partial(self.report.add_problem, found.name, to_do=_GAP_HELP),
                offset=max(cursor.offset, HEADER_BYTES),
                passed=cursor.passed,
                within=cursor.within,
            )
        else:
            cursor = msgspec.structs.replace(cursor, encoding=cursor.encoding or encoding_of(head))
            trail = trail_to(content, cursor, self.seed)
            reader = LinesReader(
                content,
                trail,
                place,
                cursor.encoding,
                self.limits,
                self.clock_us,
                offset=cursor.offset,
                passed=cursor.passed,
            )
        return OpenFile(found, raw, content, trail, reader, cursor, self.report, name)


def _is_telling(head: bytes) -> bool:
    return len(head) >= _ENOUGH_BYTES or b"\n" in head
