"""What a scan and its workers say to one another: MessagePack, each message after its length."""

import hashlib

import msgspec

from tocsin.frames import framed
from tocsin.sources.report import FilesReport
from tocsin.sources.shares import Share
from tocsin.stages.scan import Carried, Counts


class Setup(msgspec.Struct, frozen=True, tag=True):
    """The first thing a worker is told; its settings are in its environment."""

    rules: list[bytes]  # paths; none is the built-in pack
    carried: Carried


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A worker has its rules."""

    rules_digest: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A worker cannot go on."""

    problems: list[str]
    is_config: bool = False  # the settings are to blame


class Tally(msgspec.Struct):
    """What was counted and reported while a part was read; two of them add up."""

    counts: Counts = msgspec.field(default_factory=Counts)
    report: FilesReport = msgspec.field(default_factory=FilesReport)

    def add(self, other: "Tally") -> None:
        self.counts.add(other.counts)
        self.report.add_report(other.report)


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
message_of = msgspec.msgpack.Decoder(Message, dec_hook=lambda kind, value: kind(value)).decode  # for Counter


def digest_of(rules_digest: str, ids: list[str]) -> str:
    """Name rules in their order: hits name them by their index."""
    return hashlib.sha256(_encode([rules_digest, ids])).hexdigest()


def frame_of(message: Setup | Share | Message | list[Hit]) -> bytes:
    return framed(_encode(message))
