"""Write protobuf's wire format, with holes for what differs from one message to the next.

Source: protobuf.dev/programming-guides/encoding. A message made of pieces is as long as its bytes and its holes.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

MAX_INT64 = (1 << 63) - 1
MIN_INT64 = -(1 << 63)

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5  # wire types


class Piece(NamedTuple):
    """Bytes, and where in them something else is to stand: (position, width) of each hole, in rising order."""

    content: bytes
    holes: tuple[tuple[int, int], ...] = ()


def hole(width: int) -> Piece:
    """Return `width` bytes that are to be filled."""
    return Piece(bytes(width), ((0, width),))


def joined(pieces: Iterable[Piece]) -> Piece:
    """Return the pieces one behind the other."""
    contents, holes, length = [], [], 0
    for content, its_holes in pieces:
        holes += [(length + at, width) for at, width in its_holes]
        contents.append(content)
        length += len(content)
    return Piece(b"".join(contents), tuple(holes))


def varint(number: int) -> bytes:
    """Return a number of 64 bits, seven bits a byte, the lowest first; one below 0 takes ten bytes, as `int64` asks."""
    number &= (1 << 64) - 1
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def integer(field: int, number: int) -> Piece:
    """Return a field of type `int64`, `bool` or an enumeration."""
    return Piece(_tag(field, _VARINT) + varint(number))


def integer_in(field: int, piece: Piece) -> Piece:
    """Return such a field whose varint is in the piece."""
    return joined((Piece(_tag(field, _VARINT)), piece))


def fixed32(field: int, number: int) -> Piece:
    return Piece(_tag(field, _FIXED32) + struct.pack("<I", number))


def fixed64_in(field: int, piece: Piece) -> Piece:
    """Return a field of type `fixed64` whose eight bytes, the lowest first, are in the piece."""
    return joined((Piece(_tag(field, _FIXED64)), piece))


def double(field: int, number: float) -> Piece:
    return Piece(_tag(field, _FIXED64) + struct.pack("<d", number))


def message(field: int, *pieces: Piece) -> Piece:
    """Return a field that is a message, `bytes` or a `string`."""
    content, holes = joined(pieces)
    begin = head(field, len(content))
    return Piece(begin + content, tuple((len(begin) + at, width) for at, width in holes))


def text(field: int, content: str) -> Piece:
    """Return a `string`. It has to be UTF-8, or all of a request is refused: a lone surrogate becomes `?`."""
    encoded = content.encode("utf-8", "replace")
    return Piece(head(field, len(encoded)) + encoded)


def head(field: int, length: int) -> bytes:
    """Return what stands before `length` bytes of a message, `bytes` or a `string`."""
    return _tag(field, _LENGTH_DELIMITED) + varint(length)


def _tag(field: int, wire_type: int) -> bytes:
    return varint(field << 3 | wire_type)
