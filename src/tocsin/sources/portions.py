"""Read one large file of JSON lines in portions, each by whoever is free: cut where a line begins."""

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from tocsin.event import DEAD_LETTERS
from tocsin.flow import Batch
from tocsin.sources.content import PIECE_BYTES, Content, FileBytes
from tocsin.sources.cursor import TINY_BYTES, Cursor
from tocsin.sources.evtx import MAGIC
from tocsin.sources.fingerprint import HEAD_BYTES, Trail, head_hash
from tocsin.sources.jsonl import LinesReader
from tocsin.sources.lines import UTF8, encoding_of, json_document_in
from tocsin.sources.portion import Clock, Limits, Place
from tocsin.sources.report import FilesReport
from tocsin.sources.walk import Found

_SEARCH_BYTES = 8 << 20  # a line that goes on for longer is not cut off from what is before it


def can_be_cut(found: Found, head: bytes, compression: str) -> bool:
    """Say whether a file's lines can be found from anywhere in it: plain UTF-8, and none that is refused."""
    if compression or head.startswith(MAGIC) or ".evtx" in found.path.suffixes[-2:] or len(head) < TINY_BYTES:
        return False
    return encoding_of(head) == UTF8 and json_document_in(head) is None


def cuts_of(path: Path, size: int, portion_bytes: int) -> list[int]:
    """Return where the portions of a file begin, the first one apart: each at the start of a line. Raises OSError."""
    cuts: list[int] = []
    with path.open("rb", buffering=0) as file:
        for wanted in range(portion_bytes, size, portion_bytes):
            cut = _next_line(file.fileno(), wanted)
            if cut is not None and (cuts or [0])[-1] < cut < size:
                cuts.append(cut)
    return cuts


def batches_of_portion(
    found: Found, begin: int, end: int | None, limits: Limits, report: FilesReport, clock_us: Clock
) -> Iterator[Batch]:
    """Yield the batches of a portion, for a scan: the records of the whole file, but lines count from its beginning."""
    try:
        with closing(FileBytes(found.path)) as raw:
            report.files += begin == 0
            reader = _reader_of(raw, found, begin, end, limits, clock_us)
            is_last = False
            while not is_last and (portion := reader.read()):
                is_last = portion.is_last
                report.add(portion)
                aside = {DEAD_LETTERS: portion.dead_letters} if portion.dead_letters else {}
                yield Batch(records=portion.records, aside=aside, file=found.name, lines=portion.lines)
    except OSError as error:
        report.add_os_problem(found.name, error)


def lines_between(path: Path, begin: int, end: int) -> int:
    """Count the lines of a portion that was not read to its end, or those before what cannot be read."""
    lines = 0
    with suppress(OSError), path.open("rb", buffering=0) as file:
        file.seek(begin)
        while begin < end and (piece := file.read(min(PIECE_BYTES, end - begin))):
            lines += piece.count(b"\n")
            begin += len(piece)
    return lines


def _reader_of(
    raw: FileBytes, found: Found, begin: int, end: int | None, limits: Limits, clock_us: Clock
) -> LinesReader:
    content = Content(raw)
    origin = _origin_of(found, content.peek(HEAD_BYTES))
    content.skip_to(begin)
    raw.end = end
    place = Place(origin, found.name, is_stamped=False)
    return LinesReader(content, Trail(0, begin), place, UTF8, limits, clock_us, offset=begin, passed=0)


def _origin_of(found: Found, head: bytes) -> bytes:
    """Return what event ids derive from, as for the whole file; no other file here begins like it."""
    return Cursor(found.absolute, head_bytes=len(head), head=head_hash(head), device=0, inode=0).origin


def _next_line(handle: int, wanted: int) -> int | None:
    """Return where the first line begins at or after a byte; None where that is far off, or nowhere."""
    for at in range(wanted - 1, wanted + _SEARCH_BYTES, HEAD_BYTES):
        piece = os.pread(handle, HEAD_BYTES, at)
        found = piece.find(b"\n")
        if found >= 0:
            return at + found + 1
        if not piece:
            break
    return None
