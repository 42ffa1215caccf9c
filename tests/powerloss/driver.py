"""Run the stages of the embedded pipeline in small steps; after each commit say what was acknowledged.

    python -m tests.powerloss.driver STAGE DATA LOGS ACKNOWLEDGED

STAGE is produce, classify, store, maintain; `all`: these side by side, as processes, twice; or `rest`: one after the
other until nothing is left. The lines of ACKNOWLEDGED are written with one system call each, so that they stand in a
trace at their place.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.config import Config, load_config
from tocsin.event import STORE_COMMITS, Record
from tocsin.flow import Batch
from tocsin.pipeline.classify import classify
from tocsin.pipeline.maintain import maintain
from tocsin.pipeline.produce import Reading, produce
from tocsin.pipeline.store import store
from tocsin.supervisor import StopSignal
from tocsin.telemetry.meter import StageMeter
from tocsin.telemetry.traffic import ReadBatch

_AHEAD_RECORDS = 50
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.3
_LAST_SECONDS = 1.0  # for what was read last


class _Acknowledging(StageMeter):
    """A meter that writes down what each commit has made durable."""

    def __init__(self, folder: Path, stage: str, descriptor: int) -> None:
        super().__init__(folder, stage)
        self._descriptor = descriptor

    def turned(
        self,
        batch: ReadBatch,
        outputs: Mapping[str, Sequence[Record]],
        read_seconds: float,
        step_seconds: float,
        commit_seconds: float,
    ) -> None:
        super().turned(batch, outputs, read_seconds, step_seconds, commit_seconds)
        assert isinstance(batch, Batch)
        if batch.is_tick:
            return
        said = {
            "stage": self.figures.stage,
            "offsets": [[topic, partition, following] for (topic, partition), following in batch.offsets.items()],
            "positions": {name: position.hex() for name, position in batch.positions.items()},
            "records": {topic: len(records) for topic, records in outputs.items()},
            "commits": [json.loads(record.value) for record in outputs.get(STORE_COMMITS, ())],
        }
        os.write(self._descriptor, json.dumps(said).encode() + b"\n")


@dataclass(frozen=True)
class _Driver:
    """The stages on one data directory."""

    data: Path
    logs: Sequence[Path]
    acknowledged: Path

    def produce(self, count: int, is_stopped: Callable[[], bool]) -> None:
        produce(self._config(), Reading(self.logs[:count]), is_stopped, self._meter("produce"))

    def classify(self, until_idle: float | None, is_stopped: Callable[[], bool]) -> None:
        classify(self._config(), 0, 1, until_idle, is_stopped, self._meter("classify"))

    def store(self, until_idle: float | None, is_stopped: Callable[[], bool]) -> None:
        store(self._config(), 0, until_idle, is_stopped, self._meter("store"))

    def maintain(self) -> None:
        maintain(self._config(), once=True, is_stopped=StopSignal(is_supervised=False))

    def rest(self) -> None:
        """Whatever is left, to the end; merge what there is to merge, and delete what was merged."""
        self.produce(len(self.logs), lambda: False)
        self.classify(0.0, lambda: False)
        self.store(0.0, lambda: False)
        for _ in range(3):
            time.sleep(0.005)  # longer than the grace period
            self.maintain()

    def _config(self) -> Config:
        """Return settings that make many small commits, and merge them soon."""
        flags: dict[str, str | list[str] | None] = {
            "data": str(self.data),
            "classify.builtin": "false",
            "classify.rules": [str(self.logs[0].parent.parent / "rule.yml")],
            "classify.reload_seconds": "0",
            "topics.partitions": "2",
            "store.merge_files": "3",
            "store.grace_seconds": "0.001",
            "store.csv_mb": "0.02",
            "produce.count": "0",
        }
        return load_config(flags, environment={})

    def _meter(self, stage: str) -> StageMeter:
        descriptor = os.open(self.acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return _Acknowledging(self._config().figures_folder, stage, descriptor)


def _side_by_side(arguments: Sequence[str], acknowledged: Path) -> None:
    """Run all stages as processes of their own: on half the files, then on all of them, then what is left."""
    for half in ("first", "second"):
        stop = acknowledged.with_name(f"stop-{half}")
        os.environ.update(STOP=str(stop), HALF=half)
        produced, *others = [_started(stage, arguments) for stage in ("produce", "classify", "store", "maintain")]
        assert produced.wait() == 0
        time.sleep(_LAST_SECONDS)
        stop.touch()
        assert [other.wait() for other in others] == [0, 0, 0]
    assert _started("rest", arguments).wait() == 0


def _started(stage: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.powerloss.driver", stage, *arguments])


def _is_stopped() -> bool:
    return Path(os.environ["STOP"]).exists()


class _NearStore:
    """Lets produce go on when the store is but a few files behind, so that there are many commits side by side."""

    def __init__(self, acknowledged: Path) -> None:
        self._acknowledged = acknowledged

    def __call__(self) -> bool:
        until = time.monotonic() + _PATIENCE_SECONDS
        while self._produced_unstored() > _AHEAD_RECORDS and time.monotonic() < until:
            time.sleep(0.02)
        return False

    def _produced_unstored(self) -> int:
        said = [json.loads(line) for line in self._acknowledged.read_bytes().splitlines()]
        produced = sum(sum(each["records"].values()) for each in said if each["stage"] == "produce")
        segments = [segment for each in said for commit in each["commits"] for segment in commit["segments"]]
        return int(produced - sum(segment["rows"] for segment in segments))


def main(stage: str, *arguments: str) -> None:
    data, logs, acknowledged = map(Path, arguments)
    driver = _Driver(data, sorted(logs.iterdir()), acknowledged)
    match stage:
        case "all":
            _side_by_side(arguments, acknowledged)
        case "produce":
            count = len(driver.logs) // (2 if os.environ["HALF"] == "first" else 1)
            driver.produce(count, _NearStore(acknowledged))
        case "classify":
            driver.classify(None, _is_stopped)
        case "store":
            driver.store(None, _is_stopped)
        case "maintain":
            while not _is_stopped():
                driver.maintain()
                time.sleep(_PAUSE_SECONDS)
        case "rest":
            driver.rest()


if __name__ == "__main__":
    main(*sys.argv[1:])
