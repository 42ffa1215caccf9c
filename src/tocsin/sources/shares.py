"""Share files among workers, so that together they read what one alone would have read."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tocsin.sources.content import Content, FileBytes
from tocsin.sources.fingerprint import HEAD_BYTES, head_hash
from tocsin.sources.portions import can_be_cut, cuts_of
from tocsin.sources.walk import Found

PORTION_BYTES = 16 << 20


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A file to read, or a portion of one."""

    number: int  # in the order of the walk, from 0
    path: bytes
    name: str
    absolute: str
    size: int  # bytes to read, as they lie on disk
    begin: int = 0
    end: int | None = None  # None: the file's end
    is_portion: bool = False

    @property
    def found(self) -> Found:
        return Found(Path(os.fsdecode(self.path)), self.name, self.absolute, self.size)


class Share(msgspec.Struct, frozen=True, array_like=True):
    """What one worker reads at one go.

    Files that begin alike are one share: whether one is a copy of another, and which event ids it gets, depends on
    those alone that were read before and begin like it.
    """

    parts: list[Part]


def shares_of(files: Sequence[Found], portion_bytes: int = PORTION_BYTES) -> list[Share]:
    """Return the shares of all files, the largest first. A large file of lines is cut into portions."""
    heads = [_head_of(found) for found in files]
    alike: dict[object, list[int]] = {}
    for index, head in enumerate(heads):
        alike.setdefault(head[0] or index, []).append(index)
    parts: list[list[Part]] = []  # beside `files`
    number = 0
    for index, found in enumerate(files):
        key, is_cuttable = heads[index]
        is_alone = len(alike[key or index]) == 1
        cuts = _cuts(found, portion_bytes) if is_alone and is_cuttable and found.size > portion_bytes else []
        parts.append(list(_parts_of(found, cuts, number)))
        number += len(parts[-1])
    shares = []
    for indexes in alike.values():
        of_files = [part for index in indexes for part in parts[index]]
        shares += [Share([part]) for part in of_files] if len(indexes) == 1 else [Share(of_files)]
    return sorted(shares, key=lambda share: -_weight(share, portion_bytes))


def _weight(share: Share, portion_bytes: int) -> int:
    """Return the bytes of a share; portions of one file count as equal, so that they are handed out in order."""
    return sum(portion_bytes if part.is_portion else part.size for part in share.parts)


def _head_of(found: Found) -> tuple[tuple[int, str] | None, bool]:
    """Return the fingerprint of a file, None where it cannot be read, and whether it can be cut into portions."""
    try:
        raw = FileBytes(found.path)
        try:
            content = Content(raw)
            head = content.peek(HEAD_BYTES)
        finally:
            raw.close()
    except OSError:  # whoever reads it will say so
        return None, False
    return (len(head), head_hash(head)), can_be_cut(found, head, content.compression)


def _cuts(found: Found, portion_bytes: int) -> list[int]:
    try:
        return cuts_of(found.path, found.size, portion_bytes)
    except OSError:
        return []


def _parts_of(found: Found, cuts: Sequence[int], number: int) -> Iterator[Part]:
    path = os.fsencode(found.path)
    ends: list[int | None] = [*cuts, None]
    for begin, end in zip([0, *cuts], ends, strict=True):
        size = (found.size if end is None else end) - begin
        yield Part(number, path, found.name, found.absolute, size, begin, end, bool(cuts))
        number += 1
