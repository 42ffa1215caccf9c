"""An event before it is written, and the step of an attack that it belongs to."""

from dataclasses import dataclass
from typing import Any

import msgspec

from tocsin.sources.simulator.fleet import Host


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an attack, for the label of the events that show it."""

    scenario: str
    run: str  # which instance of the scenario
    step: int  # from 1
    title: str
    tactic: str  # ATT&CK v19 id
    technique: str
    detectable: str  # "event": one event shows it; "correlation": only several together do


class Draft(msgspec.Struct, frozen=True, gc=False):
    """An event before it has its record number: `values` are those of its kind."""

    time_us: int
    kind: int
    host: Host
    pid: int  # of the process that wrote it
    values: tuple[Any, ...]
    step: Step | None
