"""Spans in OTLP's JSON: what is read of them, and what is none."""

from contextlib import suppress
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telemetry.answering import jaeger_answer
from tests.telemetry.traced import trace_spans
from tocsin.errors import DecodeError
from tocsin.telemetry.otlp_json import ResourceSpans, spans_in
from tocsin.telemetry.spans import Span

_IDS = {"traceId": "01" * 16, "spanId": "02" * 8}


def _read(*spans: dict[str, Any], **resource: Any) -> list[Span]:
    parts = [{"resource": resource, "scopeSpans": [{"spans": [_IDS | span for span in spans]}]}]
    return spans_in(msgspec.json.decode(orjson.dumps(parts), type=list[ResourceSpans], strict=False))


def test_all_of_a_trace_is_read() -> None:
    parts = orjson.dumps(orjson.loads(jaeger_answer(trace_spans()))["result"]["resourceSpans"])
    assert spans_in(msgspec.json.decode(parts, type=list[ResourceSpans], strict=False)) == trace_spans()


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"stringValue": "12"}, "12"),
        ({"stringValue": ""}, ""),
        ({"boolValue": False}, False),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 7}, 7),
        ({"doubleValue": "Infinity"}, float("inf")),
        ({"bytesValue": "AAE="}, "AAE="),
        ({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}, ("a", "1")),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": True}}]}}, '{"a":true}'),
        ({"arrayValue": {}}, ()),
        ({}, ""),
        ({"of a later version": 1}, ""),
    ],
)
def test_each_kind_of_value_is_read(value: dict[str, Any], read: object) -> None:
    (span,) = _read({"attributes": [{"key": "k", "value": value}]})
    assert span.attributes == {"k": read}


def test_what_is_left_out_has_the_value_of_protobuf() -> None:
    (span,) = _read({})
    assert (span.name, span.kind, span.start_ns, span.parent_id, span.error) == ("", 0, 0, b"", "")
    assert _read({"parentSpanId": "00" * 8})[0].parent_id == b""


def test_an_error_without_a_message_is_an_error() -> None:
    assert _read({"status": {"code": 2}})[0].error == "an error without a message"
    assert _read({"status": {"code": 1, "message": "fine"}})[0].error == ""


@pytest.mark.parametrize(
    "span",
    [
        {"traceId": "01"},
        {"spanId": "g" * 16},
        {"spanId": ""},
        {"spanId": "٣" * 16},
        {"parentSpanId": "1"},
        {"startTimeUnixNano": str(2**64)},
        {"links": [{"traceId": "", "spanId": ""}]},
    ],
)
def test_what_is_no_id_or_time_is_an_error(span: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        _read(span)


def test_an_attribute_nested_without_end_is_an_error() -> None:
    value: dict[str, Any] = {"stringValue": "deep"}
    for _ in range(40):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(DecodeError, match="nested deeper"):
        _read({"attributes": [{"key": "k", "value": value}]})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["spanId", "name", "kind", "attributes", "status", "links", "endTimeUnixNano"]), _JSON)
def test_no_json_breaks_the_reader(name: str, value: object) -> None:
    with suppress(DecodeError, msgspec.ValidationError):
        assert len(_read({name: value})) == 1
