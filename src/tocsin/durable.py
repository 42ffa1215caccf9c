"""Make files, and the names they lie under, survive a loss of power."""

import os
from contextlib import suppress
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_names(folder: Path) -> None:
    """Make the names in a directory durable, and its own, whoever made it, up to where its file system is mounted.

    A directory above that we may not read is not one that Tocsin made.
    """
    sync(folder)
    for below in (folder.absolute(), *folder.absolute().parents):
        if os.path.ismount(below):
            return
        with suppress(PermissionError):
            sync(below.parent)
