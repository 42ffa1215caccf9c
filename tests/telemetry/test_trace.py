"""What was kept of an event becomes its trace: the right spans, each with its parent, times, process and attributes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tocsin.telemetry.ids import event_id_of, origin_of, span_id_of
from tocsin.telemetry.spans import CONSUMER, INTERNAL, PRODUCER, Resource, Span
from tocsin.telemetry.stage_times import LINK, StageTimes
from tocsin.telemetry.trace import TracedEvents, spans_of

_NOON_US = 1_768_219_200_000_000
_ID = event_id_of(origin_of("test"), 1, b"one")
_PRODUCE = StageTimes("produce", _NOON_US + 100, (), 5, "produce-0", "a", "1.0")
_CLASSIFY = StageTimes("classify", _NOON_US + 1_000, (10, 30, 60, 100), 6, "classify-0", "b", "1.0")
_STORE = StageTimes("store", _NOON_US + 5_000, (), 7, "store-0", "c", "1.0")
_WRITE = StageTimes("write", _NOON_US + 6_000, (100, 300, 600), 8, "w0-000000000001")
_PARTS = (_PRODUCE, _CLASSIFY, _STORE, _WRITE)
_NAMES = [
    "produce_event", "consume_event", "normalize_event", "classify_event", "publish_event", "store_event", "write_csv",
    "write_parquet",
]  # fmt: skip


def _one(parts: Sequence[StageTimes] = _PARTS, **changes: Any) -> TracedEvents:
    zero = np.zeros(1, np.int64)
    events = TracedEvents(
        trace_ids=np.frombuffer(_ID, np.uint8).reshape(1, 16),
        ingest_us=np.array([_NOON_US]),
        traces=[parts],
        trace=zero,
        places=[("raw-events", 3)],
        place=zero,
        offsets=np.array([17]),
        verdicts=[{"rule.id": ["r1"], "tocsin.level": "high"}],
        verdict=zero,
    )
    return replace(events, **changes)


def _spans(events: TracedEvents, system: str = "kafka") -> dict[str, Span]:
    return {span.name: span for group in spans_of(events, system) for span in group.spans()}


def test_a_trace_has_a_span_for_each_step_from_one_root_on() -> None:
    spans = _spans(_one())
    assert list(spans) == _NAMES
    assert {span.trace_id for span in spans.values()} == {_ID}
    assert {name: span.span_id for name, span in spans.items()} == {name: span_id_of(_ID, name) for name in _NAMES}
    parents = {span.span_id: span.name for span in spans.values()} | {b"": ""}
    assert [parents[spans[name].parent_id] for name in _NAMES] == ["", *_NAMES[:6], "store_event"]
    assert [spans[name].kind for name in _NAMES] == [
        PRODUCER, CONSUMER, INTERNAL, INTERNAL, PRODUCER, CONSUMER, INTERNAL, INTERNAL,
    ]  # fmt: skip


def test_times_are_those_of_the_steps_and_one_step_ends_where_the_next_begins() -> None:
    spans = _spans(_one())
    times = {name: (span.start_ns // 1000 - _NOON_US, span.end_ns // 1000 - _NOON_US) for name, span in spans.items()}
    assert times == {
        "produce_event": (0, 100),
        "consume_event": (1_000, 1_010),
        "normalize_event": (1_010, 1_030),
        "classify_event": (1_030, 1_060),
        "publish_event": (1_060, 1_100),
        "store_event": (5_000, 6_600),
        "write_csv": (6_100, 6_600),
        "write_parquet": (6_000, 6_600),
    }


def test_each_span_is_of_the_process_that_did_it() -> None:
    spans = _spans(_one())
    assert spans["produce_event"].resource == Resource("tocsin-produce", "produce-0", "a", "1.0")
    assert spans["publish_event"].resource == Resource("tocsin-classify", "classify-0", "b", "1.0")
    assert spans["write_csv"].resource == Resource("tocsin-store", "store-0", "c", "1.0")


def test_spans_say_where_the_record_lay_and_what_was_found() -> None:
    spans = _spans(_one())
    assert spans["consume_event"].attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "raw-events",
        "messaging.consumer.group.name": "tocsin-classify",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 17,
        "messaging.message.id": _ID.hex(),
        "tocsin.batch.size": 6,
    }
    assert spans["classify_event"].attributes == {"rule.id": ["r1"], "tocsin.level": "high", "tocsin.batch.size": 6}
    assert spans["publish_event"].attributes["messaging.destination.name"] == "classified-events"
    assert "messaging.kafka.offset" not in spans["publish_event"].attributes
    assert spans["write_csv"].attributes == {"tocsin.commit": "w0-000000000001", "tocsin.batch.size": 8}


@pytest.mark.parametrize(
    ("parts", "names", "root"),
    [
        ((_CLASSIFY, _STORE, _WRITE), _NAMES[1:], "consume_event"),
        ((_PRODUCE, _STORE, _WRITE), ["produce_event", *_NAMES[5:]], "produce_event"),
        ((_STORE, _WRITE), _NAMES[5:], "store_event"),
        ((_PRODUCE, _CLASSIFY), _NAMES[:5], "produce_event"),
        ((), [], ""),
        ((StageTimes("classify", _NOON_US, (1,), 1),), [], ""),
    ],
)
def test_where_a_stage_kept_nothing_its_spans_are_missing_and_the_rest_hang_together(
    parts: Sequence[StageTimes], names: Sequence[str], root: str
) -> None:
    spans = _spans(_one(parts))
    assert list(spans) == list(names)
    assert [name for name, span in spans.items() if not span.parent_id] == ([root] if root else [])
    ids = {span.span_id for span in spans.values()}
    assert all(span.parent_id in ids for span in spans.values() if span.parent_id)


def test_clocks_that_disagree_are_flagged_and_not_corrected() -> None:
    late = StageTimes("produce", _NOON_US + 1_500, (), 5, "produce-0", "a", "1.0")
    spans = _spans(_one((late, *_PARTS[1:])))
    assert spans["consume_event"].attributes["tocsin.clock.disagreement_us"] == 500
    assert spans["consume_event"].start_ns == (_NOON_US + 1_000) * 1000
    assert "tocsin.clock.disagreement_us" not in spans["store_event"].attributes


def test_a_record_that_came_with_a_trace_of_others_is_linked_to_it() -> None:
    part = StageTimes(LINK, 0, (), 0, "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01")
    spans = _spans(_one((part, *_PARTS[1:])))
    assert spans["consume_event"].links == ((b"\xab" * 16, b"\xcd" * 8),)
    assert not spans["store_event"].links


@pytest.mark.parametrize(
    "text", ["", "00", "00-" + "0" * 32 + "-" + "cd" * 8 + "-01", "00-" + "x" * 32 + "-" + "y" * 16]
)
def test_what_is_no_traceparent_is_no_link(text: str) -> None:
    assert not _spans(_one((StageTimes(LINK, 0, (), 0, text), *_PARTS[1:])))["consume_event"].links


@pytest.mark.parametrize(
    ("stage", "erring"), [("produce", "produce_event"), ("classify", "normalize_event"), ("store", "store_event")]
)
def test_a_dead_letter_marks_the_span_where_it_could_not_be_read(stage: str, erring: str) -> None:
    events = _one(
        places=[("dead-letters", 0)], verdict=None, errors=[(stage, "not_json: line 1")], error=np.zeros(1, np.int64)
    )
    spans = _spans(events)
    assert list(spans) == [name for name in _NAMES if name not in ("classify_event", "write_csv")]
    assert {name: span.error for name, span in spans.items() if span.error} == {erring: "not_json: line 1"}
    assert spans["publish_event"].attributes["messaging.destination.name"] == "dead-letters"
    assert spans["store_event"].attributes["messaging.kafka.offset"] == 17


def test_many_events_have_the_traces_that_each_has_alone() -> None:
    count = 500
    number = np.arange(count)
    ids = [event_id_of(origin_of("test"), each, b"") for each in range(count)]
    many = TracedEvents(
        trace_ids=np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 16),
        ingest_us=_NOON_US + number,
        traces=[_PARTS, _PARTS[1:], (StageTimes("produce", _NOON_US + 9_000, (), 9, "p", "a"), *_PARTS[1:])],
        trace=number % 3,
        places=[("raw-events", 0), ("raw-events", 1)],
        place=number // 7 % 2,
        offsets=number * 10,
        verdicts=[{}, {"rule.id": ["r1", "r2"]}],
        verdict=number // 11 % 2,
    )
    together = {(span.trace_id, span.name): span for group in spans_of(many, "kafka") for span in group.spans()}
    alone = {
        (span.trace_id, span.name): span
        for piece in many.pieces(1)
        for group in spans_of(piece, "kafka")
        for span in group.spans()
    }
    assert len(alone) == 8 * count - (count + 1) // 3
    assert together == alone


def test_no_events_have_no_spans() -> None:
    assert spans_of(replace(_one(), trace_ids=np.zeros((0, 16), np.uint8)), "kafka") == []
