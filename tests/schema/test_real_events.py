"""All real Windows events beside the project have a known format, a time and a host, but for a few that are known."""

import gzip
import json
from collections import Counter
from pathlib import Path

import orjson
import pytest

from tests.schema.same_event import WRITERS
from tocsin.schema.normalise import normalise

NOW = 1_798_761_600_000_000  # 2027-01-01T00:00:00Z in microseconds

EXPECTED_FORMATS = {
    "evtx-json": {"evtx-json": 23_220},
    "flat-json": {"flat-windows": 506_773, "unknown": 1},  # one event names neither channel nor provider
    "winlogbeat6-json": {"winlogbeat6": 25_892},
}


@pytest.mark.slow
def test_every_real_windows_event_has_a_known_format(shared_data: Path) -> None:
    entries = json.loads((shared_data / "events" / "manifest.json").read_text())["entries"]
    formats: dict[str, Counter[str]] = {}
    flags: Counter[str] = Counter()
    without: Counter[str] = Counter()
    for entry in entries:
        if entry["platform"] != "windows":
            continue
        with gzip.open(shared_data / "events" / entry["file"]) as file:
            for line in file:
                event = normalise(line, NOW)
                formats.setdefault(entry["format"], Counter())[event.shape.format] += 1
                flags.update(event.flags)
                shape = event.shape
                envelope = {
                    "host": event.host,
                    "code": shape.code,
                    "channel": shape.channel,
                    "provider": shape.provider,
                }
                without.update(name for name, text in envelope.items() if not text)
    assert formats == EXPECTED_FORMATS
    assert flags == {"assumed_timezone": 111, "missing_time": 1, "unknown_format": 1}
    assert without == {"channel": 4, "provider": 3, "code": 1}  # three hollow records of a damaged file, and that one


def test_what_is_not_mapped_is_visible_as_unknown(shared_data: Path) -> None:
    entries = json.loads((shared_data / "events" / "manifest.json").read_text())["entries"]
    (entry, *_) = (entry for entry in entries if entry["format"] == "aws-cloudtrail")
    with gzip.open(shared_data / "events" / entry["file"]) as file:
        event = normalise(next(file), NOW)
    assert event.shape.format == "unknown"
    assert "unknown_format" in event.flags and "missing_time" not in event.flags


def test_a_real_logon_is_the_same_in_every_format(shared_data: Path) -> None:
    """Of an EVTX file: the first 4688 or 4624 whose values are all text, written anew in each format."""
    line = _first_plain_event(shared_data / "events" / "evtx-attack-samples")
    record = orjson.loads(line)["Event"]
    system = record["System"]
    arguments = (system["Channel"], system["EventID"], system["Provider"]["#attributes"]["Name"], record["EventData"])
    events = [normalise(orjson.dumps(write(*arguments)), NOW) for write in WRITERS]
    original = normalise(line, NOW)
    for event in events:
        assert (event.user, event.shape.logsource, event.shape.code) == (
            original.user,
            original.shape.logsource,
            original.shape.code,
        )
        assert event.overlay == original.overlay


def _first_plain_event(folder: Path) -> bytes:
    for path in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(path) as file:
            for line in file:
                event = orjson.loads(line)["Event"]
                data = event.get("EventData") or {}
                if event["System"]["EventID"] == 4688 and all(type(value) is str for value in data.values()):
                    return line
    raise AssertionError(f"no process creation with nothing but text in {folder}")
