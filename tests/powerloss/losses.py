"""Take the power away from a recorded run at many points, and look at what is left."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.ledger import Ledger, records_of_files
from tests.powerloss.disk import Disk
from tests.powerloss.recovery import lost
from tests.powerloss.trace import Call, traced
from tests.windows_events import flat_lines

_FILES = 10
_LINES = 60
_RULE = """\
title: A digit in a command
id: 11111111-1111-4111-8111-111111111111
status: test
level: high
tags: [attack.execution, attack.t1059]
logsource: {product: windows, category: process_creation}
detection: {selection: {CommandLine|contains: '1'}, condition: selection}
"""
_SYNCS = ("fsync", "fdatasync")


@dataclass(frozen=True)
class Point:
    """A moment at which the power goes, and the state that is left."""

    number: int  # so many calls had been made
    seed: int | None  # of what survives though it was not synced; None: nothing
    acknowledged: Sequence[bytes]  # the lines written by then
    data: Path  # the files as they are then


@dataclass
class Recording:
    """A run of the stages on the embedded bus, call by call."""

    folder: Path
    calls: list[Call] = field(default_factory=list)

    @property
    def logs(self) -> list[Path]:
        return sorted((self.folder / "logs").iterdir())

    def record(self) -> None:
        (self.folder / "logs").mkdir(parents=True)
        (self.folder / "data").mkdir()
        (self.folder / "rule.yml").write_text(_RULE)
        for seed in range(_FILES):
            lines = [*flat_lines(_LINES, seed=seed), b"not json"]
            (self.folder / "logs" / f"{seed}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        command = [sys.executable, "-m", "tests.powerloss.driver", "data", "logs", "acknowledged"]
        self.calls = traced(["env", "-C", str(self.folder), f"PYTHONPATH={_ROOT}", *command], self.folder)

    def points(self, wanted: int, ignores_sync: bool = False) -> Iterator[Point]:
        """Yield so many moments, or more: before and after syncs, by chance, and at each acknowledgement."""
        random = Random(20260112)
        disk = Disk(self.folder / "data", self.folder, ignores_sync)
        syncs = [at for number, call in enumerate(self.calls) if call.name in _SYNCS for at in (number, number + 1)]
        chosen = set(random.sample(syncs, min(wanted, len(syncs))))
        acknowledged: list[bytes] = []
        for number, call in enumerate(self.calls):
            if number in chosen:
                yield self._point(disk, number, random.choice((None, random.randrange(1 << 30))), acknowledged)
            written = disk.take(call)
            if written is not None and written.startswith(b'{"group"'):
                acknowledged.append(written)
                yield self._point(disk, number + 1, None, acknowledged)

    def rebuilt_whole(self, target: Path) -> Path:
        """Return the files as they are when nothing is lost."""
        disk = Disk(self.folder / "data", self.folder)
        for call in self.calls:
            disk.take(call)
        disk.rebuild_whole(target)
        return target

    def _point(self, disk: Disk, number: int, seed: int | None, acknowledged: Sequence[bytes]) -> Point:
        data = self.folder / "after" / "data"
        shutil.rmtree(data.parent, ignore_errors=True)
        data.parent.mkdir()
        shutil.copy(self.folder / "rule.yml", data.parent)
        disk.rebuild(data, seed)
        return Point(number, seed, list(acknowledged), data)

    def finish(self, point: Point) -> None:
        """Start the stages anew on what is left, and hold the end against what went in. Raises AssertionError."""
        command = [sys.executable, "-m", "tests.powerloss.driver", str(point.data), str(self.folder / "logs")]
        done = subprocess.run([*command, "/dev/null"], cwd=_ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{point}: {done.stderr[-3000:]}"
        Ledger.of(point.data).check(records_of_files(self.logs))


def problems_at(point: Point) -> list[str]:
    """Return what was acknowledged and is lost at a point."""
    try:
        return lost(point.data, point.acknowledged)
    except Exception as error:
        return [f"cannot be opened: {error!r}"]


_ROOT = Path(__file__).resolve().parents[2]
