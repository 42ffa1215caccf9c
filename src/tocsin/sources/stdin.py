"""Read events from standard input, without waiting for more than there is."""

import os
import select
import sys
from collections.abc import Iterator

from tocsin.errors import DecodeError
from tocsin.event import DEAD_LETTERS
from tocsin.flow import Batch
from tocsin.sources.content import Content
from tocsin.sources.evtx import MAGIC
from tocsin.sources.fingerprint import HEAD_BYTES, Trail
from tocsin.sources.jsonl import LinesReader
from tocsin.sources.lines import encoding_of
from tocsin.sources.portion import Clock, Limits, Place
from tocsin.sources.report import FilesReport
from tocsin.sources.walk import STDIN

_WAIT_SECONDS = 0.05
_ENOUGH_BYTES = len(MAGIC)  # to tell what it is


class PipeBytes:
    """The bytes of standard input. It has no position: what was read but not committed is lost with the process."""

    def __init__(self, is_waiting: bool) -> None:
        self._wait_seconds = _WAIT_SECONDS if is_waiting else 0.0
        self._ahead = b""
        self._is_at_end = False

    def is_ready(self) -> bool:
        """Say whether enough has come to tell what it is."""
        if not self._is_telling():
            piece = self._fetch(_ENOUGH_BYTES)
            self._is_at_end = piece == b""
            self._ahead += piece or b""
        return self._is_telling()

    def read(self, size: int) -> bytes | None:
        """Return what there is, up to `size` bytes; None when nothing comes within 50 ms; b"" at the end."""
        if self._ahead:
            piece, self._ahead = self._ahead, b""
            return piece
        return self._fetch(size)

    def seek(self, offset: int) -> None:
        raise OSError(f"standard input cannot go to byte {offset}")

    def close(self) -> None:
        """Leave it open: it is the process's own."""

    def _is_telling(self) -> bool:
        return self._is_at_end or len(self._ahead) >= _ENOUGH_BYTES or b"\n" in self._ahead

    def _fetch(self, size: int) -> bytes | None:
        descriptor = sys.stdin.fileno()
        if sys.platform != "win32" and not select.select([descriptor], [], [], self._wait_seconds)[0]:
            return None
        return os.read(descriptor, size)


def batches_of_pipe(
    pipe: PipeBytes, origin: bytes, limits: Limits, report: FilesReport, clock_us: Clock
) -> Iterator[Batch]:
    """Yield the batches of standard input, and ticks while nothing comes."""
    while not pipe.is_ready():
        yield Batch()
    report.files += 1
    try:
        content = Content(pipe, is_stream=True)
        head = content.peek(HEAD_BYTES)
        if head.startswith(MAGIC):
            report.add_problem(STDIN, "is an EVTX file, which cannot be read from a pipe", "name the file")
            return
        reader = LinesReader(content, Trail(0), Place(origin, STDIN), encoding_of(head), limits, clock_us)
        is_last = False
        while not is_last:
            portion = reader.read()
            if portion is None:
                yield Batch()
                continue
            is_last = portion.is_last
            report.add(portion)
            aside = {DEAD_LETTERS: portion.dead_letters} if portion.dead_letters else {}
            yield Batch(records=portion.records, aside=aside, file=STDIN, lines=portion.lines)
    except DecodeError as damage:
        report.add_damage(STDIN, damage)
