"""The figures of a stage tell work from waiting."""

from pathlib import Path

from tocsin.event import Record
from tocsin.flow import Batch
from tocsin.telemetry.meter import StageMeter


def test_waiting_for_a_batch_is_not_counted_as_reading(tmp_path: Path) -> None:
    meter = StageMeter(tmp_path, "store")
    meter.turned(Batch([Record(b"x")], offsets={("raw", 0): 1}, waited_seconds=0.25), {}, 0.5, 2.0, 4.0)
    meter.turned(Batch(), {}, 0.5, 0.0, 0.0)
    assert meter.parts() == {"read": 0.25, "wait": 0.75, "step": 2.0, "commit": 4.0}
