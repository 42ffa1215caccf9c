"""Spans as OTLP by the official protobuf classes, built field by field: what ours are held against."""

from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tocsin import __version__
from tocsin.telemetry.spans import CONSUMER, SERVER, Resource, Span, Value

_SAMPLED = 1


def official_request(spans: Sequence[Span]) -> ExportTraceServiceRequest:
    """Return the request that `encode` is to make of the same spans."""
    request = ExportTraceServiceRequest()
    scopes: dict[Resource, trace_pb2.ScopeSpans] = {}
    for span in spans:
        if span.resource not in scopes:
            scopes[span.resource] = _scope_of(request.resource_spans.add(), span.resource)
        _fill(scopes[span.resource].spans.add(), span)
    return request


def _scope_of(resource_spans: trace_pb2.ResourceSpans, resource: Resource) -> trace_pb2.ScopeSpans:
    described = [
        ("service.namespace", "tocsin"),
        ("service.name", resource.service),
        ("service.instance.id", resource.instance),
        ("service.version", resource.version),
        ("host.name", resource.host),
    ]
    for key, value in described:
        if value:
            resource_spans.resource.attributes.add(key=key).value.string_value = value
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "tocsin"
    scope_spans.scope.version = __version__
    return scope_spans


def _fill(message: trace_pb2.Span, span: Span) -> None:
    message.trace_id = span.trace_id
    message.span_id = span.span_id
    message.parent_span_id = span.parent_id
    message.name = span.name
    message.kind = trace_pb2.Span.SpanKind.ValueType(span.kind)
    message.start_time_unix_nano = span.start_ns
    message.end_time_unix_nano = span.end_ns
    for key, value in span.attributes.items():
        attribute = message.attributes.add()
        attribute.key = key
        _set(attribute.value, value)
    for trace_id, span_id in span.links:
        message.links.add(trace_id=trace_id, span_id=span_id)
    if span.error:
        message.status.code = trace_pb2.Status.STATUS_CODE_ERROR
        message.status.message = span.error
    message.flags = _SAMPLED | trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
    if span.parent_id and span.kind in (CONSUMER, SERVER):
        message.flags |= trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK


def _set(attribute: AnyValue, value: Value) -> None:
    if isinstance(value, str):
        attribute.string_value = value
    elif isinstance(value, bool):
        attribute.bool_value = value
    elif isinstance(value, int):
        attribute.int_value = value
    elif isinstance(value, float):
        attribute.double_value = value
    else:
        attribute.array_value.SetInParent()  # an empty list is a list
        for each in value:
            attribute.array_value.values.add().string_value = each
