"""Read from a bus what a test looks for."""

import time
from typing import Any

from tocsin.bus.contract import Bus
from tocsin.flow import Batch


def next_batch(reader: Any) -> Batch:
    """Return the next batch that has records. Raises AssertionError where none comes."""
    deadline = time.monotonic() + 60
    while not (batch := reader.read()).records:
        assert time.monotonic() < deadline, "no records came"
    assert isinstance(batch, Batch)
    return batch


def values_in(bus: Bus, topic: str) -> list[bytes]:
    """Return the values that are to be seen in a topic."""
    return [record.value for partition in bus.ends(topic) for record in bus.read_from(topic, partition, 0, 1000)]
