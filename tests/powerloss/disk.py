"""A disk that loses its power: what files and directories hold for certain, and what may or may not be there.

As POSIX promises it, and no file system's kindness: content is durable after fsync or fdatasync of the file, a name
after fsync of its directory. Before, each write may be there, or not, or a part of it.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.powerloss.trace import Call

_SECTOR = 512


@dataclass
class _File:
    """The content of one inode."""

    durable: bytearray = field(default_factory=bytearray)
    content: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # (offset, bytes), or (length, None): cut

    def write(self, offset: int, data: bytes) -> None:
        _write(self.content, offset, data)
        self.pending.append((offset, data))

    def cut(self, length: int) -> None:
        _cut(self.content, length)
        self.pending.append((length, None))

    def sync(self) -> None:
        self.durable = bytearray(self.content)
        self.pending.clear()

    def after_loss(self, chance: "Chance") -> bytes:
        found = bytearray(self.durable)
        for offset, data in self.pending:
            kept = chance.of(data)
            if data is None:
                if kept is not None:
                    _cut(found, offset)
            elif kept is not None:
                _write(found, offset, kept)
        return bytes(found)


@dataclass
class _Folder:
    """The names in one directory: what is durable, and the changes since."""

    durable: dict[str, "_Node"] = field(default_factory=dict)
    names: dict[str, "_Node"] = field(default_factory=dict)
    pending: list[dict[str, "_Node | None"]] = field(default_factory=list)  # names set, or removed, in one step

    def change(self, changes: dict[str, "_Node | None"]) -> None:
        _apply(self.names, changes)
        self.pending.append(changes)

    def sync(self) -> None:
        self.durable = dict(self.names)
        self.pending.clear()

    def after_loss(self, chance: "Chance") -> dict[str, "_Node"]:
        found = dict(self.durable)
        for changes in self.pending[: chance.steps(len(self.pending))]:  # a journal keeps their order
            _apply(found, changes)
        return found


_Node = _File | _Folder


class Chance:
    """Says what of the unsynced survives: nothing, or some, by a seed."""

    def __init__(self, seed: int | None) -> None:
        """`seed`: None loses all that was not synced."""
        self._random = Random(seed) if seed is not None else None

    def of(self, data: bytes | None) -> bytes | None:
        """Return what is kept of one write: all, whole sectors from its begin, or None."""
        draw = self._random.random() if self._random else 1.0
        if draw < 0.4:
            return data if data is not None else b""
        if self._random and data and draw < 0.6:
            return data[: self._random.randrange(len(data) // _SECTOR + 1) * _SECTOR]
        return None

    def steps(self, count: int) -> int:
        return self._random.randint(0, count) if self._random else 0


@dataclass
class _Open:
    node: _Node
    offset: int = 0
    is_appending: bool = False


class Disk:
    """What lies below one folder, as calls come."""

    def __init__(self, root: Path, working: Path, ignores_sync: bool = False) -> None:
        """`root` exists, empty and durable. `ignores_sync`: a disk that lies."""
        self._root = str(root)
        self._working = str(working)
        self._ignores_sync = ignores_sync
        self._top = _Folder()
        self._open: dict[int, _Open] = {}

    def take(self, call: Call) -> bytes | None:
        """Follow one call; return what it wrote if that went to a file outside the root."""
        if call.name in ("openat", "creat"):
            self._opened(call)
        elif call.name == "close":
            self._open.pop(call.numbers[0], None)
        elif call.name in ("dup", "dup2", "dup3"):
            if call.numbers[0] in self._open:
                self._open[call.result] = self._open[call.numbers[0]]
        elif call.name in ("fsync", "fdatasync", "msync", "sync_file_range"):
            self._sync(call)
        elif call.name in ("write", "pwrite64", "writev", "pwritev", "pwritev2", "lseek", "ftruncate", "fallocate"):
            return self._content(call)
        elif call.name in ("copy_file_range", "sendfile", "truncate"):
            assert not any(number in self._open for number in call.numbers[:2]), f"not modelled: {call}"
        else:
            self._named(call)
        return None

    def rebuild(self, target: Path, seed: int | None) -> None:
        """Write what is there after a loss of power, of which `seed` chooses what was not synced."""
        _rebuild(self._top, target, Chance(seed))

    def rebuild_whole(self, target: Path) -> None:
        """Write what a process sees that looks now."""
        _rebuild(self._top, target, None)

    # Names

    def _opened(self, call: Call) -> None:
        self._open.pop(call.result, None)
        place = self._place(call.texts[0])
        if place is None:
            return
        folder, name = place
        node = folder.names.get(name)
        if node is None:
            if "O_CREAT" not in call.flags and call.name != "creat":
                return  # made before the trace began, such as the root itself
            node = _File()
            folder.change({name: node})
        if isinstance(node, _File) and ("O_TRUNC" in call.flags or call.name == "creat"):
            node.cut(0)
        self._open[call.result] = _Open(node, is_appending="O_APPEND" in call.flags)

    def _named(self, call: Call) -> None:
        places = [self._place(text) for text in call.texts]
        if not places or places[0] is None:
            assert not any(places), f"into the folder from outside: {call}"
            return
        folder, name = places[0]
        if call.name in ("mkdir", "mkdirat"):
            folder.change({name: _Folder()})
        elif call.name in ("unlink", "unlinkat", "rmdir"):
            folder.change({name: None})
        else:
            assert call.name in ("rename", "renameat", "renameat2", "link", "linkat"), call
            target = places[1]
            assert target is not None, f"out of the folder: {call}"
            node = folder.names[name]
            removed: dict[str, _Node | None] = {} if call.name.startswith("link") else {name: None}
            if target[0] is folder:
                folder.change({**removed, target[1]: node})  # one step of the journal
            else:
                target[0].change({target[1]: node})
                folder.change(removed)

    def _place(self, path: bytes) -> tuple[_Folder, str] | None:
        """Return the directory and name of a path below the root; None elsewhere."""
        whole = os.path.normpath(Path(self._working) / os.fsdecode(path))
        if whole == self._root:
            return _Folder(names={"": self._top}), ""
        if not whole.startswith(self._root + "/"):
            return None
        *parents, name = whole.removeprefix(self._root + "/").split("/")
        folder: _Node = self._top
        for parent in parents:
            assert isinstance(folder, _Folder)
            if parent not in folder.names:
                return None
            folder = folder.names[parent]
        assert isinstance(folder, _Folder)
        return folder, name

    # Content

    def _sync(self, call: Call) -> None:
        opened = self._open.get(call.numbers[0])
        if opened is not None and not self._ignores_sync:
            assert call.name in ("fsync", "fdatasync"), f"not modelled: {call}"
            opened.node.sync()

    def _content(self, call: Call) -> bytes | None:
        opened = self._open.get(call.numbers[0])
        if opened is None:
            return b"".join(call.texts)[: call.result] if call.name == "write" else None
        file = opened.node
        assert isinstance(file, _File), call
        if call.name == "lseek":
            opened.offset = call.result
        elif call.name == "ftruncate":
            file.cut(call.numbers[1])
        elif call.name == "fallocate":
            file.cut(max(len(file.content), sum(call.numbers[-2:])))
        else:
            data = b"".join(call.texts)[: call.result]
            if call.name.startswith("p"):
                file.write(call.numbers[-1], data)
                return None
            offset = len(file.content) if opened.is_appending else opened.offset
            file.write(offset, data)
            opened.offset = offset + len(data)
        return None


def _rebuild(folder: _Folder, target: Path, chance: Chance | None) -> None:
    target.mkdir(exist_ok=True)
    for name, node in (folder.after_loss(chance) if chance else folder.names).items():
        if isinstance(node, _Folder):
            _rebuild(node, target / name, chance)
        else:
            (target / name).write_bytes(node.after_loss(chance) if chance else node.content)


def _apply(names: dict[str, _Node], changes: dict[str, "_Node | None"]) -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _write(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _cut(content: bytearray, length: int) -> None:
    if len(content) < length:
        content.extend(bytes(length - len(content)))
    del content[length:]
