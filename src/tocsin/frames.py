"""Messages between processes, each after its length (4 bytes, big-endian)."""

from collections.abc import Iterator
from typing import IO

LENGTH_BYTES = 4


def framed(content: bytes) -> bytes:
    """Return a message with its length before it."""
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def length_of(head: bytes | bytearray) -> int:
    """Return the length that stands before a message."""
    return int.from_bytes(head[:LENGTH_BYTES], "big")


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Wait for the next message; None where the stream ends, before it or within it. Raises OSError."""
    head = stream.read(LENGTH_BYTES)
    content = stream.read(length_of(head)) if len(head) == LENGTH_BYTES else b""
    return content if len(head) == LENGTH_BYTES and len(content) == length_of(head) else None


def frames_in(heard: bytearray) -> Iterator[bytes]:
    """Yield the messages that are whole, and take them away."""
    while len(heard) >= LENGTH_BYTES and len(heard) >= (end := LENGTH_BYTES + length_of(heard)):
        content = bytes(heard[LENGTH_BYTES:end])
        del heard[:end]
        yield content
