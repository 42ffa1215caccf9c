"""Take the power away from a recorded run at many points, and look at what is left."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random

from tests.ledger import Ledger, records_of_files
from tests.powerloss.disk import Disk
from tests.powerloss.recovery import Whole, lost, unlisted
from tests.powerloss.trace import SYNCS, Call, traced
from tests.windows_events import flat_lines

_FILES = 16
_LINES = 40
_RULE = """\
title: A digit in a command
id: 11111111-1111-4111-8111-111111111111
status: test
level: high
tags: [attack.execution, attack.t1059]
logsource: {product: windows, category: process_creation}
detection: {selection: {CommandLine|contains: '1'}, condition: selection}
"""


@dataclass(frozen=True)
class Point:
    """A moment at which the power goes, and the state that is left."""

    number: int  # so many calls had been made
    seed: int | None  # of what survives though it was not synced; None: nothing
    acknowledged: Sequence[bytes]  # the lines written by then
    data: Path  # the files as they are then

    def __str__(self) -> str:
        return f"after {self.number} calls, seed {self.seed}"


@dataclass
class Recording:
    """A run of the stages on the embedded bus, call by call."""

    folder: Path
    calls: list[Call] = field(default_factory=list)

    @property
    def logs(self) -> list[Path]:
        return sorted((self.folder / "logs").iterdir())

    @property
    def data(self) -> Path:
        return self.folder / "place" / "data"

    def record(self) -> None:
        """Run all stages once. Their data directory is made by the run; the directory around it was there before."""
        (self.folder / "logs").mkdir(parents=True)
        self.data.parent.mkdir()
        (self.folder / "rule.yml").write_text(_RULE)
        for seed in range(_FILES):
            lines = [*flat_lines(_LINES, seed=seed), b"not json"]
            (self.folder / "logs" / f"{seed}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        command = [sys.executable, "-m", "tests.powerloss.driver", "all", "place/data", "logs", "acknowledged"]
        self.calls = traced(["env", "-C", str(self.folder), f"PYTHONPATH={_ROOT}", *command], self.folder)

    @cached_property
    def whole(self) -> Whole:
        """What the run left."""
        return Whole.of(self.data, (self.folder / "acknowledged").read_bytes().splitlines())

    def points(self, wanted: int, ignored: str = "") -> Iterator[Point]:
        """Yield so many moments: before and after syncs, each acknowledgement, and some by chance; each once with
        nothing that was not synced, and once with some of it. `ignored`: see `Disk`."""
        random = Random(20260112)
        disk = self._disk(ignored)
        chosen = self._moments(wanted, random)
        acknowledged: list[bytes] = []
        for number, call in enumerate(self.calls, 1):
            written = disk.take(call)
            if written is not None and written.startswith(_ACKNOWLEDGED):
                acknowledged.append(written)
            if number in chosen:
                for seed in (None, random.randrange(1 << 30)):
                    yield Point(number, seed, list(acknowledged), self._rebuilt(disk, seed))

    def rebuilt_whole(self, target: Path) -> Path:
        """Return the files as they are when nothing is lost."""
        disk = self._disk()
        for call in self.calls:
            disk.take(call)
        disk.rebuild_whole(target)
        return target / "data"

    def acknowledged(self) -> list[bytes]:
        """Return the lines that the trace has been seen to write."""
        disk = self._disk()
        return [written for call in self.calls if (written := disk.take(call)) and written.startswith(_ACKNOWLEDGED)]

    def _disk(self, ignored: str = "") -> Disk:
        return Disk(self.data.parent, self.folder, ignored)

    def _moments(self, wanted: int, random: Random) -> set[int]:
        """Return after how many calls the power goes."""
        disk = self._disk()
        near: set[int] = set()
        changing: list[int] = []
        for number, call in enumerate(self.calls, 1):
            is_below = call.name in (*SYNCS, *_CHANGING) and disk.is_below(call)
            written = disk.take(call)
            if is_below and call.name in SYNCS:
                near |= {number - 1, number}
            elif is_below:
                changing.append(number)
            elif written is not None and written.startswith(_ACKNOWLEDGED):
                near.add(number)
        chosen = set(random.sample(sorted(near), min(len(near), wanted * 3 // 4)))
        others = sorted(set(changing) - chosen)
        return chosen | set(random.sample(others, min(len(others), wanted - len(chosen))))

    def _rebuilt(self, disk: Disk, seed: int | None) -> Path:
        place = self.folder / "after" / "place"
        shutil.rmtree(place.parent, ignore_errors=True)
        place.parent.mkdir()
        disk.rebuild(place, seed)
        return place / "data"

    def problems_at(self, point: Point) -> list[str]:
        """Return what was acknowledged and is lost at a point, and what cannot be opened; recovers the rest."""
        if not point.data.exists() and not point.acknowledged:
            return []  # it had not begun
        try:
            return lost(point.data, point.acknowledged, self.whole)
        except Exception as error:
            return [f"refuses: {error!r}"]

    def finish(self, point: Point) -> None:
        """Start the stages anew on what is left, and hold the end against what went in. Raises AssertionError."""
        command = [sys.executable, "-m", "tests.powerloss.driver", "rest", str(point.data), str(self.folder / "logs")]
        done = subprocess.run([*command, "/dev/null"], cwd=_ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{point}: {done.stderr[-3000:]}"
        Ledger.of(point.data).check(records_of_files(self.logs))
        left = unlisted(point.data / "store")
        assert not left, f"{point}: {left}"


_CHANGING = ("write", "pwrite64", "ftruncate", "rename", "unlink", "mkdir")
_ACKNOWLEDGED = b'{"stage"'
_ROOT = Path(__file__).resolve().parents[2]
