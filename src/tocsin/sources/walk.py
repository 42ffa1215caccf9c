"""Find the files to read: those that the user named, and the logs in the folders that the user named."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.sources.report import FilesReport

STDIN = "-"

_ENDINGS = tuple(
    kind + compression
    for kind in (".evtx", ".json", ".jsonl", ".ndjson", ".log")
    for compression in ("", ".gz", ".zst")
)


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read."""

    path: Path
    name: str  # as the user named it, printable
    absolute: str  # printable
    size: int = 0  # on disk when it was found

    @property
    def input_name(self) -> str:
        """What its position is kept under."""
        return f"file:{self.absolute}"


class Walker:
    """Walks the named paths in order, folders sorted by name; tells the report of what it leaves out."""

    def __init__(self, paths: Sequence[Path | str], report: FilesReport) -> None:
        self._paths = [Path(path) for path in dict.fromkeys(map(str, paths)) if path != STDIN]
        self._report = report
        self._told: set[str] = set()

    def files(self) -> list[Found]:
        seen: set[tuple[int, int]] = set()
        found: dict[str, Found] = {}
        for path in self._paths:
            for file in self._under(path, seen):
                found.setdefault(file.absolute, file)
        return list(found.values())

    def _under(self, path: Path, seen: set[tuple[int, int]]) -> Iterator[Found]:
        try:
            facts = path.stat()
        except OSError as error:
            self._report.add_os_problem(printable(path), error)
            return
        if stat.S_ISDIR(facts.st_mode):
            yield from self._in_folder(path, facts, seen)
        elif stat.S_ISREG(facts.st_mode):
            yield _found(path, facts)
        else:
            self._report.add_problem(printable(path), "is no file", "pipe it in and name `-` instead")

    def _in_folder(self, folder: Path, facts: os.stat_result, seen: set[tuple[int, int]]) -> Iterator[Found]:
        if (facts.st_dev, facts.st_ino) in seen:
            self._report.add_problem(printable(folder), "leads to a folder already walked", "nothing is read twice")
            return
        seen.add((facts.st_dev, facts.st_ino))
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            self._report.add_os_problem(printable(folder), error)
            return
        for entry in entries:
            if entry.name.lower().endswith(_ENDINGS) or entry.is_dir():
                yield from self._under(entry, seen)
            else:
                self._ignore(entry)

    def _ignore(self, path: Path) -> None:
        name = printable(path)
        if name not in self._told:
            self._told.add(name)
            self._report.ignored.append(name)


def _found(path: Path, facts: os.stat_result) -> Found:
    return Found(path, printable(path), printable(Path(os.path.abspath(path))), facts.st_size)  # noqa: PTH100 links stay


def printable(path: Path) -> str:
    """Return the path as text that every encoder takes: bytes that are no UTF-8 are written as `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
