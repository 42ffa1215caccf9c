"""When a stage did what with the batch an event was in: packed behind its stamp, so that it goes with the event."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import msgspec

LAST_US = 1 << 52  # in the year 2112: later times are not ours, and in nanoseconds would not fit into 64 bits
LINK = "link"  # the stage of a part whose instance is the `traceparent` that a record of others came with
MAX_BYTES = 1 << 10  # of all that stands behind a stamp: more is not ours

_TRACEPARENT_BYTES = 55  # W3C trace context: version, trace id, span id and flags with dashes between
_MAX_SOURCE_BYTES = 256  # of the part of `produce`: names of processes and hosts are short
_LENGTH = struct.Struct(">H")


_Time = Annotated[int, msgspec.Meta(ge=0, le=LAST_US)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]


class StageTimes(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One stage's part. All events of a batch, or of a piece of one, share it; later versions only append."""

    stage: str  # produce, classify, store
    began_us: _Time  # the batch was there: UTC, microseconds since 1970
    steps_us: tuple[_Time, ...]  # the end of each step of the work in turn, microseconds since `began_us`
    records: _Count  # in the batch
    instance: str = ""  # which of that stage's processes, the same after a restart
    host: str = ""
    version: str = ""

    @property
    def moments_us(self) -> tuple[int, ...]:
        """When it began, and the end of each step: microseconds since 1970."""
        return (self.began_us, *(self.began_us + step_us for step_us in self.steps_us))


@dataclass(frozen=True)
class StageProcess:
    """A process that keeps its times with the events it has had."""

    stage: str
    instance: str
    host: str
    version: str

    def part(self, began_us: int, ends_us: Sequence[int], records: int) -> bytes:
        """Return what goes behind the stamps of a batch: `ends_us` are those of each step of the work in turn."""
        steps_us = tuple(end_us - began_us for end_us in ends_us)
        return packed(StageTimes(self.stage, began_us, steps_us, records, self.instance, self.host, self.version))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StageTimes)


def packed(times: StageTimes) -> bytes:
    """Return it as bytes, the length before it: parts of several stages stand one behind the other."""
    content = _encoder.encode(times)
    return _LENGTH.pack(len(content)) + content


def link(traceparent: bytes) -> bytes:
    """Return the part that keeps the `traceparent` of a record that others wrote; b"" for what can be none."""
    text = traceparent[:_TRACEPARENT_BYTES].decode("ascii", "replace")
    return packed(StageTimes(LINK, 0, (), 0, text)) if text.isprintable() else b""


@lru_cache(maxsize=1024)  # the records of a batch share it
def part_of_source(parts: bytes) -> bytes:
    """Return what `produce` put behind a stamp; b"" where that is not what stands there.

    All else, whoever put it there, would be taken for what the stages that are still to come say of themselves.
    """
    found = unpacked(parts)
    end = _LENGTH.size + _LENGTH.unpack_from(parts)[0] if found else 0
    return parts[:end] if end <= _MAX_SOURCE_BYTES and found and found[0].stage == "produce" else b""


def unpacked(parts: bytes) -> list[StageTimes]:
    """Return the parts in the order of the stages. What cannot be ours ends it: a header may be anybody's."""
    return list(_parts(parts))


def _parts(parts: bytes) -> Iterator[StageTimes]:
    at = 0
    while at + _LENGTH.size <= len(parts) <= MAX_BYTES:
        begin = at + _LENGTH.size
        at = begin + _LENGTH.unpack_from(parts, at)[0]
        try:
            yield _decoder.decode(parts[begin:at])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
