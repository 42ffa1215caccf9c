"""Pack the records of one partition into one compressed block of bytes, and back."""

from collections.abc import Sequence
from itertools import chain, repeat
from threading import local
from typing import Any

import msgspec
import zstandard
from xxhash import xxh3_64_digest

from tocsin.event import Headers, Record

_LEVEL = 1
_CHECKSUM_BYTES = 8  # xxh3 of the frame: 0.003 us a record; zstd's own, over the plain bytes, costs 0.5
_FRAME_HEADER_BYTES = 18  # at most: RFC 8878, section 3.1.1.1
_KEPT_BUFFER_BYTES = 16 << 20


class DamagedBlockError(Exception):
    """These bytes are not what `pack` made."""


class _Columns(msgspec.Struct, array_like=True, gc=False):
    """Records by columns: what repeats stands together, and encoding is one call."""

    values: Sequence[bytes]
    keys: Sequence[bytes]  # [] where no record has a key
    timestamps_us: Sequence[int]  # one where all are the same
    header_names: Sequence[str]  # of every record, where all have the same names in the same order
    header_values: Sequence[Sequence[bytes]]  # a column a name
    headers: Sequence[Headers]  # where the names differ from record to record


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Columns)


class _Tools(local):
    """What one thread packs and unpacks with: zstd contexts are not to be shared between threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()
        self.buffer = bytearray()  # used again: fresh memory for each block costs more than filling it


_tools = _Tools()


def pack(records: Sequence[Record]) -> bytes:
    """Return a checksum and one zstd frame that holds the values, keys, headers and timestamps of the records."""
    keys = [record.key for record in records]
    times = [record.timestamp_us for record in records]
    names, values, mixed = _header_columns([record.headers for record in records])
    columns = _Columns(
        values=[record.value for record in records],
        keys=keys if any(keys) else [],
        timestamps_us=times if len(set(times)) > 1 else times[:1],
        header_names=names,
        header_values=values,
        headers=mixed,
    )
    _encoder.encode_into(columns, _tools.buffer)
    frame: bytes = _tools.compressor.compress(_tools.buffer)
    if len(_tools.buffer) > _KEPT_BUFFER_BYTES:
        _tools.buffer = bytearray()
    return xxh3_64_digest(frame) + frame


def unpack(packed: bytes, topic: str, partition: int, base_offset: int) -> list[Record]:
    """Return the records of a block, with topic, partition and consecutive offsets. Raises DamagedBlockError."""
    frame = memoryview(packed)[_CHECKSUM_BYTES:]
    if xxh3_64_digest(frame) != packed[:_CHECKSUM_BYTES]:
        raise DamagedBlockError("its checksum does not fit its bytes")
    columns = _decoder.decode(_tools.decompressor.decompress(frame))
    count = len(columns.values)
    keys = columns.keys or repeat(b"", count)
    times = columns.timestamps_us if len(columns.timestamps_us) == count else repeat(columns.timestamps_us[0], count)
    offsets = range(base_offset, base_offset + count)
    headers = _headers_of(columns, count)
    return list(
        map(Record, columns.values, keys, headers, times, repeat(topic, count), repeat(partition, count), offsets)
    )


def unpacked_bytes(packed: bytes) -> int:
    """Return how many bytes a block takes unpacked, as its frame says. Raises DamagedBlockError."""
    try:
        size: int = zstandard.frame_content_size(packed[_CHECKSUM_BYTES : _CHECKSUM_BYTES + _FRAME_HEADER_BYTES])
    except zstandard.ZstdError as error:
        raise DamagedBlockError(str(error)) from error
    return size


def _header_columns(
    headers: Sequence[Headers],
) -> tuple[Sequence[str], Sequence[Sequence[bytes]], Sequence[Headers]]:
    """Return names and a column of values for each, or, where names differ between records, the headers as they are."""
    width = len(headers[0])
    names = [name for name, _ in headers[0]]
    flat: list[Any] = list(chain.from_iterable(chain.from_iterable(headers)))  # name, value, name, value, ...
    if set(map(len, headers)) != {width} or flat[::2] != names * len(headers):
        return [], [], headers
    return names, [flat[2 * column + 1 :: 2 * width] for column in range(width)], []


def _headers_of(columns: _Columns, count: int) -> "Sequence[Headers] | repeat[Headers]":
    if columns.headers:
        return columns.headers
    if not columns.header_names:
        return repeat((), count)
    columns_of_pairs = [
        zip(repeat(name, count), values, strict=True)
        for name, values in zip(columns.header_names, columns.header_values, strict=True)
    ]
    return list(zip(*columns_of_pairs, strict=True))
