"""The classify step: one record in, one record out, with its verdict before its own bytes."""

import base64
from dataclasses import dataclass

import orjson
import pytest

from tocsin.dead_letter import read_dead_letter
from tocsin.errors import DecodeError
from tocsin.event import EVENT_AT_HEADER, MAX_RECORD_BYTES, Event, Logsource, Record, Shape, Stamp, stamped
from tocsin.flow import Batch, Outputs
from tocsin.stages.classify import Classify, ClassifySettings

_TACTICS = {"TA0001": "Initial Access", "TA0002": "Execution", "TA0006": "Credential Access"}
_NOON_US = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z


@dataclass(frozen=True)
class _Rule:
    id: str
    title: str
    level: str
    tactics: tuple[str, ...]
    techniques: tuple[str, ...] = ()
    is_baseline: bool = False
    author: str = "Ann"
    license: str = "DRL 1.1"
    digest: str = "d1"


_ENCODED = _Rule("r1", "Encoded PowerShell", "high", ("TA0002",), ("T1059.001",))
_WHOAMI = _Rule("r2", "Whoami", "low", ("TA0006",), ("T1033",))
_START = _Rule("b1", "Process start", "informational", ("TA0002",), is_baseline=True)


_SHAPE = Shape("evtx-json", Logsource("windows", "sysmon", ("process_creation",)), "Sysmon", "P", "1")


class _Matcher:
    def __init__(self, *rules: _Rule) -> None:
        self._rules = rules

    def match(self, event: Event) -> tuple[_Rule, ...]:
        return self._rules


def _normalise(raw: bytes, ingest_us: int) -> Event:
    if not raw.startswith(b"{"):
        raise DecodeError("not_json", "a letter at byte 0")
    if b"\xff" in raw:
        json = raw.replace(b"\xff", "\ufffd".encode())
        return Event(json, Shape(), {}, is_repaired=True, flags=("repaired_utf8",))
    fields = {"ProcessId": "7"}
    return Event(raw, _SHAPE, fields, time_us=_NOON_US, time_source="SystemTime", host='ws"1', user="CORP\\ann")


def _classified(*rules: _Rule, records: tuple[Record, ...], alert_level: str = "medium") -> Outputs:
    settings = ClassifySettings("bus-1", _TACTICS, "19.1", "digest-1", alert_level)
    step = Classify(settings, _normalise, _Matcher(*rules), lambda: _NOON_US, lambda part, seconds: None)
    return step(Batch(records))


def _raw(value: bytes, offset: int = 5) -> Record:
    record = stamped(value, bytes(range(16)), _NOON_US + 1)
    return Record(record.value, b"", record.headers, record.timestamp_us, "raw-events", 2, offset)


def test_a_classified_event_is_its_verdict_followed_by_its_own_bytes_unchanged() -> None:
    value = b'{"a" : 1.0,"b":"\\u00e9"}'
    (record,) = _classified(_ENCODED, _START, records=(_raw(value),))["classified-events"]
    at = int(record.header(EVENT_AT_HEADER) or 0)
    assert record.value[at:-1] == value
    assert record.key == b'ws"1'
    tocsin = orjson.loads(record.value)["tocsin"]
    assert tocsin | {"alerts": [], "verdict": {}} == {
        "v": 1,
        "event_id": bytes(range(16)).hex(),
        "source": {"topic": "raw-events", "partition": 2, "offset": 5},
        "time": "2026-01-01T12:00:00.000000Z",
        "time_source": "SystemTime",
        "ingest_time": "2026-01-01T12:00:00.000001Z",
        "host": 'ws"1',
        "user": "CORP\\ann",
        "flags": [],
        "alerts": [],
        "verdict": {},
    }
    assert list(tocsin)[-1] == "verdict"
    assert tocsin["verdict"] == {
        "format": "evtx-json",
        "product": "windows",
        "service": "sysmon",
        "categories": ["process_creation"],
        "channel": "Sysmon",
        "provider": "P",
        "code": "1",
        "basis": "detection",
        "level": "high",
        "activity_tactic": {"id": "TA0002", "name": "Execution"},
        "tactics": [{"id": "TA0002", "name": "Execution"}],
        "techniques": ["T1059.001"],
        "rules": ["r1"],
        "matches": [
            {
                "id": "r1",
                "title": "Encoded PowerShell",
                "level": "high",
                "author": "Ann",
                "license": "DRL 1.1",
                "alert": True,
                "tactics": ["TA0002"],
                "techniques": ["T1059.001"],
            }
        ],
        "rules_digest": "digest-1",
        "attack_version": "19.1",
    }


