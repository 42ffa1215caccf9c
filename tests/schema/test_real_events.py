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


# Platform -> log source -> events. Those without one are 9 of Microsoft 365 Defender and a line of syslog without XML.
OTHER_SYSTEMS = {
    "linux": {
        "linux auditd": 185,
        "linux sysmon process_termination": 50,
        "linux sysmon process_creation": 31,
        "linux sysmon network_connection": 6,
        "linux sysmon file_event": 4,
        "linux sysmon file_delete": 2,
        "": 1,
    },
    "aws": {"aws cloudtrail": 2574},
    "azure": {"": 9, "azure auditlogs": 4, "m365 audit": 1},
}


def test_the_events_of_other_systems_have_the_log_source_that_rules_ask_for(shared_data: Path) -> None:
    entries = json.loads((shared_data / "events" / "manifest.json").read_text())["entries"]
    found: dict[str, Counter[str]] = {}
    timeless = 0
    for entry in entries:
        if entry["platform"] == "windows":
            continue
        with gzip.open(shared_data / "events" / entry["file"]) as file:
            for line in file:
                event = normalise(line, NOW)
                logsource = event.shape.logsource
                name = " ".join((logsource.product, logsource.service, *logsource.categories)).strip()
                found.setdefault(entry["platform"], Counter())[name] += 1
                timeless += event.time_source == "ingest"
    assert (found, timeless) == (OTHER_SYSTEMS, 10)


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
