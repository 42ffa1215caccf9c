"""Events of shapes seen before are read in a quicker way, which must give what the plain way gives."""

import gzip
from copy import deepcopy
from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schema.same_event import EVENTS, WRITERS, described
from tocsin.errors import DecodeError
from tocsin.event import Event
from tocsin.schema import normalise as module
from tocsin.schema.normalise import normalise
from tocsin.schema.parse import parse

NOW = 1_800_000_000_000_000
RECORDS = [write(*event) for write in WRITERS for event in EVENTS.values()]


def plainly(raw: bytes, zone: tzinfo = UTC) -> Event:
    record, text, flags = parse(raw)
    return module._normalised(record, text, raw, flags, NOW, zone)


@pytest.mark.parametrize("record", RECORDS)
def test_the_second_event_of_a_shape_says_what_the_first_said(record: dict[str, Any]) -> None:
    raw = orjson.dumps(record)
    for _ in range(3):
        assert described(normalise(raw, NOW)) == described(plainly(raw))


def test_equal_shapes_are_one_object_whichever_way_an_event_was_read() -> None:
    first, second = (normalise(orjson.dumps(RECORDS[0]), NOW) for _ in range(2))
    assert first.shape is second.shape


ODD = st.sampled_from(
    [None, True, 1, 1.0, 4688, "4688", "", "-", "S\u0130", [], ["a"], {}, {"#text": 1}, "2026-01-12 06:00:00",
     "2026-01-12T06:00:00.1234567Z", "20260112", "9999-12-31T23:59:59-14:00", 1768197600, "Security", "security",
     "Microsoft-Windows-Sysmon/Operational", "Windows PowerShell", "MD5=A,SHA256=B"]
)  # fmt: skip


@st.composite
def changed_records(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a record with some values replaced, keys left out or added."""
    record: dict[str, Any] = deepcopy(draw(st.sampled_from(RECORDS)))
    for _ in range(draw(st.integers(0, 3))):
        inside = record
        while True:
            key = draw(st.sampled_from([*inside, "EventData", "Provider", "AccountName"]))
            if type(inside.get(key)) is dict and inside[key] and draw(st.integers(0, 4)):
                inside = inside[key]
                continue
            if draw(st.booleans()) or key not in inside:
                inside[key] = deepcopy(draw(ODD))
            else:
                del inside[key]
            break
        if not record:
            break
    return record


@settings(max_examples=400, deadline=None)
@given(changed_records(), st.sampled_from([UTC, timezone(timedelta(hours=-4))]))
def test_odd_events_are_the_same_read_quickly_or_plainly(record: dict[str, Any], zone: tzinfo) -> None:
    raw = orjson.dumps(record)
    for _ in range(2):
        assert described(normalise(raw, NOW, zone)) == described(plainly(raw, zone))


@pytest.mark.slow
def test_real_events_are_the_same_read_quickly_or_plainly(shared_data: Path) -> None:
    """On every thirtieth record of all files."""
    compared = 0
    for file in sorted((shared_data / "events").rglob("*.jsonl.gz")):
        for raw in gzip.decompress(file.read_bytes()).splitlines()[::30]:
            try:
                expected = described(plainly(raw))
            except DecodeError:
                continue
            normalise(raw, NOW)
            assert described(normalise(raw, NOW)) == expected
            compared += 1
    assert compared > 15_000
