"""What a stage tells of its own batches."""

from dataclasses import replace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.telemetry.official_otlp import official_request
from tocsin.telemetry.batch_spans import SPANS_OF_A_BATCH, TracedBatch, batch_spans_of
from tocsin.telemetry.ids import span_id_of
from tocsin.telemetry.otlp import encode
from tocsin.telemetry.spans import CLIENT, INTERNAL, Resource, Span

_RESOURCE = Resource("tocsin-classify", "classify-0", "node", "1")
_EVENTS = (b"\x01" * 16, b"\x02" * 16)
_BATCH = TracedBatch(1_000, (1_010, 1_030, 1_035), 500, 0, 0, "", _EVENTS)


def _spans(stage: str = "classify", batch: TracedBatch = _BATCH, system: str = "kafka") -> list[Span]:
    return [span for group in batch_spans_of(stage, _RESOURCE, system, batch) for span in group.spans()]


def test_a_batch_is_read_worked_on_and_handed_over_one_after_the_other() -> None:
    spans = _spans()
    assert len(spans) == SPANS_OF_A_BATCH
    assert [(span.name, span.kind) for span in spans] == [
        ("poll raw-events", CLIENT),
        ("process raw-events", INTERNAL),
        ("commit raw-events", CLIENT),
    ]
    assert [(span.start_ns, span.end_ns) for span in spans] == [
        (1_000_000, 1_010_000),
        (1_010_000, 1_030_000),
        (1_030_000, 1_035_000),
    ]
    assert [span.parent_id for span in spans] == [b"", spans[0].span_id, spans[0].span_id]
    assert len({span.trace_id for span in spans}) == 1
    assert len({span.span_id for span in spans}) == 3


def test_the_poll_is_linked_to_what_created_its_events() -> None:
    poll, *others = _spans()
    assert poll.links == tuple((event, span_id_of(event, "produce_event")) for event in _EVENTS)
    assert [span.links for span in others] == [(), ()]
    assert _spans("store")[0].links == tuple((event, span_id_of(event, "publish_event")) for event in _EVENTS)


def test_attributes_are_those_of_the_conventions_for_messaging() -> None:
    assert _spans()[0].attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "poll",
        "messaging.operation.type": "receive",
        "messaging.destination.name": "raw-events",
        "messaging.consumer.group.name": "tocsin-classify",
        "messaging.batch.message_count": 500,
    }
    assert [span.name for span in _spans("store")] == [
        "poll classified-events",
        "process classified-events",
        "commit classified-events",
    ]
    assert [span.name for span in _spans("produce")] == ["read_batch", "stamp_batch", "send raw-events"]
    assert _spans("produce")[0].attributes == {"messaging.batch.message_count": 500}


def test_what_went_wrong_marks_the_span_it_went_wrong_in() -> None:
    poll, process, commit = _spans(batch=_BATCH._replace(dead_letters=3, retries=2, error="no leader"))
    assert not poll.error and not process.error
    assert commit.error == "no leader"
    assert commit.attributes["tocsin.retries"] == 2
    assert process.attributes["tocsin.dead_letters"] == 3


def test_two_processes_and_two_batches_have_traces_of_their_own() -> None:
    other = replace(_RESOURCE, instance="classify-1")
    spans = [
        *batch_spans_of("classify", _RESOURCE, "kafka", _BATCH),
        *batch_spans_of("classify", other, "kafka", _BATCH),
        *batch_spans_of("classify", _RESOURCE, "kafka", _BATCH._replace(start_us=1_001)),
    ]
    assert len({span.trace_ids.tobytes() for span in spans}) == 3


@pytest.mark.parametrize("links", [0, 1, 32])
def test_the_official_classes_read_the_same(links: int) -> None:
    batch = _BATCH._replace(event_ids=[bytes([number + 1] * 16) for number in range(links)], error="ärger")
    groups = batch_spans_of("store", _RESOURCE, "tocsin", batch)
    request = ExportTraceServiceRequest.FromString(encode(groups))
    assert request == official_request([span for group in groups for span in group.spans()])
    assert len(request.resource_spans[0].scope_spans[0].spans[0].links) == links
