"""The vocabulary: a record of a topic, the stamp our sources put on it, and the event read from it."""

import struct
from dataclasses import dataclass
from typing import Any

import msgspec

from tocsin.telemetry.ids import event_id_of, traceparent_of

RAW_EVENTS = "raw-events"
CLASSIFIED_EVENTS = "classified-events"
ALERTS = "alerts"
DEAD_LETTERS = "dead-letters"
LABELS = "labels"
STORE_COMMITS = "store-commits"

MAX_RECORD_BYTES = 1 << 20  # of a record on any input topic
MAX_OUTPUT_BYTES = 4 * MAX_RECORD_BYTES  # of a record on any output topic

STAMP_HEADER = "tocsin"
TRACEPARENT_HEADER = "traceparent"
EVENT_AT_HEADER = "tocsin-event-at"  # on classified events: where in the value the event's own bytes begin, ASCII

Headers = tuple[tuple[str, bytes], ...]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a topic: bytes under a key. Topic, partition and offset are set on records that were read."""

    value: bytes
    key: bytes = b""  # b"" is no key: the bus chooses the partition
    headers: Headers = ()
    timestamp_us: int = 0  # UTC, microseconds since 1970
    topic: str = ""
    partition: int = -1
    offset: int = -1

    def header(self, name: str) -> bytes | None:
        """Return the value of the first header of that name, or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


_STAMP = struct.Struct(">B16sq?")
_STAMP_VERSION = 1
STAMP_BYTES = _STAMP.size
_SHORTEST_STAMP = STAMP_BYTES - 1  # without what says whether it is replayed
LAST_US = 253_402_300_799_999_999  # the end of the year 9999
_NO_ID = bytes(16)  # W3C trace context: an all-zero trace id is invalid


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What our sources say of a record, packed into 26 bytes: version, id, ingest time, whether it is replayed.

    Behind it stand the parts of the stages that it went through (`telemetry.stage_times`).
    """

    event_id: bytes  # 16 bytes
    ingest_us: int  # when the source read the record: UTC, microseconds since 1970
    is_replayed: bool = False  # a recording that is played again: its times are not those it happened at

    parts: bytes = b""  # of the stages, packed one behind the other

    def packed(self) -> bytes:
        return _STAMP.pack(_STAMP_VERSION, self.event_id, self.ingest_us, self.is_replayed) + self.parts

    @classmethod
    def of(cls, record: Record) -> "Stamp | None":
        """Read the stamp of a record; None where there is none, or one that cannot be ours."""
        return cls.unpacked(record.header(STAMP_HEADER) or b"")

    @classmethod
    def unpacked(cls, packed: bytes) -> "Stamp | None":
        """Read a stamp; None for what cannot be ours."""
        if len(packed) <= _SHORTEST_STAMP:
            if len(packed) < _SHORTEST_STAMP:
                return None
            packed += b"\0"
        _, event_id, ingest_us, is_replayed = _STAMP.unpack_from(packed)
        if event_id == _NO_ID or not 0 <= ingest_us <= LAST_US:
            return None
        return cls(event_id, ingest_us, is_replayed, packed[STAMP_BYTES:])


def parts_of(record: Record) -> bytes:
    """Return the parts of the stages behind a record's stamp; b"" where there is no stamp."""
    for name, packed in record.headers:
        if name == STAMP_HEADER:
            return packed[_STAMP.size :]
    return b""


def with_part(record: Record, part: bytes) -> Record:
    """Return a new record with a stage's part behind its stamp; one without a stamp as it is."""
    headers = record.headers
    if headers and headers[0][0] == STAMP_HEADER:  # as our sources make them
        first = (STAMP_HEADER, headers[0][1] + part)
        return Record(record.value, record.key, (first, *headers[1:]), record.timestamp_us)
    for at, (name, stamp) in enumerate(headers):
        if name == STAMP_HEADER:
            headers = (*headers[:at], (name, stamp + part), *headers[at + 1 :])
            return Record(record.value, record.key, headers, record.timestamp_us)
    return record


def id_of_file_record(record: Record) -> bytes:
    """Return the 16-byte id of a file's event: of its stamp, else derived from key (its origin), offset and bytes."""
    stamp = Stamp.of(record)
    return stamp.event_id if stamp else event_id_of(record.key, record.offset, record.value)


def stamped(raw: bytes, event_id: bytes, ingest_us: int, key: bytes = b"", is_replayed: bool = False) -> Record:
    """Make the record that a source puts on `raw-events`: the bytes as they came, our stamp, a `traceparent`."""
    headers = (
        (STAMP_HEADER, _STAMP.pack(_STAMP_VERSION, event_id, ingest_us, is_replayed)),
        (TRACEPARENT_HEADER, traceparent_of(event_id, "produce_event")),
    )
    return Record(raw, key, headers, ingest_us)


@dataclass(frozen=True, slots=True)
class Logsource:
    """Where an event belongs in Sigma's taxonomy; one event may be of several categories."""

    product: str = ""
    service: str = ""
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What events of one kind that have the same fields share. It is known by identity: many events, one object."""

    format: str = "unknown"  # evtx-json, flat-windows, winlogbeat, ..., unknown
    logsource: Logsource = Logsource()
    channel: str = ""
    provider: str = ""
    code: str = ""  # Windows event id, as text


class Event(msgspec.Struct, gc=False):
    """One event after normalising: envelope, native fields (never renamed), and Sigma's names laid over them."""

    json: bytes  # the event as JSON that every reader accepts; the bytes as they came unless `is_repaired`
    shape: Shape
    fields: dict[str, Any]  # native names -> values as they came
    overlay: dict[str, Any] = {}  # laid over the fields for rules that ask for a category
    time_us: int | None = None  # event time: UTC, microseconds since 1970
    time_source: str = ""  # the field that gave it; "ingest" where none did
    host: str = ""
    user: str = ""
    flags: tuple[str, ...] = ()  # e.g. "future_time", "assumed_timezone", "repaired_utf8"
    is_repaired: bool = False  # invalid UTF-8 or lone surrogates were replaced
