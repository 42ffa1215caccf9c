"""Lines whose every byte is known, poison among them, appended to files that are followed, until told to stop."""

import threading
import time
from collections import Counter
from pathlib import Path

from tests.ledger import Digest, digest
from tests.windows_events import flat_lines

_FILES = 4  # at a time, so that every partition has something at any moment
_TICK_SECONDS = 0.2
_LINES_A_FILE = 10_000  # then another one is begun
_POISON_EVERY = 50
_LARGE_EVERY = 64  # of the poison
_LARGE_BYTES = (1 << 20) + 100_000


def poison(number: int) -> bytes:
    """Return a record that cannot be classified: too large, not JSON, cut, not UTF-8, nested too deep."""
    if number % _LARGE_EVERY == _LARGE_EVERY - 1:
        return b'{"EventID":1,"number":%d,"CommandLine":"%s"}' % (number, b"x" * _LARGE_BYTES)
    return (
        b"not json, number %d" % number,
        b'{"EventID":1,"number":%d,"CommandLine":"cut' % number,
        b"\xff\xfe\xc0 %d" % number,
        b'{"number":%d,"deep":%s1%s}' % (number, b"[" * 2000, b"]" * 2000),
    )[number % 4]


class Feeder(threading.Thread):
    """Appends `per_second` lines a second."""

    def __init__(self, folder: Path, seed: int, per_second: int) -> None:
        super().__init__(name="feeder", daemon=True)
        folder.mkdir(parents=True)
        self.folder = folder
        self.records = 0
        self.poison: Counter[Digest] = Counter()
        self._seed = seed
        self._lines_a_tick = max(_FILES, round(per_second * _TICK_SECONDS))
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        self._is_stopped.set()
        self.join()

    @property
    def paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def run(self) -> None:
        tick = 0
        due = time.monotonic()
        while not self._is_stopped.is_set():
            for number in range(_FILES):
                self._append(number, tick)
            tick += 1
            due += _TICK_SECONDS
            self._is_stopped.wait(max(0.0, due - time.monotonic()))

    def _append(self, number: int, tick: int) -> None:
        lines = flat_lines(self._lines_a_tick // _FILES, seed=self._seed * 1_000_000_007 + tick * _FILES + number)
        for place in range(len(lines)):
            self.records += 1
            if self.records % _POISON_EVERY == 0:
                bad = poison(self.records // _POISON_EVERY)
                self.poison[digest(bad)] += 1
                lines.insert(place + 1, bad)  # never first in a file, where it would look like another encoding
        self.records += len(lines) - self._lines_a_tick // _FILES
        with (self.folder / f"{number}-{tick * len(lines) // _LINES_A_FILE:03d}.jsonl").open("ab") as file:
            file.write(b"\n".join(lines) + b"\n")
