"""Read the decompressed content of a file, whatever it was compressed with."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import zstandard

from tocsin.errors import DecodeError

PIECE_BYTES = 1 << 20

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_RAW_STEP = 32 * 1024
_ZSTD_STEP = 1024  # a few bytes of zstd may hold 128 KB: small steps bound what hostile input can make of them

RawReader = Callable[[int], bytes | None]  # b"": the end; None: nothing at the moment


class RawBytes(Protocol):
    """Bytes as they lie on disk or come through a pipe."""

    def read(self, size: int) -> bytes | None: ...
    def seek(self, offset: int) -> None: ...
    def close(self) -> None: ...


class FileBytes:
    """The bytes of a file, up to `end` where one is set. A growing one has no end: `read` gives None there."""

    def __init__(self, path: Path, is_growing: bool = False) -> None:
        self.is_growing = is_growing
        self.end: int | None = None
        self.handle = path.open("rb", buffering=0)
        self.offset = 0

    def read(self, size: int) -> bytes | None:
        piece = self.handle.read(size if self.end is None else max(0, min(size, self.end - self.offset)))
        if not piece:
            return None if self.is_growing else b""
        self.offset += len(piece)
        return piece

    def seek(self, offset: int) -> None:
        self.offset = self.handle.seek(offset)

    def close(self) -> None:
        self.handle.close()


class Content:
    """A stream of decompressed bytes. Raises DecodeError where compressed bytes are damaged, after what was before."""

    def __init__(self, raw: RawBytes, is_stream: bool = False) -> None:
        self.offset = 0  # of the next byte that `read` gives
        self._raw = raw
        self._damage: DecodeError | None = None
        magic = raw.read(_RAW_STEP) or b""
        self.compression = _compression_of(magic)
        self._ahead = b"" if self.compression else magic
        self._decoded = _decoder_of(self.compression, magic, raw.read, is_stream)

    def read(self, size: int = PIECE_BYTES) -> bytes | None:
        """Return up to `size` bytes; b"" at the end; None when there is nothing at the moment."""
        if self._ahead:
            piece: bytes | None = self._ahead[:size]
            self._ahead = self._ahead[size:]
        else:
            piece = self._next(size)
        self.offset += len(piece or b"")
        return piece

    def peek(self, size: int) -> bytes:
        """Return what `read` will give, up to `size` bytes; fewer where there are fewer, or the rest is damaged."""
        parts = [self._ahead]
        missing = size - len(self._ahead)
        while missing > 0:
            try:
                piece = self._next(missing)
            except DecodeError as damage:
                self._damage = damage
                break
            if not piece:
                break
            parts.append(piece)
            missing -= len(piece)
        self._ahead = b"".join(parts)
        return self._ahead[:size]

    def skip_to(self, offset: int) -> bool:
        """Go forward to an offset; False when the content ends before it."""
        if not self.compression and offset >= self.offset:
            self._ahead = b""
            self._raw.seek(offset)
            self.offset = offset
        while self.offset < offset:
            if not self.read(min(PIECE_BYTES, offset - self.offset)):
                return False
        return True

    def read_exactly(self, size: int) -> bytes:
        """Return `size` bytes, or what there is before the end."""
        parts = []
        while size > 0 and (piece := self.read(size)):
            parts.append(piece)
            size -= len(piece)
        return b"".join(parts)

    def close(self) -> None:
        self._raw.close()

    def _next(self, size: int) -> bytes | None:
        if self._damage:
            raise self._damage
        return self._decoded(size)


def _compression_of(magic: bytes) -> str:
    if magic.startswith(_GZIP_MAGIC):
        return "gzip"
    return "zstd" if magic.startswith(_ZSTD_MAGIC) else ""


def _decoder_of(compression: str, magic: bytes, raw: RawReader, is_stream: bool) -> RawReader:
    if compression == "gzip":
        return _Gunzip(magic, raw, is_stream).read
    if compression == "zstd":
        return _Unzstd(magic, raw, is_stream).read
    return raw


class _Decompressing:
    """What gzip and zstd share: members (or frames) one after the other, padding, a cut end."""

    name = ""

    def __init__(self, pending: bytes, raw: RawReader, is_stream: bool) -> None:
        self._pending = pending
        self._raw = raw
        self._is_stream = is_stream
        self._passed = len(pending)  # compressed bytes taken from `raw`

    def _more(self, size: int, is_between_members: bool) -> bool | None:
        """Fetch compressed bytes: True when there are some, False at the end, None when there are none now."""
        piece = self._raw(size)
        if piece:
            self._pending = piece
            self._passed += len(piece)
            return True
        if is_between_members:
            return None if piece is None and self._is_stream else False
        if piece is None:
            return None
        raise DecodeError(f"{self.name}_truncated", f"the {self.name} data ends too early, at byte {self._passed}")

    def _damaged(self, error: Exception) -> DecodeError:
        place = self._passed - len(self._pending)
        return DecodeError(f"{self.name}_damaged", f"the {self.name} data is damaged near byte {place} ({error})")


class _Gunzip(_Decompressing):
    name = "gzip"

    def __init__(self, pending: bytes, raw: RawReader, is_stream: bool) -> None:
        super().__init__(pending, raw, is_stream)
        self._member = zlib.decompressobj(wbits=31)
        self._damage: DecodeError | None = None

    def read(self, size: int) -> bytes | None:
        while True:
            if self._damage:
                raise self._damage
            if self._member.eof:
                state = self._next_member()
                if state is not True:
                    return None if state is None else b""
            piece = self._step(size)
            if piece:
                return piece
            if self._member.eof or self._damage or self._pending:
                continue
            if self._more(_RAW_STEP, is_between_members=False) is None:
                return None

    def _next_member(self) -> bool | None:
        self._pending = self._pending.lstrip(b"\0")  # gzip files may be padded with zeros
        while not self._pending:
            state = self._more(_RAW_STEP, is_between_members=True)
            if state is not True:
                return state
            self._pending = self._pending.lstrip(b"\0")
        self._member = zlib.decompressobj(wbits=31)
        return True

    def _step(self, size: int) -> bytes:
        before = self._member.copy()
        try:
            piece = self._member.decompress(self._pending, size)
        except zlib.error as error:
            return self._until_damage(before, error)
        self._pending = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return piece

    def _until_damage(self, member: "zlib._Decompress", error: Exception) -> bytes:
        """Take what can be read before the damage, byte by byte: zlib gives nothing of the call that fails."""
        parts = []
        for at in range(len(self._pending)):
            try:
                parts.append(member.decompress(self._pending[at : at + 1]))
            except zlib.error:
                self._pending = self._pending[at:]
                break
        self._damage = self._damaged(error)
        return b"".join(parts)


class _Unzstd(_Decompressing):
    name = "zstd"

    def __init__(self, pending: bytes, raw: RawReader, is_stream: bool) -> None:
        super().__init__(pending, raw, is_stream)
        self._context = zstandard.ZstdDecompressor()
        self._frame = self._context.decompressobj()

    def read(self, size: int) -> bytes | None:
        read = bytearray()
        while len(read) < size:
            try:
                state = True if self._pending else self._more(_RAW_STEP, is_between_members=self._frame.eof)
                if state is not True:
                    return bytes(read) or (None if state is None else b"")
                read += self._step()
            except DecodeError:
                if not read:
                    raise
                break  # what was before the damage first; the next call meets it again
        return bytes(read)

    def _step(self) -> bytes:
        if self._frame.eof:
            self._frame = self._context.decompressobj()
        step = self._pending[:_ZSTD_STEP]
        try:
            piece = self._frame.decompress(step)
        except zstandard.ZstdError as error:
            raise self._damaged(error) from None
        self._pending = self._frame.unused_data + self._pending[len(step) :]
        return piece
