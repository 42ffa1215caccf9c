"""Requests with spans to a real Jaeger."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.jaeger.server import Jaeger
from tocsin.telemetry.ids import span_id_of
from tocsin.telemetry.otlp import encode
from tocsin.telemetry.otlp_answer import CollectorAwayError, Sent, SpansRefusedError
from tocsin.telemetry.otlp_http import OtlpClient
from tocsin.telemetry.otlp_settings import OtlpSettings, otlp_settings
from tocsin.telemetry.spans import CONSUMER, PRODUCER, Resource, Span, SpanColumns, span_ids_of

pytestmark = pytest.mark.slow

_RESOURCE = Resource("tocsin-produce", "produce-1", "host-1", "0.1")
_NOW_NS = 1_700_000_000_000_000_000


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    with Jaeger(tmp_path_factory.mktemp("jaeger")) as jaeger:
        yield jaeger


def _settings(endpoint: str, **variables: str) -> OtlpSettings:
    settings = otlp_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **variables})
    assert settings is not None
    return settings


def _span(event_id: bytes, start_ns: int = _NOW_NS) -> Span:
    return Span(
        trace_id=event_id,
        span_id=span_id_of(event_id, "produce_event"),
        name="produce_event",
        start_ns=start_ns,
        end_ns=start_ns + 1_234_567,
        resource=_RESOURCE,
        parent_id=span_id_of(event_id, "before"),
        kind=PRODUCER,
        attributes={"offset": (1 << 62) + 1, "rule": "a\nb \N{BELL}", "is_alert": True, "tactics": ["x", "y"]},
        error="it broke",
        links=((bytes(range(16)), bytes(range(8))),),
    )


def _request(*spans: Span) -> bytes:
    """Encode spans of `_RESOURCE` with the official classes."""
    resource = {
        "service.name": _RESOURCE.service,
        "service.instance.id": _RESOURCE.instance,
        "host.name": _RESOURCE.host,
        "service.version": _RESOURCE.version,
    }
    of_resource = trace_pb2.ResourceSpans(
        resource=ResourceMessage(
            attributes=[KeyValue(key=key, value=_value(value)) for key, value in resource.items()]
        ),
        scope_spans=[trace_pb2.ScopeSpans(spans=[_message(span) for span in spans])],
    )
    return ExportTraceServiceRequest(resource_spans=[of_resource]).SerializeToString()


def _message(span: Span) -> trace_pb2.Span:
    return trace_pb2.Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=[KeyValue(key=key, value=_value(value)) for key, value in span.attributes.items()],
        status=trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message=span.error),
        links=[trace_pb2.Span.Link(trace_id=trace_id, span_id=span_id) for trace_id, span_id in span.links],
    )


def _value(value: object) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case list():
            message = AnyValue()
            message.array_value.values.extend(_value(each) for each in value)
            return message
    return AnyValue(string_value=str(value))


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_a_span_is_read_back_as_it_was_sent(jaeger: Jaeger, compression: str) -> None:
    span = _span(compression.ljust(16, "-").encode())
    settings = _settings(jaeger.otlp, OTEL_EXPORTER_OTLP_COMPRESSION=compression)
    with closing(OtlpClient(settings)) as client:
        assert client.send(_request(span)) == Sent()
    assert jaeger.trace(span.trace_id) == [span]
    assert "tocsin-produce" in jaeger.services()


def test_spans_in_columns_are_read_back_as_they_are_one_by_one(jaeger: Jaeger) -> None:
    event_ids = [b"columns %08d" % number for number in range(300)]
    trace_ids = np.frombuffer(b"".join(event_ids), np.uint8).reshape(-1, 16)
    begins_ns = _NOW_NS + np.arange(300)
    root = SpanColumns(
        name="produce_event",
        kind=PRODUCER,
        resource=_RESOURCE,
        trace_ids=trace_ids,
        span_ids=span_ids_of(event_ids, "produce_event"),
        parent_ids=None,
        start_ns=begins_ns,
        end_ns=begins_ns + 1_000_000,
        attributes={"a": "</script>\x1b[2J\x00", "is_alert": True, "minus": -1, "ratio": 0.5, "rule.id": ["x", "y"]},
        numbers={"padded": np.tile(np.array([0, 1, 127, 128, 1 << 40, (1 << 63) - 1]), 50)},
        texts={"messaging.message.id": np.frombuffer(trace_ids.tobytes().hex().encode(), np.uint8).reshape(-1, 32)},
    )
    child = replace(
        root,
        name="store_event",
        kind=CONSUMER,
        resource=Resource("tocsin-store"),
        span_ids=span_ids_of(event_ids, "store_event"),
        parent_ids=root.span_ids,
        error="no space left",
        links=[(trace_ids[::-1], root.span_ids[::-1])],
    )
    with closing(OtlpClient(_settings(jaeger.otlp))) as client:
        assert client.send(encode([root, child])) == Sent()
    for event_id, *spans in zip(event_ids, root.spans(), child.spans(), strict=True):
        assert jaeger.trace(event_id) == spans


def test_what_was_sent_twice_is_seen_twice_and_reading_changes_nothing(jaeger: Jaeger) -> None:
    span = _span(b"t" * 16)
    with closing(OtlpClient(_settings(jaeger.otlp))) as client:
        client.send(_request(span))
        client.send(_request(span))
    assert jaeger.trace(span.trace_id) == [span, span]
    assert jaeger.trace(span.trace_id) == [span, span]


def test_traces_are_found_by_service_and_time(jaeger: Jaeger) -> None:
    begin_ns = _NOW_NS + 3_600_000_000_000
    spans = [_span(b"found %010d" % number, begin_ns + number) for number in range(1000)]
    with closing(OtlpClient(_settings(jaeger.otlp))) as client:
        client.send(_request(*spans))
    found = jaeger.traces("tocsin-produce", begin_ns, begin_ns + 1999)
    assert found == {span.trace_id: [span] for span in spans}
    assert len(jaeger.traces(begin_ns=begin_ns + 500)) == 500
    assert jaeger.traces("nobody") == {}


@pytest.mark.parametrize("request_bytes", [b"\xff" * 40, b"\x0a\x06\x12\x04\x12\x02\x0a\x00garbage"])
def test_garbage_is_refused_with_jaegers_words(jaeger: Jaeger, request_bytes: bytes) -> None:
    with closing(OtlpClient(_settings(jaeger.otlp))) as client, pytest.raises(SpansRefusedError) as raised:
        client.send(request_bytes)
    assert raised.value.status == 400
    assert str(raised.value).startswith(
        f"{jaeger.otlp}/v1/traces: the collector refused spans: 400 Bad Request: proto: "
    )


def test_the_port_of_grpc_and_that_of_the_page_are_no_collector(jaeger: Jaeger) -> None:
    request = _request(_span(b"g" * 16))
    with closing(OtlpClient(_settings(jaeger.otlp_grpc))) as client, pytest.raises(CollectorAwayError) as away:
        client.send(request)
    assert "is it the port of gRPC (4317 as a rule)? OTLP over HTTP has 4318" in str(away.value)
    with closing(OtlpClient(_settings(jaeger.query))) as client, pytest.raises(SpansRefusedError) as refused:
        client.send(request)
    assert "a web page answers, no collector; is the path right?" in str(refused.value)


def test_a_jaeger_that_was_killed_is_written_to_again_by_the_same_client(jaeger: Jaeger) -> None:
    span = _span(b"k" * 16)
    with closing(OtlpClient(_settings(jaeger.otlp))) as client:
        client.send(_request(span))
        jaeger.kill()
        with pytest.raises(CollectorAwayError, match="cannot be reached: Connection refused"):
            client.send(_request(span))
        jaeger.start()
        assert jaeger.trace(span.trace_id) == []
        client.send(_request(span))
    assert jaeger.trace(span.trace_id) == [span]


def test_a_jaeger_that_stands_still_costs_the_timeout_and_no_more(jaeger: Jaeger) -> None:
    span = _span(b"p" * 16)
    settings = _settings(jaeger.otlp, OTEL_EXPORTER_OTLP_TIMEOUT="300")
    with closing(OtlpClient(settings)) as client:
        jaeger.pause()
        try:
            with pytest.raises(CollectorAwayError, match=r"no whole answer within 0\.3 seconds"):
                client.send(_request(span))
        finally:
            jaeger.resume()
        client.send(_request(span))
    assert span in jaeger.trace(span.trace_id)


def test_the_newest_traces_push_out_the_oldest(tmp_path: Path) -> None:
    with Jaeger(tmp_path, max_traces=10) as jaeger, closing(OtlpClient(_settings(jaeger.otlp))) as client:
        for number in range(12):
            client.send(_request(_span(b"%016d" % number)))
        assert set(jaeger.traces()) == {b"%016d" % number for number in range(2, 12)}
