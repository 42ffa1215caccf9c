"""Fields of protobuf messages, held against the official classes."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as some
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tocsin.telemetry.protobuf_fields import field_of


@given(some.integers(0, (1 << 63) - 1), some.text())
def test_a_message_is_read_as_the_official_classes_wrote_it(rejected: int, message: str) -> None:
    written = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message).SerializeToString()
    assert field_of(written, 1, 0) == rejected
    assert field_of(written, 2, b"").decode() == message


def test_fields_of_every_wire_type_are_passed_over() -> None:
    span = Span(trace_id=b"t" * 16, start_time_unix_nano=1, flags=3, kind=Span.SPAN_KIND_PRODUCER, name="after")
    written = span.SerializeToString()  # flags: fixed32, start: fixed64, kind: varint
    assert (field_of(written, 5, b""), field_of(written, 6, 0)) == (b"after", 4)
    assert field_of(written, 99, b"default") == b"default"


@given(some.binary(max_size=60))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    with suppress(ValueError):
        field_of(message, 1, 0)
