"""Read thousands of rule files with several processes: parsing one takes two milliseconds.

Each process gets its share at the start; what one of them did not read is read here.
"""

import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

import msgspec

from tocsin.child import start_module
from tocsin.cores import cores
from tocsin.frames import read_frame
from tocsin.rules.pack import Pack, decoded
from tocsin.rules.preparation import Preparation
from tocsin.rules.progress import OnProgress

_FILES_EACH = 300  # take as long as a process takes to start
_LOOK_SECONDS = 0.1
WHAT = "reading rules"


class Share(msgspec.Struct):
    """What a process is told to read, and how."""

    files: list[str]
    is_baseline: bool
    variables: dict[str, tuple[str, ...]]
    pipelines: tuple[tuple[str, str], ...]


def read_many(
    files: Sequence[Path],
    read: Callable[[Path], Pack],
    is_baseline: bool,
    preparation: Preparation,
    on_progress: OnProgress,
) -> list[Pack]:
    """Return what each file holds, in order; `read` does it in this process."""
    count = max(1, min(cores(), len(files) // _FILES_EACH))
    helpers: list[_Helper] = []
    try:
        with suppress(OSError, RuntimeError):  # no process or thread is to be had: its share is read here
            for number in range(1, count):
                helpers.append(_Helper(files[number::count], is_baseline, preparation))
        found: list[Pack] = []
        for path in files[::count]:
            found.append(read(path))
            on_progress(WHAT, len(found) + sum(len(helper.packs) for helper in helpers), len(files))
        for helper in helpers:
            while helper.is_at_work():
                on_progress(WHAT, len(found) + sum(len(helper.packs) for helper in helpers), len(files))
    finally:
        for helper in helpers:
            helper.close()
    shares = [found, *(helper.packs for helper in helpers), *([] for _ in range(len(helpers) + 1, count))]
    return [
        shares[number % count][number // count] if number // count < len(shares[number % count]) else read(path)
        for number, path in enumerate(files)
    ]


class _Helper:
    """A process that reads a share, and a thread that hears what it read."""

    def __init__(self, files: Sequence[Path], is_baseline: bool, preparation: Preparation) -> None:
        self.packs: list[Pack] = []
        self._process = start_module("tocsin.rules.file_worker", stderr=subprocess.DEVNULL)
        share = Share(list(map(str, files)), is_baseline, dict(preparation.variables), preparation.pipelines)
        self._thread = Thread(target=self._hear, args=(msgspec.msgpack.encode(share),), daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._process.kill()
            self._process.communicate()
            raise

    def is_at_work(self) -> bool:
        """Wait a moment; say whether there is more to come."""
        self._thread.join(_LOOK_SECONDS)
        return self._thread.is_alive()

    def close(self) -> None:
        self._process.kill()
        self._thread.join()
        self._process.wait()

    def _hear(self, share: bytes) -> None:
        request, answer = self._process.stdin, self._process.stdout
        assert request and answer
        with request, answer:
            try:
                request.write(share)
                request.close()
                while (pack := read_frame(answer)) is not None:
                    self.packs.append(decoded(pack))
            except (OSError, msgspec.DecodeError, RecursionError):
                return  # what is missing is read by whoever started it