@pytest.mark.parametrize(
    ("rules", "basis", "level", "tactics"),
    [
        ((), "none", None, []),
        ((_START,), "activity", None, []),
        ((_WHOAMI,), "detection", "low", ["TA0006"]),
        ((_WHOAMI, _ENCODED, _START), "detection", "high", ["TA0002", "TA0006"]),
    ],
)
def test_the_verdict_sums_up_detections_alone(
    rules: tuple[_Rule, ...], basis: str, level: str | None, tactics: list[str]
) -> None:
    (record,) = _classified(*rules, records=(_raw(b"{}"),))["classified-events"]
    verdict = orjson.loads(record.value)["tocsin"]["verdict"]
    assert (verdict["basis"], verdict["level"]) == (basis, level)
    assert [tactic["id"] for tactic in verdict["tactics"]] == tactics


def test_a_detection_below_the_alert_level_is_no_alert() -> None:
    outputs = _classified(_WHOAMI, _ENCODED, records=(_raw(b"{}"),))
    (alert,) = outputs["alerts"]
    told = orjson.loads(alert.value)["tocsin"]
    assert told["rule"]["id"] == "r1"
    (classified,) = outputs["classified-events"]
    assert orjson.loads(classified.value)["tocsin"]["alerts"] == [told["alert_id"]]


def test_two_rows_with_the_same_event_id_have_different_alerts() -> None:
    first, second = _classified(_ENCODED, records=(_raw(b"{}", 5), _raw(b"{}", 6)))["alerts"]
    one, other = orjson.loads(first.value)["tocsin"], orjson.loads(second.value)["tocsin"]
    assert one["event_id"] == other["event_id"]
    assert one["alert_id"] != other["alert_id"]
    assert one["sighting"] == other["sighting"]


def test_what_cannot_be_read_becomes_a_dead_letter_and_the_batch_goes_on() -> None:
    outputs = _classified(records=(_raw(b"oops", 5), _raw(b"{}", 6)))
    assert len(outputs["classified-events"]) == 1
    letter = read_dead_letter(outputs["dead-letters"][0])
    assert (letter.raw, letter.stage, letter.reason, letter.place) == (
        b"oops",
        "classify",
        "not_json",
        "raw-events/2/5",
    )


def test_a_stamped_record_of_the_largest_size_is_classified_and_one_byte_more_is_not() -> None:
    largest = b"{}".ljust(MAX_RECORD_BYTES)
    outputs = _classified(records=(stamped(largest, b"i" * 16, _NOON_US), stamped(largest + b" ", b"j" * 16, _NOON_US)))
    assert [len(outputs[topic]) for topic in ("classified-events", "dead-letters")] == [1, 1]
    assert read_dead_letter(outputs["dead-letters"][0]).reason == "too_large"


def test_a_flood_of_headers_becomes_a_dead_letter() -> None:
    outputs = _classified(
        records=(Record(b"{}", headers=(("", b""),) * 10_000, topic="raw-events", partition=0, offset=0),)
    )
    assert read_dead_letter(outputs["dead-letters"][0]).reason == "too_large"


def test_repaired_bytes_are_passed_on_with_the_original_beside_them() -> None:
    (record,) = _classified(records=(_raw(b'{"a":"\xff"}'),))["classified-events"]
    decoded = orjson.loads(record.value)
    assert decoded["event"] == {"a": "\ufffd"}
    assert base64.b64decode(decoded["tocsin"]["raw"]) == b'{"a":"\xff"}'
    assert decoded["tocsin"]["flags"] == ["repaired_utf8"]


def test_a_record_without_our_stamp_gets_an_id_from_its_place_and_bytes() -> None:
    bare = Record(b"{}", timestamp_us=_NOON_US, topic="raw-events", partition=1, offset=9)
    (first,) = _classified(records=(bare,))["classified-events"]
    (again,) = _classified(records=(bare,))["classified-events"]
    assert Stamp.of(first) == Stamp.of(again)
    assert orjson.loads(first.value)["tocsin"]["ingest_time"] == "2026-01-01T12:00:00.000000Z"


def test_a_header_that_came_with_the_record_cannot_pose_as_ours() -> None:
    posing = Record(b'{"a":1}', headers=((EVENT_AT_HEADER, b"1"),), topic="raw-events", partition=0, offset=0)
    (record,) = _classified(records=(posing,))["classified-events"]
    assert record.value[int(record.header(EVENT_AT_HEADER) or 0) : -1] == b'{"a":1}'
