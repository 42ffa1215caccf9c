"""Read events from an EVTX file, chunk by chunk (the format as described by libyal's libevtx)."""

import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from tocsin.errors import DecodeError
from tocsin.sources.content import Content
from tocsin.sources.evtx_parser import EvtxParser
from tocsin.sources.evtx_worker import CHUNK_BYTES, Parsed
from tocsin.sources.fingerprint import Trail
from tocsin.sources.portion import Clock, Limits, Place, Portion

MAGIC = b"ElfFile\0"
HEADER_BYTES = 4096

_CHUNK_MAGIC = b"ElfChnk\0"
_CHUNK_HEADER_BYTES = 512
_CHUNK_NUMBERS = struct.Struct("<8xQQ")  # numbers of the first and the last record of the chunk
_CHUNK_COUNT = struct.Struct("<42xH")  # chunks of the file, in its header
_RECORD_HEAD = struct.Struct("<4sIQ")  # magic, size, record id
_RECORD_MAGIC = b"**\0\0"
_MIN_RECORD_BYTES = 28
_MAX_CHUNK_RECORDS = CHUNK_BYTES // _MIN_RECORD_BYTES
_EVENT_RECORD_ID = re.compile(r'"EventRecordID":"?(\d+)')


@dataclass(frozen=True, slots=True)
class _Item:
    """A record as the parser gave it, or what it could not read."""

    raw: bytes  # JSON text; of a damaged record its binary bytes
    number: int  # EventRecordID; 0 when unknown
    damage: str = ""  # the parser's words
    reason: str = ""


