"""Read spans from OTLP in JSON.

Terms: opentelemetry-proto 1.x, trace/v1/trace.proto, in the JSON of the OTLP specification: ids in hex, numbers of
64 bits as text. What Tocsin has no word for (events, trace state, scopes) is left out.
"""

import re
from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec

from tocsin.errors import DecodeError
from tocsin.telemetry.spans import Resource, Span, Value

_Unsigned: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]

_ERROR = 2  # StatusCode
_KINDS = range(1, 6)
_HEX = re.compile(r"[0-9a-fA-F]+")
_NESTED_LEVELS = 32


class _Any(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | None = None
    double_value: float | None = None
    bytes_value: str | None = None  # base64
    array_value: "_Array | None" = None
    kvlist_value: "_Pairs | None" = None


class _Array(msgspec.Struct):
    values: list[_Any] = []


class _Pair(msgspec.Struct):
    key: str = ""
    value: _Any = msgspec.field(default_factory=_Any)


class _Pairs(msgspec.Struct):
    values: list[_Pair] = []


class _Link(msgspec.Struct, rename="camel"):
    trace_id: str
    span_id: str


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str
    span_id: str
    parent_span_id: str = ""
    name: str = ""
    kind: int = 0
    start_time_unix_nano: _Unsigned = 0
    end_time_unix_nano: _Unsigned = 0
    attributes: list[_Pair] = []
    status: _Status = msgspec.field(default_factory=_Status)
    links: list[_Link] = []


class _Scope(msgspec.Struct):
    spans: list[_Span] = []


class _Resource(msgspec.Struct):
    attributes: list[_Pair] = []


class ResourceSpans(msgspec.Struct, rename="camel"):
    """The spans of one process, as they stand in JSON; decode them with `strict=False`."""

    resource: _Resource = msgspec.field(default_factory=_Resource)
    scope_spans: list[_Scope] = []


def spans_in(parts: Sequence[ResourceSpans]) -> list[Span]:
    """Return the spans in the order they stand in. Raises DecodeError where an id is none."""
    return [
        _span(span, resource)
        for part in parts
        for resource in (_resource(_attributes(part.resource.attributes)),)
        for scope in part.scope_spans
        for span in scope.spans
    ]


def _span(span: _Span, resource: Resource) -> Span:
    return Span(
        trace_id=_id(span.trace_id, 16),
        span_id=_id(span.span_id, 8),
        name=span.name,
        start_ns=_time(span.start_time_unix_nano),
        end_ns=_time(span.end_time_unix_nano),
        resource=resource,
        parent_id=_parent(span.parent_span_id),
        kind=span.kind if span.kind in _KINDS else 0,
        attributes=_attributes(span.attributes),
        error=(span.status.message or "an error without a message") if span.status.code == _ERROR else "",
        links=tuple((_id(link.trace_id, 16), _id(link.span_id, 8)) for link in span.links),
    )


def _resource(attributes: dict[str, Value]) -> Resource:
    names = ("service.name", "service.instance.id", "host.name", "service.version")
    return Resource(*(str(attributes.get(name, "")) for name in names))


def _id(text: str, size: int) -> bytes:
    if len(text) != 2 * size or not _HEX.fullmatch(text):
        raise DecodeError("not_otlp", f"`{text[:80]}` is no id of {2 * size} hex digits")
    return bytes.fromhex(text)


def _time(ns: int) -> int:
    if ns >> 64:
        raise DecodeError("not_otlp", "a time has more than 64 bits")
    return ns


def _parent(text: str) -> bytes:
    parent = _id(text, 8) if text else b""
    return parent if any(parent) else b""


def _attributes(pairs: Sequence[_Pair]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: _Any) -> Value:
    """Return what it holds; lists as texts, and what is nested deeper as JSON."""
    if value.array_value is not None:
        return tuple(item if isinstance(item, str) else _json(item) for item in map(_plain, value.array_value.values))
    plain = _plain(value)
    return plain if isinstance(plain, str | bool | int | float) else _json(plain)


def _plain(value: _Any, level: int = 0) -> object:
    if level > _NESTED_LEVELS:
        raise DecodeError("not_otlp", f"an attribute is nested deeper than {_NESTED_LEVELS} levels")
    if value.array_value is not None:
        return [_plain(item, level + 1) for item in value.array_value.values]
    if value.kvlist_value is not None:
        return {pair.key: _plain(pair.value, level + 1) for pair in value.kvlist_value.values}
    if value.int_value is not None and value.int_value >> 63 not in (0, -1):
        raise DecodeError("not_otlp", "an integer has more than 64 bits")
    simple = (value.string_value, value.bool_value, value.int_value, value.double_value, value.bytes_value)
    return next((one for one in simple if one is not None), "")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
