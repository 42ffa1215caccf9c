"""Follow files that grow, are rotated and cut, for ever."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tocsin.errors import DecodeError
from tocsin.flow import Batch
from tocsin.sources.known import Known
from tocsin.sources.open_file import OpenFile
from tocsin.sources.opener import Opener
from tocsin.sources.report import FilesReport
from tocsin.sources.walk import Found, Walker, printable

_LOOK_SECONDS = 0.25
_LOOK_SHARE = 0.1  # of the time: walking a large tree takes longer, and is then done more rarely
_IDLE_SECONDS = 0.05
_QUIET_SECONDS = 5.0  # a file that lost its name is read on until nothing was written to it for so long

_Signature = tuple[int, int, int, int]


@dataclass
class Follower:
    """Reads files in turn. A batch of each that has something; a tick when none has."""

    walker: Walker
    opener: Opener
    known: Known
    report: FilesReport
    streams: list[Iterator[Batch]]  # what is read beside the files
    files: dict[str, OpenFile] = field(default_factory=dict)  # by input name
    _let_go: dict[str, float] = field(
        default_factory=dict
    )  # input name -> when a file that lost its name was written to
    _seen: dict[str, _Signature] = field(default_factory=dict)  # input name -> the file that was closed or refused
    _rewritten: set[str] = field(default_factory=set)

    def batches(self) -> Iterator[Batch]:
        yield from self._resume_rotated()
        look_at = 0.0
        while True:
            started = time.monotonic()
            if started >= look_at:
                yield from self._look()
                ended = time.monotonic()
                look_at = ended + max(_LOOK_SECONDS, (ended - started) / _LOOK_SHARE)
            is_idle = True
            for batch in self._one_of_each():
                is_idle = False
                yield batch
            if is_idle:
                time.sleep(_IDLE_SECONDS)
                yield Batch()

    def close(self) -> None:
        for file in self.files.values():
            file.close()

    def _one_of_each(self) -> Iterator[Batch]:
        for name, file in list(self.files.items()):
            batch = self._read(name, file)
            if batch:
                yield batch
        for stream in list(self.streams):
            from_stream = next(stream, None)
            if from_stream is None:
                self.streams.remove(stream)
            elif not from_stream.is_tick:
                yield from_stream

    def _read(self, name: str, file: OpenFile) -> Batch | None:
        try:
            if file.has_paused and file.is_rewritten():
                self._close_rewritten(name, file)
                return None
            self._end_if_quiet(name, file)
            batch = file.read()
        except DecodeError as damage:
            self.report.add_damage(file.found.name, damage)
            self._close(name, file)
            return None
        except OSError as error:
            self.report.add_os_problem(file.found.name, error)
            self._close(name, file)
            return None
        if batch and name in self._let_go:
            self._let_go[name] = time.monotonic()
        if file.is_finished:
            self._close(name, file)
        return batch

    def _end_if_quiet(self, name: str, file: OpenFile) -> None:
        written = self._let_go.get(name)
        if written is not None and time.monotonic() - written >= _QUIET_SECONDS:
            file.raw.is_growing = False  # its last line will not get an end any more

    def _close_rewritten(self, name: str, file: OpenFile) -> None:
        self.report.add_problem(
            file.found.name,
            f"was cut or rewritten after {file.cursor.offset} bytes of it were read",
            "it is read from its start as a new file; rotate by renaming, so that nothing is lost in between",
        )
        self._close(name, file)
        self._seen.pop(name, None)
        self._rewritten.add(name)

    def _close(self, name: str, file: OpenFile) -> None:
        self.known.remember(name, file.cursor)
        self._seen[name] = _signature(file.found.path)
        self._let_go.pop(name, None)
        self.files.pop(name).close()

    def _look(self) -> Iterator[Batch]:
        """Notice files that lost their name, and open those that are new."""
        found = {file.input_name: file for file in self.walker.files()}
        for name, file in list(self.files.items()):
            has_name = _signature(file.found.path)[:2] == file.device_and_inode
            if file.is_growing and not has_name and name not in self._let_go:
                yield self._rename(name, file, found)
        open_files = {file.device_and_inode for file in self.files.values()}
        for name, candidate in found.items():
            if name in self.files or self._is_predecessor_unread(candidate):
                continue
            signature = _signature(candidate.path)
            if signature == self._seen.get(name) or signature[:2] in open_files:
                continue
            self._seen[name] = signature
            yield from self._open(name, candidate)

    def _open(self, name: str, found: Found) -> Iterator[Batch]:
        try:
            opened = self.opener.open(found, is_followed=True, is_replaced=name in self._rewritten)
        except DecodeError as damage:
            self.report.add_damage(found.name, damage)
            return
        except OSError as error:
            self.report.add_os_problem(found.name, error)
            return
        if isinstance(opened, Batch):
            yield opened
        elif opened:
            self._rewritten.discard(name)
            self.files[name] = opened

    def _rename(self, name: str, file: OpenFile, found: dict[str, Found]) -> Batch:
        """Keep the position under the file's new name, before another file takes its old one."""
        del self.files[name]
        facts = file.device_and_inode
        news = (new for new in found.values() if new.input_name not in self.files and _signature(new.path)[:2] == facts)
        new = next(news, None)
        if new:
            file.found = new
            file.input_name = new.input_name
            file.cursor = msgspec.structs.replace(file.cursor, path=new.absolute)
        else:
            file.input_name = file.cursor.retired_name
            self._let_go[file.input_name] = time.monotonic()
        self.files[file.input_name] = file
        self.known.remember(file.input_name, file.cursor)
        return Batch(positions=file.positions, file=file.found.name)

    def _is_predecessor_unread(self, found: Found) -> bool:
        """Say whether the file that had this name before is still being read to its end."""
        let_go = [self.files[name] for name in self._let_go]
        return any(file.found.absolute == found.absolute and not file.has_paused for file in let_go)

    def _resume_rotated(self) -> Iterator[Batch]:
        """Find files that lost their name while nobody looked, to read them to their end."""
        found = {file.absolute for file in self.walker.files()}
        for _, cursor in self.known.unfinished():
            path = _new_name_of(cursor.path, (cursor.device, cursor.inode))
            if path is None or printable(path) in found:
                continue
            try:
                file = self.opener.resume(Found(path, printable(path), cursor.path), cursor)
            except (DecodeError, OSError):
                continue
            if file:
                self.files[file.input_name] = file
                self._let_go[file.input_name] = time.monotonic()
                self.known.remember(file.input_name, cursor)
                yield Batch(positions=file.positions, file=file.found.name)


def _signature(path: Path) -> _Signature:
    try:
        facts = path.stat()
    except OSError:
        return (0, 0, 0, 0)
    return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)


def _new_name_of(path: str, device_and_inode: tuple[int, int]) -> Path | None:
    """Find the file beside its old name, where rotation leaves it: `app.log.1`, `app.log-20260101`."""
    old = Path(path)
    if _signature(old)[:2] == device_and_inode:
        return None
    try:
        beside = [entry for entry in old.parent.iterdir() if entry.name.startswith(old.name)]
    except OSError:
        return None
    return next((entry for entry in beside if _signature(entry)[:2] == device_and_inode), None)
