"""What a scan and its workers say to one another: MessagePack, each message after its length."""

import hashlib
from collections import Counter

import msgspec

from tocsin.frames import framed
from tocsin.sources.report import FilesReport
from tocsin.sources.shares import Share
from tocsin.stages.scan import Scan


class Setup(msgspec.Struct, frozen=True, tag=True):
    """The first thing a worker is told; its settings are in its environment."""

    rules: list[bytes]  # paths; none is the built-in pack
    events_per_rule: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A worker has its rules."""

    rules_digest: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A worker cannot go on."""

    problems: list[str]
    is_config: bool = False  # the settings are to blame


class Tally(msgspec.Struct):
    """What was counted and reported while a part was read; two of them add up."""

    events: int = 0
    formats: dict[str, int] = {}
    unreadable: dict[str, int] = {}
    files: int = 0
    records: int = 0
    empty_lines: int = 0
    dead_letters: dict[str, int] = {}
    copies: list[tuple[str, str]] = []
    problems: list[str] = []

    @property
    def lines(self) -> int:
        return self.records + self.empty_lines + sum(self.dead_letters.values())

    def add(self, other: "Tally") -> None:
        self.events += other.events
        self.files += other.files
        self.records += other.records
        self.empty_lines += other.empty_lines
        for name in ("formats", "unreadable", "dead_letters"):
            setattr(self, name, dict(Counter(getattr(self, name)) + Counter(getattr(other, name))))
        self.copies += other.copies
        self.problems += other.problems

    def hand_over(self, scan: Scan, report: FilesReport) -> None:
        """Add all of it to the counts and the report of a whole scan."""
        scan.events += self.events
        scan.formats.update(self.formats)
        scan.unreadable.update(self.unreadable)
        report.files += self.files
        report.records += self.records
        report.empty_lines += self.empty_lines
        report.dead_letters.update(self.dead_letters)
        report.copies += self.copies
        report.problems += (problem for problem in self.problems if problem not in report.problems)


def taken(scan: Scan, report: FilesReport) -> Tally:
    """Return what was counted and reported since the last call, and begin anew."""
    tally = Tally(
        scan.events,
        dict(scan.formats),
        dict(scan.unreadable),
        report.files,
        report.records,
        report.empty_lines,
        dict(report.dead_letters),
        list(report.copies),
        list(report.problems),
    )
    scan.events = report.files = report.records = report.empty_lines = 0
    for counts in (scan.formats, scan.unreadable, report.dead_letters, report.copies, report.problems):
        counts.clear()
    return tally


class Told(msgspec.Struct, frozen=True, tag=True):
    """How far a worker is with a part."""

    number: int
    tally: Tally  # since it was told last
    begin: int  # where in the worker's spool the part's detections begin
    end: int  # and up to where they are there
    done_bytes: int  # that the worker has read, of all its parts
    is_finished: bool = False


class Hit(msgspec.Struct, frozen=True, array_like=True):
    """A detection as it lies in the spool."""

    rule: int  # index in the rule set
    event_id: str
    time: str
    host: str
    place: str
    number: int  # in a portion: from its beginning
    event: bytes


Message = Ready | Failed | Told

_encode = msgspec.msgpack.Encoder().encode
setup_of = msgspec.msgpack.Decoder(Setup).decode
share_of = msgspec.msgpack.Decoder(Share).decode
hits_of = msgspec.msgpack.Decoder(list[Hit]).decode
message_of = msgspec.msgpack.Decoder(Message).decode


def digest_of(rules_digest: str, ids: list[str]) -> str:
    """Name rules in their order: hits name them by their index."""
    return hashlib.sha256(_encode([rules_digest, ids])).hexdigest()


def frame_of(message: Setup | Share | Message | list[Hit]) -> bytes:
    return framed(_encode(message))
