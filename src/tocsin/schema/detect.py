"""Detect the format of a record by the keys it has; the first that fits wins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tocsin.schema import evtx_json, flat_windows, unknown, winlogbeat, winlogbeat6
from tocsin.schema.native import Native


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name, how to read a record of it, and which fields may say when it happened, best first."""

    name: str
    read: Callable[[dict[str, Any]], Native]
    times: tuple[tuple[str, bool], ...]  # name, and whether it is UTC where it names no zone


EVTX_JSON = Format("evtx-json", evtx_json.read_evtx_json, evtx_json.TIMES)
FLAT_WINDOWS = Format("flat-windows", flat_windows.read_flat_windows, flat_windows.TIMES)
WINLOGBEAT = Format("winlogbeat", winlogbeat.read_winlogbeat, winlogbeat.TIMES)
WINLOGBEAT6 = Format("winlogbeat6", winlogbeat6.read_winlogbeat6, winlogbeat6.TIMES)
UNKNOWN = Format("unknown", unknown.read_unknown, unknown.TIMES)

FORMATS = (EVTX_JSON, FLAT_WINDOWS, WINLOGBEAT, WINLOGBEAT6, UNKNOWN)


def format_of(record: dict[str, Any]) -> Format:
    """Return the format of a parsed record; UNKNOWN when none is recognised."""
    if flat_windows.is_flat_windows(record):
        return FLAT_WINDOWS
    if evtx_json.is_evtx_json(record):
        return EVTX_JSON
    if winlogbeat.is_winlogbeat(record):
        return WINLOGBEAT
    if winlogbeat6.is_winlogbeat6(record):
        return WINLOGBEAT6
    return UNKNOWN
