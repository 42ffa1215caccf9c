"""What the tests of the simulator share: runs, read to their end, and their events decoded."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from tocsin.event import Record
from tocsin.sources.simulator import SimulatorSettings, SimulatorSource

INGEST_US = 1_800_000_000_000_000


def run(settings: SimulatorSettings, positions: Mapping[str, bytes] | None = None) -> tuple[list[Record], list[Record]]:
    """Read a simulation to its end: its records and its labels."""
    source = SimulatorSource(settings, positions or {}, lambda: INGEST_US)
    records: list[Record] = []
    labels: list[Record] = []
    while (batch := source.read()) is not None:
        records += batch.records
        labels += batch.aside.get("labels", ())
    return records, labels


@lru_cache(maxsize=4)
def default_run(count: int = 100_000) -> tuple[list[Record], list[Record]]:
    """A default run, so long that all attacks are whole in it."""
    return run(SimulatorSettings(count=count))


def system_of(record: Record) -> dict[str, Any]:
    """The System part of an event in EVTX-as-JSON, its EventID a number."""
    system: dict[str, Any] = orjson.loads(record.value)["Event"]["System"]
    event_id = system["EventID"]
    return system | {"EventID": event_id if isinstance(event_id, int) else event_id["#text"]}


def data_of(record: Record) -> dict[str, Any]:
    """The fields of an event in EVTX-as-JSON; {} where it has UserData instead."""
    data: dict[str, Any] = orjson.loads(record.value)["Event"].get("EventData", {})
    return data


def time_of(record: Record) -> str:
    """When an event in EVTX-as-JSON was, without decoding it."""
    return record.value.split(b'SystemTime":"', 1)[1][:27].decode()
