"""Make records of `classified-events` and `dead-letters` in the shape in which CLASSIFY writes them."""

from base64 import b64encode
from typing import Any

import orjson

from tocsin.dead_letter import dead_letter_record
from tocsin.event import CLASSIFIED_EVENTS, DEAD_LETTERS, EVENT_AT_HEADER, Record, Stamp
from tocsin.timestamps import iso_utc

NOON_US = 1_768_219_200_000_000  # 2026-01-12T12:00:00Z

DETECTION = {
    "id": "5f0f4dd0-0000-4000-8000-000000000001",
    "title": "Suspicious Encoded PowerShell",
    "level": "high",
    "author": "ann",
    "license": "DRL 1.1",
    "alert": True,
    "tactics": ["TA0002"],
    "techniques": ["T1059.001"],
}
QUIET_DETECTION = DETECTION | {"id": "quiet", "title": "Rare Logon", "level": "low", "alert": False}


def verdict(**changes: Any) -> dict[str, Any]:
    """Return the verdict of an event without a detection."""
    return {
        "format": "evtx-json",
        "product": "windows",
        "service": "sysmon",
        "categories": ["process_creation"],
        "channel": "Microsoft-Windows-Sysmon/Operational",
        "provider": "Microsoft-Windows-Sysmon",
        "code": "1",
        "basis": "activity",
        "level": None,
        "activity_tactic": {"id": "TA0002", "name": "Execution"},
        "tactics": [],
        "techniques": [],
        "rules": [],
        "matches": [],
        "rules_digest": "0123abcd",
        "attack_version": "19.1",
    } | changes


def detection_verdict(*matches: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict of an event with these matches."""
    return verdict(
        basis="detection",
        level="high",
        tactics=[{"id": "TA0002", "name": "Execution"}],
        techniques=["T1059.001"],
        rules=[match["id"] for match in matches],
        matches=list(matches),
    )


def classified(
    offset: int = 0,
    event: bytes = b'{"EventID":1}',
    judged: dict[str, Any] | bytes | None = None,
    ingest_us: int = NOON_US,
    raw: bytes | None = None,
    partition: int = 0,
    **envelope: Any,
) -> Record:
    """Return the classified form of record `offset` of `raw-events`. `envelope` replaces members of the envelope."""
    event_id = f"{partition:016x}{offset:016x}"
    members = {
        "v": 1,
        "event_id": event_id,
        "source": {"topic": "raw-events", "partition": partition, "offset": offset},
        "time": iso_utc(ingest_us),
        "time_source": "SystemTime",
        "ingest_time": iso_utc(ingest_us),
        "host": "ws1",
        "user": "CORP\\ann",
        "flags": [],
        "alerts": [],
    } | envelope
    if raw is not None:
        members["raw"] = b64encode(raw).decode()
    judged_json = judged if isinstance(judged, bytes) else orjson.dumps(judged or verdict())
    head = b'{"tocsin":%b,"verdict":%b},"event":' % (orjson.dumps(members)[:-1], judged_json)
    headers = (
        (EVENT_AT_HEADER, b"%d" % len(head)),
        ("tocsin", Stamp(bytes.fromhex(event_id), ingest_us).packed()),
    )
    return Record(head + event + b"}", b"ws1", headers, ingest_us, CLASSIFIED_EVENTS, partition, offset)


def dead_letter(offset: int = 0, raw: bytes = b"\xff\x00", **facts: Any) -> Record:
    """Return a dead letter at `offset` of its topic."""
    said = {"stage": "classify", "reason": "not_json", "detail": "no JSON", "place": "raw-events/0/7"} | facts
    stamp = Stamp(b"\x01" * 16, NOON_US).packed()
    made = dead_letter_record(raw=raw, time_us=NOON_US, stamp=stamp, **said)
    return Record(made.value, made.key, made.headers, NOON_US, DEAD_LETTERS, 0, offset)
