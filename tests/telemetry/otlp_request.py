"""Put spans into OTLP by the official classes of OpenTelemetry."""

from collections.abc import Iterable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from tocsin.telemetry.spans import Span, Value


def otlp_request(spans: Iterable[Span]) -> bytes:
    """Return what is posted to a collector's `/v1/traces`, as protobuf."""
    request = ExportTraceServiceRequest(resource_spans=[_resource_spans(span) for span in spans])
    return bytes(request.SerializeToString())


def _resource_spans(span: Span) -> ResourceSpans:
    resource = {
        "service.name": span.resource.service,
        "service.instance.id": span.resource.instance,
        "host.name": span.resource.host,
        "service.version": span.resource.version,
    }
    return ResourceSpans(
        resource=Resource(attributes=[_pair(*item) for item in resource.items()]),
        scope_spans=[ScopeSpans(spans=[_span(span)])],
    )


def _span(span: Span) -> OtlpSpan:
    return OtlpSpan(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        name=span.name,
        kind=OtlpSpan.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=[_pair(*item) for item in span.attributes.items()],
        status=Status(code=Status.STATUS_CODE_ERROR, message=span.error) if span.error else None,
        links=[OtlpSpan.Link(trace_id=trace_id, span_id=span_id) for trace_id, span_id in span.links],
    )


def _pair(key: str, value: Value) -> KeyValue:
    return KeyValue(key=key, value=_any(value))


def _any(value: Value) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=map(_any, value)))
