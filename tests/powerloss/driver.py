"""Run the stages of the embedded pipeline in small steps; after each commit say what was acknowledged.

    python -m tests.powerloss.driver DATA LOGS ACKNOWLEDGED

The lines of ACKNOWLEDGED are written with one system call each, so that they stand in a trace at their place.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from tocsin.bus.embedded import EmbeddedBus
from tocsin.config import Config, load_config
from tocsin.event import STORE_COMMITS, Record
from tocsin.pipeline.classify import classify
from tocsin.pipeline.maintain import maintain
from tocsin.pipeline.produce import Reading, produce
from tocsin.pipeline.store import store
from tocsin.supervisor import StopSignal
from tocsin.telemetry.meter import StageMeter
from tocsin.telemetry.traffic import ReadBatch


class _Acknowledging(StageMeter):
    """A meter that writes down what each commit has made durable."""

    def __init__(self, folder: Path, stage: str, descriptor: int, totals: Counter[str]) -> None:
        super().__init__(folder, stage)
        self._descriptor = descriptor
        self._totals = totals

    def turned(
        self,
        batch: ReadBatch,
        outputs: Mapping[str, Sequence[Record]],
        read_seconds: float,
        step_seconds: float,
        commit_seconds: float,
    ) -> None:
        super().turned(batch, outputs, read_seconds, step_seconds, commit_seconds)
        if not outputs and not batch.offsets:
            return
        self._totals.update({topic: len(records) for topic, records in outputs.items()})
        said = {
            "group": self.figures.stage,
            "offsets": [[topic, partition, following] for (topic, partition), following in batch.offsets.items()],
            "records": dict(self._totals),
            "commits": [json.loads(record.value) for record in outputs.get(STORE_COMMITS, ())],
        }
        os.write(self._descriptor, json.dumps(said).encode() + b"\n")


def config_of(data: Path) -> Config:
    """Return settings that make many small commits, and merge them soon."""
    rule = data.parent / "rule.yml"
    flags: dict[str, str | list[str] | None] = {
        "data": str(data),
        "classify.builtin": "false",
        "classify.rules": [str(rule)],
        "classify.reload_seconds": "0",
        "topics.partitions": "2",
        "store.merge_files": "3",
        "store.grace_seconds": "0.001",
        "produce.count": "0",
    }
    return load_config(flags, environment={})


def run(data: Path, logs: Sequence[Path], descriptor: int) -> None:
    """Take one file after another through all stages, to its end."""
    config = config_of(data)
    totals: Counter[str] = Counter()
    open_meanwhile: EmbeddedBus | None = None
    for number, path in enumerate(logs):
        meters = {
            stage: _Acknowledging(config.figures_folder, stage, descriptor, totals)
            for stage in ("produce", "classify", "store")
        }
        produce(config, Reading([path]), lambda: False, meters["produce"])
        classify(config, 0, 1, 0.0, lambda: False, meters["classify"])
        store(config, 0, 0.0, lambda: False, meters["store"])
        if number % 4 == 3:
            maintain(config, once=True, is_stopped=StopSignal(is_supervised=False))
        if number == len(logs) // 2:  # from here on another process has the bus open, so that its log stays
            open_meanwhile = EmbeddedBus(config.bus_folder)
    if open_meanwhile is not None:
        open_meanwhile.close()


if __name__ == "__main__":
    data, logs, acknowledged = map(Path, sys.argv[1:])
    descriptor = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with closing(os.fdopen(descriptor, "wb", closefd=True)):
        run(data, sorted(logs.iterdir()), descriptor)
