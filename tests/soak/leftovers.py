"""End what a soak that was killed has left: its processes and its small disk."""

import json
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from tests.soak.disk import unmount

_LOOK_SECONDS = 0.5


class Leftovers(threading.Thread):
    """Writes down again and again which processes are ours, by pid and time of their start."""

    def __init__(self, path: Path) -> None:
        super().__init__(name="leftovers", daemon=True)
        self._path = path

    def run(self) -> None:
        ours = psutil.Process()
        pause = threading.Event()
        known: dict[int, float] = {}
        while True:
            with suppress(psutil.NoSuchProcess):
                known |= {child.pid: child.create_time() for child in ours.children(recursive=True)}
            known = {pid: since for pid, since in known.items() if _is(pid, since)}
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps(known))
            partial.replace(self._path)
            pause.wait(_LOOK_SECONDS)


def clear(path: Path, mounts: Path) -> None:
    """End those of a former soak that still run, and unmount what it has mounted below a folder."""
    with suppress(FileNotFoundError, ValueError):
        for pid, since in json.loads(path.read_text()).items():
            if _is(int(pid), since):
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(int(pid)).kill()
    for partition in psutil.disk_partitions(all=True):
        if Path(partition.mountpoint).is_relative_to(mounts.resolve()):
            unmount(Path(partition.mountpoint))


def _is(pid: int, since: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - since) < 1.0
    except psutil.NoSuchProcess:
        return False
