"""What a stage tells of itself is sent, waits for a collector that is away, or is dropped and counted."""

from collections.abc import Sequence
from contextlib import closing

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.telemetry.collector import Collector, Reply
from tests.waiting import until
from tocsin.telemetry import span_sender
from tocsin.telemetry.otlp_http import OtlpClient
from tocsin.telemetry.otlp_settings import OtlpSettings
from tocsin.telemetry.span_sender import SpanSender
from tocsin.telemetry.spans import INTERNAL, Resource, SpanColumns


@pytest.fixture(autouse=True)
def no_proxy_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(span_sender, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(span_sender, "_LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(span_sender, "_FINAL_SECONDS", 0.2)


def _spans_of(name: str) -> Sequence[SpanColumns]:
    if name == "bad":
        raise ValueError("no span can be made of it")
    ids = np.ones((1, 16), np.uint8)
    time = np.array([1], np.int64)
    return [SpanColumns(name, INTERNAL, Resource("tocsin-test"), ids, ids[:, :8], None, time, time)]


def _sender(place: str) -> SpanSender[str]:
    settings = OtlpSettings(f"http://{place}/v1/traces", is_gzip=False)
    return SpanSender(OtlpClient(settings), _spans_of, 1)


def _names(collector: Collector) -> list[str]:
    requests = [ExportTraceServiceRequest.FromString(received.body) for received in collector.received]
    return [span.name for request in requests for each in request.resource_spans for span in each.scope_spans[0].spans]


def test_what_is_told_is_sent_in_turn() -> None:
    with Collector() as collector, closing(_sender(collector.place)) as sender:
        for number in range(500):
            sender.tell(str(number))
        until(lambda: sender.counts.get("sent") == 500)
        assert _names(collector) == [str(number) for number in range(500)]


def test_what_is_left_at_the_end_is_sent() -> None:
    with Collector() as collector:
        sender = _sender(collector.place)
        sender.tell("last")
        sender.close()
        assert _names(collector) == ["last"]
        assert sender.counts == {"sent": 1}


@pytest.mark.parametrize("reply", [Reply(503), Reply(429, headers={"Retry-After": "0"})])
def test_a_collector_that_is_away_is_sent_the_same_once_it_is_back(reply: Reply) -> None:
    with Collector(reply, reply, Reply()) as collector, closing(_sender(collector.place)) as sender:
        sender.tell("kept")
        until(lambda: sender.counts.get("sent") == 1)
        assert _names(collector) == ["kept"] * 3


def test_while_a_collector_is_away_the_newest_wait_and_the_others_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(span_sender, "_WAITING_MOST", 10)
    sender = _sender("127.0.0.1:9")  # nobody listens there
    for number in range(25):
        sender.tell(str(number))
    sender.close()
    assert sender.counts == {"dropped": 25}
    assert "25 spans of batches were dropped" in caplog.text
    assert "127.0.0.1:9" in caplog.text


def test_a_collector_that_never_answers_does_not_keep_a_stage_from_its_end() -> None:
    with Collector() as collector:
        collector.may_answer.clear()
        sender = _sender(collector.place)
        sender.tell("held up")
        collector.has_received.wait(10)
        sender.close()
        assert sender.counts == {"dropped": 1}


def _partly(rejected: int) -> Reply:
    success = ExportTracePartialSuccess(rejected_spans=rejected, error_message="too old")
    return Reply(200, ExportTraceServiceResponse(partial_success=success).SerializeToString())


@pytest.mark.parametrize(
    ("reply", "counts"),
    [
        (Reply(400), {"refused": 1, "sent": 1}),
        (_partly(1), {"sent": 1, "rejected": 1}),
        (_partly((1 << 63) - 1), {"sent": 1, "rejected": 1}),
        (_partly(-5), {"sent": 2}),
    ],
)
def test_what_the_collector_does_not_keep_is_counted_and_the_next_goes_on(reply: Reply, counts: dict[str, int]) -> None:
    with Collector(reply, Reply()) as collector, closing(_sender(collector.place)) as sender:
        sender.tell("first")
        until(lambda: len(collector.received) == 1)
        sender.tell("second")
        until(lambda: len(collector.received) == 2)
        until(lambda: sum(sender.counts.values()) == 2)
        assert {name: count for name, count in sender.counts.items() if count} == counts


def test_what_no_span_can_be_made_of_is_counted_and_the_thread_lives_on() -> None:
    with Collector() as collector, closing(_sender(collector.place)) as sender:
        sender.tell("bad")
        until(lambda: sender.counts.get("dropped") == 1)
        sender.tell("good")
        until(lambda: sender.counts.get("sent") == 1)
        assert _names(collector) == ["good"]
