"""A dead letter: bytes that could not be read, with the reason and the place they lie."""

import hashlib
from dataclasses import dataclass

from tocsin.event import STAMP_HEADER, Record

KEPT_BYTES = 64 * 1024  # of a record too large for its topic; its length and hash are kept whole

_PREFIX = "tocsin.error."


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


def dead_letter_record(
    *, stage: str, reason: str, detail: str, place: str, raw: bytes, time_us: int, stamp: bytes | None = None
) -> Record:
    """Make the record for `dead-letters`: the original bytes as value, everything else as headers."""
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
    facts = {"stage": stage, "reason": reason, "detail": detail, "place": place}
    facts |= {"length": str(length), "sha256": sha256}
    headers = tuple((_PREFIX + name, value.encode("utf-8", "replace")) for name, value in facts.items())
    if stamp is not None:
        headers += ((STAMP_HEADER, stamp),)
    return Record(kept, headers=headers, timestamp_us=time_us)


def read_dead_letter(record: Record) -> DeadLetter:
    """Read a dead letter back from its record; facts that are not there are empty."""
    facts = {name.removeprefix(_PREFIX): value for name, value in record.headers if name.startswith(_PREFIX)}
    text = {name: value.decode("utf-8", "replace") for name, value in facts.items()}
    return DeadLetter(
        stage=text.get("stage", ""),
        reason=text.get("reason", ""),
        detail=text.get("detail", ""),
        place=text.get("place", ""),
        length=_length(text.get("length", ""), record),
        sha256=text.get("sha256", ""),
        raw=record.value,
    )


def _length(text: str, record: Record) -> int:
    is_number = text.isdecimal() and len(text) <= 18  # a header may be anybody's
    return int(text) if is_number else len(record.value)
