"""Simulated events are like real ones of their kind: how values are written, how often they repeat."""

import gzip
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.sources.simulator.simulated import run
from tocsin.sources.simulator import SimulatorSettings
from tocsin.sources.simulator.kinds import KINDS

Log = tuple[str, int]  # channel in lower case, event id
Event = Mapping[str, Any]

_FIELDS = {(kind.channel.lower(), kind.event_id): [field.name for field in kind.fields] for kind in KINDS}

# How a value is written; the first that fits counts.
_FORMS = (
    ("none", r"None|-|"),
    ("GUID", r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}"),
    ("SID", r"S-1-\d+(-\d+)+"),
    ("hexadecimal", r"0x[0-9a-fA-F]+"),
    ("boolean", r"true|false"),
    ("number", r"\d+"),
    ("time", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"),
    ("IPv4 address", r"(::ffff:)?\d+\.\d+\.\d+\.\d+"),
    ("IPv6 address", r"[0-9a-f:]*:[0-9a-f:]+"),
    ("tokens", r"\s*(%%\d+\s*)+"),
    ("hashes", r"SHA1=[0-9A-F]{40},MD5=[0-9A-F]{32},SHA256=[0-9A-F]{64},IMPHASH=[0-9A-F]{32}"),
    ("account", r"[A-Z][\w-]*( [A-Z]+)?\\[\w.$-]+( SERVICE)?"),
    ("text", r"(?s).*"),
)
_COMPILED = tuple((name, re.compile(pattern)) for name, pattern in _FORMS)

_WINDOW = 50  # events of one kind of one host, one after the other
_TOLERANCE = 0.2  # of the ratio, beyond the span of the real windows

# Fields that repeat in another way on purpose -> why.
_OTHER_RATIOS = {(22, "QueryResults"): "in the recordings' laboratories hardly any name has an address"}

# The others have too few events in the recordings to say how they are written (10), or what is usual (6 windows).
_SYSMON, _SECURITY = "microsoft-windows-sysmon/operational", "security"
_SCRIPT = ("microsoft-windows-powershell/operational", 4104)
_REPEATED = [_SCRIPT, *((_SYSMON, code) for code in (1, 3, 7, 10, 11, 13, 22)), (_SECURITY, 4688)]
_WRITTEN = [*_REPEATED, *((_SECURITY, code) for code in (4624, 4634, 4672, 4768, 4769, 5145))]


def form_of(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return next(name for name, pattern in _COMPILED if pattern.fullmatch(text))


def log_of(event: Event) -> Log | None:
    channel, event_id = event.get("Channel"), event.get("EventID")
    return (channel.lower(), event_id) if isinstance(channel, str) and isinstance(event_id, int) else None


@lru_cache(maxsize=1)
def simulated() -> dict[Log, list[Event]]:
    records, _ = run(SimulatorSettings(count=100_000, format="flat-windows"))
    return by_log(orjson.loads(record.value) for record in records)


@lru_cache(maxsize=1)
def real(folder: Path) -> dict[Log, list[Event]]:
    """Flat events of the recordings of Security-Datasets."""
    return by_log(_recorded(folder / "events" / "otrf"))


def _recorded(folder: Path) -> Iterator[Event]:
    for path in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(path) as file:
            for line in file:
                event = orjson.loads(line)
                if isinstance(event, dict) and log_of(event) in _FIELDS:
                    yield {**event, "file": path.name}


def by_log(events: Iterable[Event], most: int = 6_000) -> dict[Log, list[Event]]:
    """Keep so many of each log and the fields that we simulate."""
    kept: dict[Log, list[Event]] = defaultdict(list)
    for event in events:
        log = log_of(event)
        if log in _FIELDS and len(kept[log]) < most:
            where = f"{event.get('file')} {event.get('Hostname')}"
            fields: dict[str, Any] = {name: event[name] for name in _FIELDS[log] if name in event}
            kept[log].append(fields | {"where": where})
    return kept


@pytest.mark.parametrize("log", _WRITTEN, ids=str)
def test_values_are_written_as_in_real_events(log: Log, shared_data: Path) -> None:
    recorded = real(shared_data)[log]
    assert len(recorded) >= 10
    for name in _FIELDS[log]:
        known = {form_of(event[name]) for event in recorded if name in event}
        ours = {form_of(event[name]) for event in simulated()[log] if name in event}
        if known:
            assert ours <= known, name


@pytest.mark.parametrize("log", _REPEATED, ids=str)
def test_values_repeat_as_often_as_in_real_events(log: Log, shared_data: Path) -> None:
    recorded = windows_of(real(shared_data)[log])
    assert len(recorded) >= 6
    # Few of some kinds are written by any one host.
    ours = windows_of(simulated()[log]) or windows_of([{**event, "where": ""} for event in simulated()[log]])
    far = {}
    for name in _FIELDS[log]:
        spans = [ratio for window in recorded if (ratio := distinct_ratio(window, name)) is not None]
        shares = [ratio for window in ours if (ratio := distinct_ratio(window, name)) is not None]
        if (log[1], name) in _OTHER_RATIOS:
            continue
        mean = sum(shares) / len(shares)
        if not min(spans) - _TOLERANCE <= mean <= max(spans) + _TOLERANCE:
            far[name] = f"{mean:.2f}, not {min(spans):.2f} to {max(spans):.2f}"
    assert far == {}


def windows_of(events: Sequence[Event]) -> list[list[Event]]:
    open_windows: dict[str, list[Event]] = defaultdict(list)
    whole = []
    for event in events:
        window = open_windows[event["where"]]
        window.append(event)
        if len(window) == _WINDOW:
            whole.append(window)
            del open_windows[event["where"]]
    return whole


def distinct_ratio(window: Sequence[Event], name: str) -> float | None:
    values = Counter(str(event[name]) for event in window if name in event)
    return len(values) / values.total() if values else None
