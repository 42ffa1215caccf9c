"""Count what a stage does, second by second, where other processes can read it."""

import json
import os
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

_WRITE_SECONDS = 0.5


@dataclass
class StageFigures:
    """Totals of one process of a stage since it started. Times in seconds."""

    stage: str
    worker: int
    pid: int = field(default_factory=os.getpid)
    records: int = 0
    batches: int = 0
    cpu_seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)  # read, step, commit, and what the step tells of itself
    notes: list[str] = field(default_factory=list)  # what a person should know: skipped copies, unreadable files


class StageMeter:
    """Writes the figures of this process to `folder/<stage>-<worker>-<pid>.json`, every half second and at the end."""

    def __init__(self, folder: Path, stage: str, worker: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.figures = StageFigures(stage, worker)
        self._path = folder / f"{stage}-{worker}-{os.getpid()}.json"
        self._parts: defaultdict[str, float] = defaultdict(float)
        self._cpu_at_start = time.process_time()
        self._written = 0.0

    def turned(self, records: int, read_seconds: float, step_seconds: float, commit_seconds: float) -> None:
        self.figures.records += records
        self.figures.batches += 1 if records else 0
        self.spend("read" if records else "wait", read_seconds)
        self.spend("step", step_seconds)
        self.spend("commit", commit_seconds)
        if time.monotonic() - self._written > _WRITE_SECONDS:
            self.write()

    def spend(self, part: str, seconds: float) -> None:
        """Add to the time spent on a part of the work."""
        self._parts[part] += seconds

    def write(self) -> None:
        """Publish the figures; a reader sees the old or the new ones, never half."""
        self.figures.cpu_seconds = time.process_time() - self._cpu_at_start
        self.figures.parts = dict(self._parts)
        self._written = time.monotonic()
        partial = self._path.with_suffix(".partial")
        with suppress(OSError):  # a full disk: figures are no reason to stop
            partial.write_text(json.dumps(asdict(self.figures)))
            partial.replace(self._path)


def read_figures(folder: Path) -> list[StageFigures]:
    """Return the figures of all processes that wrote some, ended ones among them."""
    return [StageFigures(**json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]
