"""Directories and files that survive a power loss."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tocsin.durable import sync
from tocsin.failpoints import failpoint


def settle(files: Iterable[Path], place: str) -> None:
    """Make new or longer files durable, and their names. `place` begins the names of the fail points passed."""
    paths = list(files)
    for path in (*paths, *sorted({path.parent for path in paths})):
        failpoint(f"{place}.before_fsync")
        sync(path)
        failpoint(f"{place}.after_fsync")


def make_directory(path: Path) -> None:
    """Make a directory and its parents where they are missing, durably."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(exist_ok=True)
    sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file if it is there."""
    with suppress(FileNotFoundError):
        path.unlink()


def write_at(path: Path, offset: int, content: bytes) -> None:
    """Write into a file, made if need be, from `offset` on; `sync` makes it durable."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        remaining = memoryview(content)
        while remaining:
            written = os.pwrite(handle, remaining, offset)
            offset += written
            remaining = remaining[written:]
    finally:
        os.close(handle)
