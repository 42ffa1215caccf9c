"""Count what a stage does, second by second, where other processes can read it."""

import json
import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Protocol

from tocsin.event import Record
from tocsin.telemetry.health import Health
from tocsin.telemetry.lag import ReadLag
from tocsin.telemetry.traffic import ReadBatch, Traffic

LOOP_PARTS = ("read", "wait", "step", "commit")
HELPERS = "helpers"  # in the place of a stage: notes on what works beside it

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


class Spool(Protocol):
    """What is kept on disk until the bus takes it."""

    @property
    def records(self) -> int: ...

    @property
    def bytes(self) -> int: ...

    @property
    def oldest_seconds(self) -> float: ...

    @property
    def dropped(self) -> int: ...


class SpanCounts(Protocol):
    """What became of the spans of a stage's batches."""

    @property
    def counts(self) -> Mapping[str, int]: ...


class StageMeter:
    """Writes the figures of this process to `folder/<stage>-<worker>-<pid>.json`, every half second and at the end.

    The thread of the loop tells it; what serves metrics reads it on others.
    """

    def __init__(self, folder: Path, stage: str, worker: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.figures = StageFigures(stage, worker)
        self.traffic = Traffic()
        self.health = Health()
        self.retries = 0  # of deliveries
        self.rebalances = 0
        self.read_lag: ReadLag | None = None
        self.batch_spans: SpanCounts | None = None  # where a collector is told of them
        self.spooled: Spool | None = None  # replaced, never changed
        self._path = folder / f"{stage}-{worker}-{os.getpid()}.json"
        self._parts: defaultdict[str, float] = defaultdict(float)
        self._cpu_at_start = time.process_time()
        self._written = 0.0

    def turned(
        self,
        batch: ReadBatch,
        outputs: Mapping[str, Sequence[Record]],
        read_seconds: float,
        step_seconds: float,
        commit_seconds: float,
    ) -> None:
        records = len(batch.records)
        self.traffic.count(batch, outputs, step_seconds + commit_seconds)
        self.health.turned()
        self.figures.records += records
        self.figures.batches += 1 if records else 0
        waited = min(batch.waited_seconds, read_seconds) if records else read_seconds
        self.spend("read", read_seconds - waited)
        self.spend("wait", waited)
        self.spend("step", step_seconds)
        self.spend("commit", commit_seconds)
        if time.monotonic() - self._written > _WRITE_SECONDS:
            self.write()

    def retried(self, error: Exception) -> None:
        self.retries += 1
        self.health.retried(error)

    def rebalanced(self) -> None:
        """A bus says: the partitions of the group were given out anew. On any thread."""
        self.rebalances += 1

    def watch_lag(self, read: ReadLag) -> None:
        """A bus says whom to ask how far it is behind: called every few seconds, on another thread, while metrics are
        served. What it raises leaves the lag out until the next time."""
        self.read_lag = read

    def parts(self) -> Mapping[str, float]:
        """Return the seconds spent so far, by part."""
        return dict(self._parts)

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


def processes_with_figures(folder: Path) -> set[int]:
    """Return the pids of all processes that wrote some."""
    return {figures.pid for figures in read_figures(folder)}


def records_of(folder: Path, stage: str, without: set[int]) -> int:
    """Return how many records the processes of a stage had, without those whose pids are named."""
    return sum(each.records for each in read_figures(folder) if each.stage == stage and each.pid not in without)


def read_figures(folder: Path) -> list[StageFigures]:
    """Return the figures of all processes that wrote some, ended ones among them."""
    known = {each.name for each in fields(StageFigures)}  # of another version, a file may have more
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [StageFigures(**{name: value for name, value in each.items() if name in known}) for each in found]
