"""The labels of simulated attacks: read from their topic, written to a file beside the store."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tocsin.bus.contract import Bus
from tocsin.event import LABELS

_READ_AT_ONCE = 10_000


class Label(msgspec.Struct, frozen=True):
    """One event that is part of a simulated attack."""

    event_id: str
    time: str
    host: str
    scenario: str
    run: str  # which running of the scenario
    step: int
    title: str
    tactic: str
    technique: str
    detectable: str  # "event", or "correlation": no single event shows it


def read_labels(bus: Bus) -> Iterator[Label]:
    """Yield all labels, in the order in which their events were produced."""
    decoder = msgspec.json.Decoder(Label)
    for partition, (offset, end) in bus.ends(LABELS).items():
        while offset < end and (records := bus.read_from(LABELS, partition, offset, _READ_AT_ONCE)):
            for record in records:
                yield decoder.decode(record.value)
                offset = record.offset + 1


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
