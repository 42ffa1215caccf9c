"""Read events from a file of JSON lines."""

import hashlib

from tocsin.errors import DecodeError
from tocsin.sources.content import PIECE_BYTES, Content
from tocsin.sources.fingerprint import Trail
from tocsin.sources.lines import UTF8, Line, LineSplitter, LongLine, line_end_bytes, utf8_of
from tocsin.sources.portion import Clock, Limits, Place, Portion


class LinesReader:
    """One record a line: the line's bytes without its end. An empty line is no record, but counts as a line.

    `trail` begins at or before `offset`; what lies between is read again for its hash only.
    """

    def __init__(
        self,
        content: Content,
        trail: Trail,
        place: Place,
        encoding: str,
        limits: Limits,
        clock_us: Clock,
        *,
        offset: int = 0,  # of the next line
        passed: int = 0,  # lines before it
    ) -> None:
        self._content = content
        self._trail = trail
        self._place = place
        self._encoding = encoding
        self._width = line_end_bytes(encoding)
        self._offset = offset
        self._passed = passed
        self._limits = limits
        self._clock_us = clock_us
        # Two bytes of UTF-16 make at least one of UTF-8; the rest is for BOM and carriage return.
        self._splitter = LineSplitter(encoding, 2 * limits.max_record_bytes + 8, is_start=offset == 0)
        self._lines: list[Line] = []
        self._next = 0  # of `_lines`
        self._is_at_end = False
        self._damage: DecodeError | None = None

    def read(self) -> Portion | None:
        self._fill()
        if self._next < len(self._lines):
            return self._take()
        if self._damage:
            raise self._damage
        if self._is_at_end:
            return Portion(self._trail.length, self._passed, is_last=True)
        return None

    def _fill(self) -> None:
        """Read until there are lines for a batch, the end is met, or nothing more is there at the moment."""
        del self._lines[: self._next]
        self._next = 0
        while not (self._is_at_end or self._damage or self._is_filled()):
            try:
                piece = self._content.read(PIECE_BYTES)
            except DecodeError as damage:
                self._damage = damage
                return
            if piece is None:
                return
            if piece:
                self._split(piece)
                continue
            self._is_at_end = True
            last = self._splitter.rest()
            self._lines += [] if last is None else [last]

    def _is_filled(self) -> bool:
        open_bytes = self._splitter.open_bytes
        ready_bytes = self._trail.length - open_bytes - self._offset
        if len(self._lines) >= self._limits.batch_size or ready_bytes >= self._limits.batch_bytes:
            return True
        return bool(self._lines) and open_bytes > PIECE_BYTES

    def _split(self, piece: bytes) -> None:
        again = max(0, self._offset - self._trail.length)
        self._trail.feed(piece)
        self._lines += self._splitter.feed(piece[again:])

    def _take(self) -> Portion:
        """Make records of the next lines, as many as a batch holds."""
        now = self._clock_us()
        record = self._place.record
        width = self._width
        max_bytes = self._limits.max_record_bytes
        offset = self._offset
        number = self._passed
        full_at = offset + self._limits.batch_bytes
        is_plain = self._encoding == UTF8 and offset > 0
        portion = Portion(offset, number)
        add_record = portion.records.append
        add_number = portion.lines.append
        for line in self._lines[: self._limits.batch_size]:
            if offset >= full_at:
                break
            number += 1
            raw: Line
            raw = line.removesuffix(b"\r") if is_plain and isinstance(line, bytes) else self._text_of(line, offset)
            if len(raw) > max_bytes or isinstance(raw, LongLine):
                self._set_aside(raw, number, offset, now, portion)
            elif raw:
                add_record(record(raw, offset, now))
                add_number(number)
            offset += len(line) + width
        self._next = number - self._passed
        is_exhausted = self._next == len(self._lines)
        if self._is_at_end and is_exhausted:
            offset = self._trail.length  # the last line may have no end
            portion.is_last = True
        portion.empty_lines = self._next - len(portion.records) - len(portion.dead_letters)
        self._offset = portion.offset = offset
        self._passed = portion.passed = number
        return portion

    def _text_of(self, line: Line, offset: int) -> Line:
        return line if isinstance(line, LongLine) else utf8_of(line, self._encoding, is_first=offset == 0)

    def _set_aside(self, line: Line, number: int, offset: int, now: int, portion: Portion) -> None:
        if isinstance(line, LongLine):
            kept, length, sha256 = line.kept, line.length, line.sha256
        else:
            kept, length, sha256 = line, len(line), hashlib.sha256(line).hexdigest()
        limit = self._limits.max_record_bytes
        letter = self._place.too_large(kept, length, sha256, line=number, position=offset, limit=limit, now=now)
        portion.dead_letters.append(letter)
        portion.reasons.append("too_large")
