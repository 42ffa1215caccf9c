"""Find the files that rules are in, and tell their states apart without reading them."""

import os
from collections.abc import Iterator
from pathlib import Path

TEST_EVENTS_SUFFIXES = (".events.yml", ".events.yaml")

State = tuple[int, ...]  # empty: it cannot be looked at


def files_in(path: Path) -> Iterator[str]:
    """Yield the rule files in a folder at any depth, or the path itself where it is no folder; as text, for thousands.

    Test events (`*.events.yml`) are not rules.
    """
    if not os.path.isdir(path):  # noqa: PTH112 (never raises)
        yield str(path)
        return
    for parent, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if name.endswith((".yml", ".yaml")) and not name.endswith(TEST_EVENTS_SUFFIXES):
                yield os.path.join(parent, name)  # noqa: PTH118


def state_of(file: str) -> State:
    """Return what is another one when a file was written or replaced: device, inode, size, times in ns (mtime, ctime).

    Nobody can set the time of the last change of a file's state (ctime), not even by keeping mtime.
    """
    try:
        found = os.stat(file)  # noqa: PTH116
    except OSError:  # not there; the loader says so
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
