"""A trace as one JSON object."""

from dataclasses import replace

import orjson

from tests.telemetry.traced import EVENT_ID, MS, START_NS, moved, trace_spans
from tocsin.stats.trace_json import trace_object
from tocsin.telemetry.spans import Value


def test_ids_are_in_hex_and_times_in_nanoseconds_and_iso() -> None:
    spans = trace_spans()
    spans[0] = replace(spans[0], end_ns=START_NS + 1_900_789, error="no leader", links=((EVENT_ID, b"\x02" * 8),))
    whole = trace_object(spans)
    assert whole["event_id"] == EVENT_ID.hex()
    assert whole["facts"]["level"] == "medium"
    assert whole["spans"][0] == {
        "span_id": spans[0].span_id.hex(),
        "parent_id": None,
        "name": "produce_event",
        "kind": "producer",
        "service": "tocsin-produce",
        "instance": "produce-0",
        "host": "ws-017",
        "version": "0.1.0",
        "start": "2026-01-12T06:00:00.000123000Z",
        "end": "2026-01-12T06:00:00.002023789Z",
        "start_ns": START_NS,
        "end_ns": START_NS + 1_900_789,
        "duration_ns": 1_900_789,
        "attributes": {"messaging.system": "kafka"},
        "error": "no leader",
        "links": [{"trace_id": EVENT_ID.hex(), "span_id": "02" * 8}],
    }
    assert whole["spans"][1]["parent_id"] == spans[0].span_id.hex()


def test_gaps_name_the_spans_they_lie_between() -> None:
    spans = trace_spans()
    gaps = trace_object(spans)["gaps"]
    assert [gap["name"] for gap in gaps] == ["in Kafka", "waiting", "in Kafka"]
    assert gaps[0] == {
        "name": "in Kafka",
        "parent": spans[0].span_id.hex(),
        "child": spans[1].span_id.hex(),
        "start": "2026-01-12T06:00:00.002023000Z",
        "end": "2026-01-12T06:00:01.202023000Z",
        "start_ns": spans[0].end_ns,
        "end_ns": spans[1].start_ns,
        "duration_ns": 1_200 * MS,
    }


def test_clocks_that_disagree_and_what_is_odd_are_in_it() -> None:
    spans = trace_spans()
    spans = [spans[0], *moved(spans[1:4], -1_203 * MS), replace(spans[4], parent_id=b"\x07" * 8)]
    whole = trace_object(spans)
    assert whole["disagreements"] == [
        {
            "parent": spans[0].span_id.hex(),
            "child": spans[1].span_id.hex(),
            "ns": 3 * MS,
            "text": "clocks disagree by 3 ms: produce on ws-017, classify on node-a",
        }
    ]
    assert "publish_event: its parent 0707070707070707 is not in the trace" in whole["remarks"]


def test_all_of_it_can_be_written_as_json() -> None:
    spans = trace_spans()
    attributes: dict[str, Value] = {"infinite": float("inf"), "list": ("a", "b"), "large": 2**63 - 1, "hit": True}
    spans[0] = replace(spans[0], attributes=attributes, start_ns=0, end_ns=2**64 - 1, kind=9)
    (first, *_) = orjson.loads(orjson.dumps(trace_object(spans)))["spans"]
    assert first["attributes"] == {"infinite": None, "list": ["a", "b"], "large": 2**63 - 1, "hit": True}
    assert (first["end_ns"], first["kind"]) == (2**64 - 1, "unspecified")
