"""Parse chunks of EVTX files in a process of its own: the parser may hang or eat all memory on hostile bytes."""

import io
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

import msgspec
from evtx import PyEvtxParser

from tocsin.frames import framed

CHUNK_BYTES = 65_536
REQUEST_BYTES = 4096 + CHUNK_BYTES  # a file's header and one of its chunks

READY = b"\x06"  # the first byte of the answers

_MEMORY_BYTES = 2 << 30
_CPU_SECONDS = 2.0  # a chunk takes some milliseconds
_MAX_RECORDS = CHUNK_BYTES // 28  # a record has at least 28 bytes


class Parsed(msgspec.Struct, frozen=True, array_like=True):
    """A record as the parser gave it: its JSON text, or the parser's words for what was wrong."""

    text: str = ""
    number: int = 0
    error: str = ""


def parsed_chunk(header_and_chunk: bytes) -> list[Parsed]:
    """Return the records of one chunk. The parser takes a header and a single chunk for a whole file."""
    return list(_records(header_and_chunk))


def _records(header_and_chunk: bytes) -> Iterator[Parsed]:
    try:
        records = PyEvtxParser(io.BytesIO(header_and_chunk), number_of_threads=1, indent=False).records_json()
    except (OSError, RuntimeError) as error:
        yield Parsed(error=str(error))
        return
    for _ in range(_MAX_RECORDS):
        try:
            record = next(records)
        except StopIteration:
            return
        except RuntimeError as error:
            yield Parsed(error=str(error))
            continue
        if record is None:
            return
        yield Parsed(record["data"], record["event_record_id"])


def _limit_resources() -> None:
    with suppress(ImportError):  # Windows has no limits of this kind
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends the process, even inside the parser


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer each header and chunk with a frame: the records in MessagePack."""
    answers.write(READY)
    answers.flush()
    while len(request := requests.read(REQUEST_BYTES)) == REQUEST_BYTES:
        _limit_cpu(_CPU_SECONDS)
        answer = msgspec.msgpack.encode(parsed_chunk(request))
        _limit_cpu(0)
        answers.write(framed(answer))
        answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks decides when to stop
    _limit_resources()
    serve(sys.stdin.buffer, sys.stdout.buffer)