class EvtxReader:
    """One record an event: the JSON text that the parser gives for it.

    Positions are (chunk, records of it handed on). A damaged record, or a damaged chunk, is a dead letter with its
    binary bytes. `on_gap` is told of a chunk that gives fewer records than it names.
    """

    def __init__(
        self,
        content: Content,
        trail: Trail,
        place: Place,
        header: bytes,
        parser: EvtxParser,
        limits: Limits,
        clock_us: Clock,
        on_gap: Callable[[str], None],
        *,
        offset: int = HEADER_BYTES,  # of the chunk to go on with
        passed: int = 0,  # records of the file before
        within: int = 0,  # records of that chunk before
    ) -> None:
        self._content = content
        self._trail = trail
        self._place = place
        self._header = header
        self._parser = parser
        self._limits = limits
        self._clock_us = clock_us
        self._on_gap = on_gap
        self._offset = offset
        self._passed = passed
        self._within = within
        self._items: list[_Item] = []  # of the chunk at `_offset`
        self._is_loaded = False
        self._damage: DecodeError | None = None
        self._is_at_end = False

    def read(self) -> Portion | None:
        portion = Portion(self._offset, self._passed, self._within)
        now = self._clock_us()
        size = 0
        while len(portion.lines) + len(portion.reasons) < self._limits.batch_size and size < self._limits.batch_bytes:
            if self._within >= len(self._items) and not self._load():
                break
            item = self._items[self._within]
            self._add(item, portion, now)
            size += len(item.raw)
            self._within += 1
            self._passed += 1
        portion.offset, portion.passed, portion.within = self._offset, self._passed, self._within
        portion.is_last = self._is_at_end
        if self._damage and not (portion.records or portion.dead_letters):
            raise self._damage
        return portion

    def _add(self, item: _Item, portion: Portion, now: int) -> None:
        raw, position = item.raw, self._passed
        if item.damage:
            where = str(item.number or f"chunk at byte {self._offset}")
            letter = self._place.unreadable(
                raw, reason=item.reason, detail=item.damage, where=where, position=position, now=now
            )
        elif len(raw) > self._limits.max_record_bytes:
            letter = self._place.too_large(
                raw,
                len(raw),
                hashlib.sha256(raw).hexdigest(),
                line=item.number,
                position=position,
                limit=self._limits.max_record_bytes,
                now=now,
            )
        else:
            portion.records.append(self._place.record(raw, position, now))
            portion.lines.append(item.number)
            return
        portion.dead_letters.append(letter)
        portion.reasons.append(item.reason or "too_large")

    def _load(self) -> bool:
        """Go on to the next chunk that holds a record; False when there is none, or it is damaged beyond reading."""
        while not (self._is_at_end or self._damage):
            if self._is_loaded:
                self._offset += CHUNK_BYTES
                self._within = 0
                self._items = []
                self._is_loaded = False
            try:
                chunk = self._next_chunk()
            except DecodeError as damage:
                self._damage = damage
                return False
            self._is_loaded = True
            if len(chunk) < CHUNK_BYTES:
                self._end_with(chunk)
            elif chunk.count(0) < CHUNK_BYTES:  # Windows makes room ahead: chunks of zeros
                self._items = self._parsed(chunk)
                self._look_for_gap(chunk)
            if self._within < len(self._items):
                return True
        return False

    def _next_chunk(self) -> bytes:
        before = self._offset - self._trail.length
        if before > 0:
            self._trail.feed(self._content.read_exactly(before))
        chunk = self._content.read_exactly(CHUNK_BYTES)
        self._trail.feed(chunk)
        return chunk

    def _end_with(self, chunk: bytes) -> None:
        """The file's last bytes, less than a chunk: none, or what a cut left of one."""
        named = _CHUNK_COUNT.unpack_from(self._header)[0]
        if not any(chunk) and (self._offset - HEADER_BYTES) // CHUNK_BYTES >= named:
            self._is_at_end = True
            return
        self._damage = DecodeError("evtx_truncated", f"the file is cut off at byte {self._trail.length}")
        if any(chunk):
            self._items = self._parsed(chunk.ljust(CHUNK_BYTES, b"\0"))[: len(_record_spans(chunk))]

    def _parsed(self, chunk: bytes) -> list[_Item]:
        parsed = self._parser.records(self._header, chunk)
        if isinstance(parsed, str):
            return [_Item(chunk, 0, parsed, "evtx_chunk")]
        items = [_item(record) for record in parsed if record.text]
        if len(items) < len(parsed):
            items = _with_damage(chunk, parsed)
        return items

    def _look_for_gap(self, chunk: bytes) -> None:
        """Compare with the chunk's header: the parser passes over zeroed records without a word."""
        first, last = _CHUNK_NUMBERS.unpack_from(chunk)
        named = last - first + 1
        given = len(self._items)
        if given < named <= _MAX_CHUNK_RECORDS and not any(item.damage for item in self._items):
            self._on_gap(f"its chunk at byte {self._offset} names {named} records, {given} can be read")


def _item(record: Parsed) -> _Item:
    number = _EVENT_RECORD_ID.search(record.text)
    return _Item(record.text.encode(), int(number[1]) if number else record.number)


def _with_damage(chunk: bytes, parsed: list[Parsed]) -> list[_Item]:
    """Return the records, and in place of what the parser could not read its bytes."""
    spans = _record_spans(chunk)
    items = []
    for at, record in enumerate(parsed):
        if record.text:
            items.append(_item(record))
        elif at < len(spans) and (at < len(parsed) - 1 or len(spans) == len(parsed)):
            start, end, number = spans[at]
            items.append(_Item(chunk[start:end], number, record.error, "evtx_record"))
        else:  # the parser gave up on the rest of the chunk
            start = spans[at][0] if 0 < at < len(spans) else spans[-1][1] if at and spans else 0
            items.append(_Item(chunk[start:], 0, record.error, "evtx_chunk"))
    return items


def _record_spans(chunk: bytes) -> list[tuple[int, int, int]]:
    """Return start, end and id of each whole record of a chunk, as far as they follow one another."""
    spans = []
    start = _CHUNK_HEADER_BYTES
    while start + _MIN_RECORD_BYTES <= len(chunk):
        magic, size, number = _RECORD_HEAD.unpack_from(chunk, start)
        if magic != _RECORD_MAGIC or size < _MIN_RECORD_BYTES or start + size > len(chunk):
            break
        spans.append((start, start + size, number))
        start += size
    return spans
