"""Cut a stream of bytes into lines, whatever their encoding, and never hold an endless one."""

import codecs
import hashlib

from tocsin.dead_letter import KEPT_BYTES

UTF8 = "utf-8"
UTF16_LE = "utf-16-le"
UTF16_BE = "utf-16-be"

_BOMS = ((codecs.BOM_UTF8, UTF8), (codecs.BOM_UTF16_LE, UTF16_LE), (codecs.BOM_UTF16_BE, UTF16_BE))
_HEAD_BYTES = 64 * 1024  # a head of that length may end within a line
_EVIDENT_BYTES = 16  # that many bytes of text with a NUL in every second one are UTF-16


def encoding_of(head: bytes) -> str:
    """Tell the encoding from a file's first bytes: by its BOM, or UTF-16 LE without one where it is evident."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    start = head[:_EVIDENT_BYTES]
    is_utf16 = len(start) >= 4 and not any(start[1::2]) and all(start[0::2])
    return UTF16_LE if is_utf16 else UTF8


def line_end_bytes(encoding: str) -> int:
    return 1 if encoding == UTF8 else 2


def utf8_of(line: bytes, encoding: str, is_first: bool) -> bytes:
    """Return the text of a line as UTF-8: without BOM and carriage return; a lone surrogate becomes U+FFFD."""
    if encoding != UTF8:
        line = line.decode(encoding, "replace").encode()
    if is_first:
        line = line.removeprefix(codecs.BOM_UTF8)
    return line[:-1] if line.endswith(b"\r") else line


def json_document_in(head: bytes) -> str | None:
    """Tell from a file's beginning whether it is JSON written over several lines: "array", "object" or None.

    A single line that opens one makes no document of the file: the other lines must not look like events.
    """
    text = head.decode(encoding_of(head), "ignore").lstrip("\ufeff")
    lines = [line.strip() for line in text.split("\n")]
    first, *others = [line for line in lines if line] or [""]
    if first.startswith("{"):
        goes_on = bool(others) and not first.endswith("}") and others[0].startswith('"')
        return "object" if goes_on else None
    if not first.startswith("[") or first.endswith("]") or "\n" not in text:
        return None
    whole = others if len(head) < _HEAD_BYTES else others[:-1]
    are_events = bool(whole) and all(line.startswith("{") and line.endswith("}") for line in whole)
    return None if are_events else "array"


class LongLine:
    """A line too long to be held: its first bytes, length and hash, all of its text as UTF-8."""

    def __init__(self, encoding: str, is_first: bool) -> None:
        self.raw_bytes = 0  # as it lies in the file
        self.length = 0
        self.kept = b""
        self._hash = hashlib.sha256()
        self._decoder = None if encoding == UTF8 else codecs.getincrementaldecoder(encoding)("replace")
        self._is_first = is_first
        self._held = b""  # a carriage return that may belong to the line's end

    def __len__(self) -> int:
        return self.raw_bytes

    def feed(self, raw: bytes, is_end: bool = False) -> None:
        self.raw_bytes += len(raw)
        text = self._decoder.decode(raw, is_end).encode() if self._decoder else raw
        if self._is_first:
            text = text.removeprefix(codecs.BOM_UTF8)
            self._is_first = False
        text = self._held + text
        self._held = b"\r" if text.endswith(b"\r") else b""
        text = text[: len(text) - len(self._held)]
        self._hash.update(text)
        self.length += len(text)
        self.kept += text[: KEPT_BYTES - len(self.kept)]

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


Line = bytes | LongLine


class LineSplitter:
    """Turns pieces of a file into its lines, as they lie there, without their ends.

    A line whose end has not come within `max_bytes` is read as a LongLine.
    """

    def __init__(self, encoding: str, max_bytes: int, is_start: bool) -> None:
        self._encoding = encoding
        self._width = line_end_bytes(encoding)
        self._max_bytes = max_bytes
        self._is_first = is_start
        self._open = b""  # the beginning of a line whose end has not come
        self._long: LongLine | None = None

    @property
    def open_bytes(self) -> int:
        """How much of a line without its end has been read."""
        return len(self._open) + (0 if self._long is None else len(self._long))

    def feed(self, piece: bytes) -> list[Line]:
        lines: list[Line] = []
        data = self._open + piece
        if self._long is not None:
            end = self._find_end(data)
            if end < 0:
                self._feed_long(data)
                return []
            self._long.feed(data[:end], is_end=True)
            lines.append(self._long)
            self._long = None
            data = data[end + self._width :]
        whole = self._split(data)
        self._open = whole.pop()
        lines += whole
        self._is_first = self._is_first and not lines
        if len(self._open) > self._max_bytes:
            self._long = LongLine(self._encoding, self._is_first)
            self._feed_long(self._open)
        return lines

    def rest(self) -> Line | None:
        """Return the last line, which has no end; None when there is nothing after the last end."""
        if self._long is not None:
            self._long.feed(self._open, is_end=True)
            return self._long
        return self._open or None

    def _feed_long(self, data: bytes) -> None:
        even = len(data) - len(data) % self._width
        self._open = data[even:]
        if self._long is not None:
            self._long.feed(data[:even])

    def _find_end(self, data: bytes, start: int = 0) -> int:
        if self._width == 1:
            return data.find(b"\n", start)
        mark = "\n".encode(self._encoding)
        end = data.find(mark, start)
        while end > 0 and end % 2:  # half of one character and half of the next
            end = data.find(mark, end + 1)
        return end

    def _split(self, data: bytes) -> list[bytes]:
        if self._width == 1:
            return data.split(b"\n")
        lines = []
        start = 0
        while (end := self._find_end(data, start)) >= 0:
            lines.append(data[start:end])
            start = end + 2
        return [*lines, data[start:]]
