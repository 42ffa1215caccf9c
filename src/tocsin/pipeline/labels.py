"""The labels of simulated attacks: read from their topic, written to a file beside the store."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from tocsin.bus.contract import Bus
from tocsin.config import Config
from tocsin.errors import DeliveryError
from tocsin.event import LABELS
from tocsin.pipeline.topology import existing_bus, has_bus
from tocsin.plain import counted

log = logging.getLogger(__name__)

_READ_AT_ONCE = 10_000
_CONNECT_SECONDS = 5.0  # they are only marks


class Label(msgspec.Struct, frozen=True):
    """One event that is part of a simulated attack."""

    event_id: str
    time: str  # of the event, ISO 8601 with a zone
    host: str
    scenario: str
    run: str  # which playing of the scenario, in which simulation
    step: int
    title: str
    tactic: str
    technique: str
    detectable: str  # "event", or "correlation": no single event shows it


_DECODER = msgspec.json.Decoder(Label)


class Played(Protocol):
    """Something of one playing of a scenario."""

    @property
    def scenario(self) -> str: ...

    @property
    def run(self) -> str: ...


def labels_of(config: Config) -> Sequence[Label]:
    """Return all labels; none where there is a store alone, or the bus does not answer soon: they are only marks."""
    if not has_bus(config):
        return ()
    try:
        with closing(existing_bus(config, _CONNECT_SECONDS)) as bus:
            return list(read_labels(bus))
    except DeliveryError as error:
        log.warning("Simulated attacks are not marked: %s", error)
        return ()


def names_of(labels: Sequence[Label]) -> Callable[[Played], str]:
    """Return what names each attack: its scenario, or its run where a scenario was played more than once."""
    runs = {(label.scenario, label.run) for label in labels}
    is_repeated = len(runs) > len({scenario for scenario, _ in runs})
    return lambda played: played.run if is_repeated else played.scenario


def read_labels(bus: Bus) -> Iterator[Label]:
    """Yield all labels, in the order in which their events were produced; what is none, which anybody may have written
    on a shared bus, is passed over and counted."""
    others = 0
    for partition, (offset, end) in bus.ends(LABELS).items():
        while offset < end and (records := bus.read_from(LABELS, partition, offset, _READ_AT_ONCE)):
            for record in records:
                offset = record.offset + 1
                label = _label_of(record.value)
                if label:
                    yield label
                else:
                    others += 1
    if others:
        log.warning("`%s`: passed over %s that no `tocsin produce` wrote.", LABELS, counted(others, "record"))


def _label_of(value: bytes) -> Label | None:
    try:
        label = _DECODER.decode(value)
        return label if datetime.fromisoformat(label.time).tzinfo else None
    except ValueError:  # of msgspec, too
        return None


def keep_labels(bus: Bus, config: Config) -> None:
    """Write all labels beside the store, as far as possible: they stay on their topic."""
    try:
        write_labels(bus, labels_file(config))
    except (OSError, DeliveryError) as error:
        log.warning("The labels could not be written: %s", error)


def labels_file(config: Config) -> Path:
    """Return where labels are written."""
    return config.data / "labels.jsonl"


def write_labels(bus: Bus, path: Path) -> int:
    """Write all labels as JSON Lines, whole or not at all; return their number. No file where there are none."""
    count = 0
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        for label in read_labels(bus):
            file.write(msgspec.json.encode(label) + b"\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    if not count:
        partial.unlink()
        return 0
    partial.replace(path)
    return count
