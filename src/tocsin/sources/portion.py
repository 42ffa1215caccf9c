"""What a reader of one file hands on, and the limits it keeps to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tocsin.dead_letter import KEPT_BYTES, dead_letter_record, truncated_dead_letter_record
from tocsin.event import MAX_RECORD_BYTES, Record, Stamp, stamped
from tocsin.telemetry.ids import event_id_of

STAGE = "produce"

Clock = Callable[[], int]  # UTC, microseconds since 1970


@dataclass(frozen=True)
class Limits:
    """How much is handed on at a time, and how large a record may be."""

    batch_size: int = 1000
    batch_bytes: int = 8 << 20
    max_record_bytes: int = MAX_RECORD_BYTES


@dataclass
class Portion:
    """Records of one file, in order, and where to go on after them."""

    offset: int  # decompressed bytes
    passed: int  # lines, or EVTX records, before that
    within: int = 0  # EVTX: records of the chunk at `offset` that were handed on
    records: list[Record] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)  # beside `records`
    dead_letters: list[Record] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # beside `dead_letters`
    empty_lines: int = 0
    is_last: bool = False


class Reader(Protocol):
    """Reads one file from its position on."""

    def read(self) -> Portion | None:
        """Return the next portion; None when there is nothing now. Raises DecodeError where the rest is damaged."""


@dataclass(frozen=True)
class Place:
    """Where the records of a file come from: what their ids and their dead letters name."""

    origin: bytes
    file: str  # as the user named it
    is_stamped: bool = True  # else records say by key and offset what their ids derive from: most need none in a scan

    def record(self, raw: bytes, position: int, now: int) -> Record:
        """Make the record of bytes at a position of the file."""
        if self.is_stamped:
            return stamped(raw, event_id_of(self.origin, position, raw), now)
        return Record(raw, self.origin, (), now, "", -1, position)

    def too_large(
        self, kept: bytes, length: int, sha256: str, *, line: int, position: int, limit: int, now: int
    ) -> Record:
        """Make the dead letter of a record above the limit."""
        return truncated_dead_letter_record(
            stage=STAGE,
            reason="too_large",
            detail=f"{length} bytes are more than the {limit} that a record may have",
            place=f"{self.file}:{line}",
            kept=kept[:KEPT_BYTES],
            length=length,
            sha256=sha256,
            time_us=now,
            stamp=self._stamp(kept[:KEPT_BYTES], position, now),
        )

    def unreadable(self, raw: bytes, *, reason: str, detail: str, where: str, position: int, now: int) -> Record:
        """Make the dead letter of bytes that are no record."""
        return dead_letter_record(
            stage=STAGE,
            reason=reason,
            detail=detail,
            place=f"{self.file}:{where}",
            raw=raw,
            time_us=now,
            stamp=self._stamp(raw, position, now),
        )

    def _stamp(self, raw: bytes, position: int, now: int) -> bytes:
        return Stamp(event_id_of(self.origin, position, raw), now).packed()
