"""A disk that loses its power: what files and directories hold for certain, and what may or may not be there.

As POSIX promises it, and no file system's kindness: content is durable after fsync or fdatasync of the file, a name
after fsync of its directory. Before, each change may be there, or not, and of a write any part.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from tests.powerloss.chance import Chance
from tests.powerloss.trace import SYNCS, Call

_NAMING = ("mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2", "link", "linkat")

_Names = dict[str, "_Node | None"]  # None: removed


@dataclass
class _File:
    """The content of one inode."""

    durable: bytearray = field(default_factory=bytearray)
    content: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # (offset, bytes), or (length, None): cut
    changes: int = 0

    def change(self, offset: int, data: bytes | None) -> None:
        _change(self.content, offset, data)
        self.pending.append((offset, data))
        self.changes += 1

    def sync(self, changes: int) -> None:
        """Make so many of all changes durable."""
        count = max(0, changes - self.changes + len(self.pending))
        for offset, data in self.pending[:count]:
            _change(self.durable, offset, data)
        del self.pending[:count]

    def after_loss(self, chance: Chance) -> bytes:
        found = bytearray(self.durable)
        for offset, data in self.pending:
            if data is None and chance.is_kept():
                _change(found, offset, None)
            for start, part in chance.parts(data or b""):
                _change(found, offset + start, part)
        return bytes(found)


@dataclass
class _Folder:
    """The names in one directory: what is durable, and the changes since."""

    durable: dict[str, "_Node"] = field(default_factory=dict)
    names: dict[str, "_Node"] = field(default_factory=dict)
    pending: list[_Names] = field(default_factory=list)  # names set, or removed, in one step
    changes: int = 0

    def change(self, changes: _Names) -> None:
        _apply(self.names, changes)
        self.pending.append(changes)
        self.changes += 1

    def sync(self, changes: int) -> None:
        """Make so many of all changes durable."""
        count = max(0, changes - self.changes + len(self.pending))
        for names in self.pending[:count]:
            _apply(self.durable, names)
        del self.pending[:count]

    def after_loss(self, chance: Chance) -> dict[str, "_Node"]:
        found = dict(self.durable)
        for names in chance.steps(self.pending):
            _apply(found, names)
        return found


_Node = _File | _Folder


@dataclass
class _Open:
    node: _Node
    name: str
    offset: int = 0
    is_appending: bool = False
    begun: int | None = None  # how many changes there were when the sync that is under way began


class Disk:
    """What lies below one folder, as calls come."""

    def __init__(self, root: Path, working: Path, ignored: str = "") -> None:
        """`root` exists, empty and durable. `ignored`: whose syncs do nothing, as a regular expression of the names of
        files, and of directories with a `/` behind: a disk that lies."""
        self._root = str(root)
        self._working = str(working)
        self._ignored = re.compile(ignored)
        self._top = _Folder()
        self._open: dict[tuple[int, int], _Open] = {}  # by process and descriptor

    def take(self, call: Call) -> bytes | None:
        """Follow one call; return what it wrote if that went to a file outside the root."""
        if call.name in ("openat", "creat"):
            self._opened(call)
        elif call.name == "close":
            self._open.pop((call.process, call.numbers[0]), None)
        elif call.name in ("dup", "dup2", "dup3"):
            if opened := self._of(call):
                self._open[call.process, call.result] = opened
        elif call.name in SYNCS:
            self._sync(call)
        elif call.name in ("write", "pwrite64", "writev", "pwritev", "pwritev2", "lseek", "ftruncate", "fallocate"):
            return self._content(call)
        elif call.name == "mmap":
            self._mapped(call)
        elif call.name in ("clone", "clone3"):
            pass  # a thread shares what is open; a program that is started has nothing of it
        elif call.name in ("sync", "syncfs", "sync_file_range", "msync", "copy_file_range", "sendfile", "splice"):
            assert not any((call.process, number) in self._open for number in call.numbers), f"not modelled: {call}"
        else:
            self._named(call)
        return None

    def rebuild(self, target: Path, seed: int | None) -> None:
        """Write what is there after a loss of power, of which `seed` chooses what was not synced."""
        _rebuild(self._top, target, Chance(seed))

    def rebuild_whole(self, target: Path) -> None:
        """Write what a process sees that looks now."""
        _rebuild(self._top, target, None)

    def is_below(self, call: Call) -> bool:
        """Whether a call is about something below the root."""
        has_path = call.name in (*_NAMING, "openat", "creat")
        return self._place(call, 0) is not None if has_path else self._of(call) is not None

    def _of(self, call: Call) -> _Open | None:
        return self._open.get((call.process, call.numbers[0])) if call.numbers else None

    # Names

    def _opened(self, call: Call) -> None:
        self._open.pop((call.process, call.result), None)
        place = self._place(call, 0)
        if place is None:
            return
        folder, name = place
        node = folder.names.get(name)
        if node is None:
            assert "O_CREAT" in call.flags or call.name == "creat", f"was not seen to be made: {call}"
            node = _File()
            folder.change({name: node})
        if isinstance(node, _File) and ("O_TRUNC" in call.flags or call.name == "creat"):
            node.change(0, None)
        self._open[call.process, call.result] = _Open(node, name, is_appending="O_APPEND" in call.flags)

    def _named(self, call: Call) -> None:
        places = [self._place(call, number) for number in range(len(call.texts))]
        if not places or places[0] is None:
            assert not any(places), f"into the folder from outside: {call}"
            return
        folder, name = places[0]
        if call.name in ("mkdir", "mkdirat"):
            folder.change({name: _Folder()})
        elif call.name in ("unlink", "unlinkat", "rmdir"):
            folder.change({name: None})
        elif call.name == "truncate":
            node = folder.names[name]
            assert isinstance(node, _File), call
            node.change(call.numbers[-1], None)
        else:
            assert call.name in _NAMING, f"not modelled: {call}"
            target = places[1]
            assert target is not None, f"out of the folder: {call}"
            node = folder.names[name]
            removed: _Names = {} if call.name.startswith("link") else {name: None}
            if target[0] is folder:
                folder.change({**removed, target[1]: node})  # in one step
            else:
                target[0].change({target[1]: node})
                folder.change(removed)

    def _place(self, call: Call, number: int) -> tuple[_Folder, str] | None:
        """Return the directory and name of a path below the root; None elsewhere."""
        path = os.fsdecode(call.texts[number])
        has_own_folder = "at" in call.name and "AT_FDCWD" not in call.flags
        assert path.startswith("/") or not (has_own_folder and self._of(call)), f"not modelled: {call}"
        whole = os.path.normpath(Path(self._working) / path)
        if whole == self._root:
            return _Folder(names={"": self._top}), ""
        if not whole.startswith(self._root + "/"):
            return None
        *parents, name = whole.removeprefix(self._root + "/").split("/")
        folder: _Node = self._top
        for parent in parents:
            assert isinstance(folder, _Folder)
            folder = folder.names[parent]
        assert isinstance(folder, _Folder)
        return folder, name

    # Content

    def _sync(self, call: Call) -> None:
        opened = self._of(call)
        if opened is None:
            return
        if call.is_begin:
            opened.begun = opened.node.changes
            return
        name = f"{opened.name}/" if isinstance(opened.node, _Folder) else opened.name
        if not self._ignored.fullmatch(name):
            opened.node.sync(opened.node.changes if opened.begun is None else opened.begun)
        opened.begun = None

    def _mapped(self, call: Call) -> None:
        """Writes through memory are not seen: nobody but SQLite's index of its log, which is made anew, has any."""
        if "MAP_SHARED" in call.flags and "PROT_WRITE" in call.flags:
            for number in call.numbers:
                opened = self._open.get((call.process, number))
                assert opened is None or opened.name.endswith("-shm"), f"not modelled: {call} of {opened.name}"

    def _content(self, call: Call) -> bytes | None:
        opened = self._of(call)
        if opened is None:
            return b"".join(call.texts)[: call.result] if call.name == "write" else None
        file = opened.node
        if call.name == "lseek":
            opened.offset = call.result
            return None
        assert isinstance(file, _File), call
        if call.name == "ftruncate":
            file.change(call.numbers[1], None)
        elif call.name == "fallocate":
            file.change(max(len(file.content), sum(call.numbers[-2:])), None)
        else:
            data = b"".join(call.texts)[: call.result]
            if call.name.startswith("p"):
                file.change(call.numbers[-1], data)
                return None
            offset = len(file.content) if opened.is_appending else opened.offset
            file.change(offset, data)
            opened.offset = offset + len(data)
        return None


def _rebuild(folder: _Folder, target: Path, chance: Chance | None) -> None:
    target.mkdir(exist_ok=True)
    for name, node in (folder.after_loss(chance) if chance else folder.names).items():
        if isinstance(node, _Folder):
            _rebuild(node, target / name, chance)
        else:
            (target / name).write_bytes(node.after_loss(chance) if chance else node.content)


def _apply(names: dict[str, _Node], changes: _Names) -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _change(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write at an offset; or, without data, cut or extend to that length."""
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    if data is None:
        del content[offset:]
    else:
        content[offset : offset + len(data)] = data
