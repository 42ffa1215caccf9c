"""Read the fields of a small protobuf message, without its schema."""

from collections.abc import Iterator
from typing import TypeVar

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # wire types; groups are no longer written
_BYTES_OF_FIXED = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES = 10

_Value = TypeVar("_Value", int, bytes)


def field_of(message: bytes, number: int, default: _Value) -> _Value:
    """Return the last value of a field, or the default: 0 for a number (as it is unsigned), b"" for a text or message.

    Raises ValueError where the bytes are no message. Source: protobuf.dev, "Encoding".
    """
    found = default
    for each, value in _fields(message):
        if each == number and isinstance(value, type(default)):
            found = value
    return found


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire_type = tag & 7
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if wire_type == _LENGTH:
            length, at = _varint(message, at)
        elif wire_type in _BYTES_OF_FIXED:
            length = _BYTES_OF_FIXED[wire_type]
        else:
            raise ValueError(f"wire type {wire_type}")
        if at + length > len(message):
            raise ValueError("it breaks off")
        yield tag >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins there, and where it ends."""
    number = 0
    for index, byte in enumerate(message[at : at + _MAX_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, at + index + 1
    raise ValueError("a number does not end")
