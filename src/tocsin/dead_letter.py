"""A dead letter: bytes that could not be read, with the reason and the place they lie."""

import hashlib
from dataclasses import dataclass

from tocsin.event import MAX_OUTPUT_BYTES, MAX_RECORD_BYTES, STAMP_HEADER, Headers, Record

KEPT_BYTES = 64 * 1024  # of a record too large for its topic; its length and hash are kept whole

MAX_HEADERS_BYTES = 64 * 1024  # of the headers of a record on any topic: so much room they have beside the value

_KEPT_BESIDE = MAX_HEADERS_BYTES - 2 * 1024  # key and headers; put back, the record has a mark more
_HEADER_BYTES = 10  # on Kafka around each header at most: an empty one is not free
_DETAIL_CHARACTERS = 1_000
_PREFIX = "tocsin.error."
_TOPIC, _PARTITION, _OFFSET, _HEADERS = "topic", "partition", "offset", "headers"
_CUT = b"cut"  # for the number of headers: what there was beside the bytes was more than can be kept


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is known of a record that could not be read."""

    stage: str  # produce, classify, store
    reason: str  # short stable code to count by
    detail: str  # for people: what was wrong, where in the bytes
    place: str  # where the record lies: "raw-events/0/17", or "path/file.jsonl:12"
    length: int  # of the whole record, bytes
    sha256: str  # of the whole record, hex
    raw: bytes  # the record, or its first KEPT_BYTES where it was too large
    topic: str = ""  # that the record was read from; "" for one that came from a file
    partition: int = -1
    offset: int = -1
    key: bytes = b""  # of the record, as it came
    headers: Headers = ()  # of the record, as they came
    is_whole: bool = True  # else bytes, key or headers were too large to keep: it cannot be put back


def dead_letter_of(
    record: Record,
    *,
    stage: str,
    reason: str,
    detail: str,
    time_us: int,
    stamp: bytes | None = None,
    limit: int = MAX_RECORD_BYTES,
) -> Record:
    """Make the record for `dead-letters` of a record that was read from a topic: its bytes, key and headers go with it.

    `stamp`: who the record is, where it does not say so itself. Of more than `limit` bytes the first KEPT_BYTES stay.
    """
    is_cut = len(record.value) > limit
    kept = record.value[:KEPT_BYTES] if is_cut else record.value
    beside = len(record.key) + headers_bytes(record.headers)
    # What its topic has room for beside the largest value is for the facts.
    is_small = beside <= _KEPT_BESIDE and len(kept) + beside <= MAX_OUTPUT_BYTES
    facts = _facts(
        stage=stage,
        reason=reason,
        detail=detail,
        place=f"{record.topic}/{record.partition}/{record.offset}",
        length=len(record.value),
        sha256=hashlib.sha256(record.value).hexdigest(),
    )
    facts += (
        (_PREFIX + _TOPIC, record.topic.encode()),
        (_PREFIX + _PARTITION, b"%d" % record.partition),
        (_PREFIX + _OFFSET, b"%d" % record.offset),
        (_PREFIX + _HEADERS, b"%d" % len(record.headers) if is_small else _CUT),
    )
    return Record(
        kept,
        record.key if is_small else b"",
        facts + _stamp(stamp) + (record.headers if is_small else ()),
        time_us,
    )


def dead_letter_record(
    *, stage: str, reason: str, detail: str, place: str, raw: bytes, time_us: int, stamp: bytes | None = None
) -> Record:
    """Make the record for `dead-letters` of bytes from a file: they are its value, everything else is in headers."""
    return truncated_dead_letter_record(
        stage=stage,
        reason=reason,
        detail=detail,
        place=place,
        kept=raw,
        length=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        time_us=time_us,
        stamp=stamp,
    )


def truncated_dead_letter_record(
    *,
    stage: str,
    reason: str,
    detail: str,
    place: str,
    kept: bytes,
    length: int,
    sha256: str,
    time_us: int,
    stamp: bytes | None = None,
) -> Record:
    """The same for a record that was never held whole: its first bytes, its length and its hash."""
    facts = _facts(stage=stage, reason=reason, detail=detail, place=place, length=length, sha256=sha256)
    return Record(kept, headers=facts + _stamp(stamp), timestamp_us=time_us)


def headers_bytes(headers: Headers) -> int:
    """Return the size of all headers on a topic, at most."""
    return sum([len(name.encode("utf-8", "replace")) + len(value) + _HEADER_BYTES for name, value in headers])


def read_dead_letter(record: Record) -> DeadLetter:
    """Read a dead letter back from its record; facts that are not there are empty.

    A name that comes twice is ours the first time: what follows came with the record, and is only a claim.
    """
    facts: dict[str, bytes] = {}
    for name, value in record.headers:
        if name.startswith(_PREFIX):
            facts.setdefault(name.removeprefix(_PREFIX), value)
    text = {name: value.decode("utf-8", "replace") for name, value in facts.items()}
    kept_headers = _number(text.get(_HEADERS, ""), 0)
    length = _number(text.get("length", ""), len(record.value))
    return DeadLetter(
        stage=text.get("stage", ""),
        reason=text.get("reason", ""),
        detail=text.get("detail", ""),
        place=text.get("place", ""),
        length=length,
        sha256=text.get("sha256", ""),
        raw=record.value,
        topic=text.get(_TOPIC, ""),
        partition=_number(text.get(_PARTITION, ""), -1),
        offset=_number(text.get(_OFFSET, ""), -1),
        key=record.key,
        headers=record.headers[max(0, len(record.headers) - kept_headers) :] if kept_headers else (),
        is_whole=length == len(record.value) and facts.get(_HEADERS) != _CUT,
    )


def _facts(*, stage: str, reason: str, detail: str, place: str, length: int, sha256: str) -> Headers:
    facts = {"stage": stage, "reason": reason, "detail": detail[:_DETAIL_CHARACTERS], "place": place}
    facts |= {"length": str(length), "sha256": sha256}
    return tuple((_PREFIX + name, value.encode("utf-8", "replace")) for name, value in facts.items())


def _stamp(stamp: bytes | None) -> Headers:
    return () if stamp is None else ((STAMP_HEADER, stamp),)


def _number(text: str, default: int) -> int:
    is_number = text.isdecimal() and len(text) <= 18  # a header may be anybody's
    return int(text) if is_number else default
