"""A disk under the data directory that can be made full: a small tmpfs, or, without root, a limit on file sizes."""

import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

_TMPFS_MB = 512
_BLOCK = b"\0" * 65_536


class Disk(Protocol):
    how: str

    def fill(self) -> None: ...

    def make_room(self) -> None: ...

    def close(self) -> None: ...


class SmallDisk:
    """A tmpfs mounted at `folder`, filled by a file."""

    how = "a small disk (tmpfs)"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_TMPFS_MB}m", "tmpfs", folder], check=True)
        self._folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(_BLOCK)

    def make_room(self) -> None:
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        unmount(self._folder)


class FileSizeLimit:
    """No process of the store may write to a file beyond its first byte (RLIMIT_FSIZE)."""

    how = "a limit on file sizes (RLIMIT_FSIZE), as only root may mount a small disk"

    def __init__(self, pids: Callable[[], Sequence[int]]) -> None:
        self._pids = pids

    def fill(self) -> None:
        self._limit(1)

    def make_room(self) -> None:
        self._limit(None)

    def close(self) -> None: ...

    def _limit(self, size: int | None) -> None:
        for pid in self._pids():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
                process.rlimit(psutil.RLIMIT_FSIZE, (hard if size is None else size, hard))


def may_mount() -> bool:
    return os.geteuid() == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
