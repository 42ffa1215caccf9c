"""What is sent is what the official protobuf classes make of the same spans, one by one."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.telemetry.official_otlp import official_request
from tocsin.telemetry.otlp import encode, encode_pieces
from tocsin.telemetry.spans import CONSUMER, INTERNAL, PRODUCER, Ids, Numbers, Resource, SpanColumns

_MAX_INT64 = (1 << 63) - 1
_ROWS_OF_SEVERAL_BLOCKS = 1000

_STAGE = Resource("tocsin-classify", "1", "node-7", "0.1.0")

_TEXTS = st.text(max_size=12) | st.text(
    min_size=120, max_size=140
)  # a length below 128, and one above, takes a byte more
_NAMES = st.sampled_from(["a", "messaging.kafka.offset", "", "\N{SNOWMAN}"])  # few: some are in several places
_INTEGERS = st.integers(0, 63).flatmap(lambda bits: st.integers(0, (1 << bits) - 1))
_VALUES = (
    _TEXTS
    | st.booleans()
    | st.sampled_from([0, 1, 0.0, -0.0, 1.0])  # equal to one another, and to False and True
    | st.integers(-(1 << 63), _MAX_INT64)
    | st.floats()
    | st.lists(_TEXTS, max_size=3)
)
_RESOURCES = st.sampled_from([_STAGE, Resource("tocsin-produce"), Resource("tocsin-store", host="\N{SNOWMAN}" * 50)])


def _ids(rows: int, width: int) -> st.SearchStrategy[Ids]:
    size = rows * width
    return st.binary(min_size=size, max_size=size).map(lambda raw: np.frombuffer(raw, np.uint8).reshape(rows, width))


def _numbers(rows: int) -> st.SearchStrategy[Numbers]:
    return st.lists(_INTEGERS, min_size=rows, max_size=rows).map(lambda numbers: np.array(numbers, np.int64))


def _ascii(rows: int) -> st.SearchStrategy[Ids]:
    return st.sampled_from([0, 1, 8, 40, 130]).flatmap(lambda length: _ids(rows, length)).map(_as_ascii)


def _as_ascii(raw: Ids) -> Ids:
    return np.bitwise_and(raw, 0x7F, dtype=np.uint8)


@st.composite
def _groups(draw: st.DrawFn) -> SpanColumns:
    rows = draw(st.integers(0, 4))
    return SpanColumns(
        name=draw(_TEXTS),
        kind=draw(st.integers(1, 5)),
        resource=draw(_RESOURCES),
        trace_ids=draw(_ids(rows, 16)),
        span_ids=draw(_ids(rows, 8)),
        parent_ids=draw(st.none() | _ids(rows, 8)),
        start_ns=draw(_numbers(rows)),
        end_ns=draw(_numbers(rows)),
        attributes=draw(st.dictionaries(_NAMES, _VALUES, max_size=3)),
        numbers=draw(st.dictionaries(_NAMES, _numbers(rows), max_size=3)),
        texts=draw(st.dictionaries(_NAMES, _ascii(rows), max_size=2)),
        error=draw(st.just("") | _TEXTS),
        links=draw(st.lists(st.tuples(_ids(rows, 16), _ids(rows, 8)), max_size=3)),
    )


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first text in a fresh checkout takes a second
@given(st.lists(_groups(), max_size=4))
def test_what_is_encoded_reads_as_what_the_official_classes_hold(groups: list[SpanColumns]) -> None:
    _assert_reads_as_official(groups)


def test_a_group_of_several_blocks_reads_as_what_the_official_classes_hold() -> None:
    assert len(_assert_reads_as_official([_group(_ROWS_OF_SEVERAL_BLOCKS)])) == _ROWS_OF_SEVERAL_BLOCKS


def test_columns_that_are_every_other_row_of_others_are_read_as_such() -> None:
    group = _group(20)
    _assert_reads_as_official(
        [
            replace(
                group,
                trace_ids=group.trace_ids[::2],
                span_ids=group.span_ids[::2],
                parent_ids=np.asfortranarray(group.span_ids[1::2]),
                start_ns=group.start_ns[::2],
                end_ns=group.end_ns[::2],
                numbers={"messaging.kafka.offset": group.end_ns[::2]},
                texts={"id": group.texts["id"][::2]},
            )
        ]
    )


def test_no_spans_are_an_empty_request() -> None:
    assert encode([]) == encode([_group(0)]) == b""


def test_spans_of_one_resource_stand_together() -> None:
    other = Resource("tocsin-store")
    groups = [_group(1, name="consume_event"), replace(_group(2), resource=other), _group(1, name="classify_event")]
    first, second = _read(encode(groups)).resource_spans
    assert [span.name for span in first.scope_spans[0].spans] == ["consume_event", "classify_event"]
    assert len(second.scope_spans[0].spans) == 2


def test_requests_one_behind_the_other_are_one() -> None:
    first, second = encode([_group(3)]), encode([_group(2), _group(1)])
    assert _spans(first + second) == _spans(first) + _spans(second)


@pytest.mark.parametrize("at_once", [1, 3, 64, 300, 1000])
def test_a_piece_holds_the_spans_of_its_events_and_all_pieces_those_of_all(at_once: int) -> None:
    """Three kinds of spans of 300 events: one of all, one that stands in two groups, one that some do not have."""
    rows = np.arange(300)
    some = [rows, rows[rows % 3 == 0], rows[rows % 3 > 0], rows[200:]]
    groups = [_of_events(f"span {number}", its_own) for number, its_own in enumerate(some)]
    pieces = list(encode_pieces(groups, len(rows), at_once))
    assert len(pieces) == -(-300 // at_once)
    for number, (encoded, spans) in enumerate(pieces):
        request = ExportTraceServiceRequest.FromString(encoded)
        found = [span for of_resource in request.resource_spans for span in of_resource.scope_spans[0].spans]
        assert len(found) == spans
        assert {int.from_bytes(span.trace_id[8:], "big") // at_once for span in found} == {number}
    expected = official_request([span for group in groups for span in group.spans()])
    assert _sorted_spans(b"".join(encoded for encoded, _ in pieces)) == _sorted_spans(expected.SerializeToString())


def test_a_group_of_which_nothing_says_what_events_it_is_of_is_not_cut() -> None:
    with pytest.raises(ValueError, match="nothing says of which events"):
        list(encode_pieces([replace(_of_events("a", np.arange(3)), events=None)], 3, 64))
    assert list(encode_pieces([], 0, 64)) == []


def _of_events(name: str, events: Numbers) -> SpanColumns:
    ids = np.zeros((len(events), 16), np.uint8)
    ids[:, 8:] = events.astype(">u8").view(np.uint8).reshape(-1, 8)
    return SpanColumns(
        name=name,
        kind=INTERNAL,
        resource=replace(_STAGE, instance=str(len(events) % 2)),
        trace_ids=ids,
        span_ids=ids[:, 8:] + np.uint8(1),
        parent_ids=None,
        start_ns=events * 1000,
        end_ns=events * 1001,
        numbers={"messaging.kafka.offset": events},
        events=events,
    )


def _sorted_spans(encoded: bytes) -> list[tuple[bytes, bytes]]:
    request = ExportTraceServiceRequest.FromString(encoded)
    return sorted(
        (of_resource.resource.SerializeToString(), span.SerializeToString())
        for of_resource in request.resource_spans
        for span in of_resource.scope_spans[0].spans
    )


def test_the_width_of_a_number_is_that_of_the_greatest_of_its_column() -> None:
    numbers = np.array([0, 127, 128, _MAX_INT64], np.int64)
    small, padded = (encode([_group(4, numbers={"n": column})]) for column in (numbers & 1, numbers))
    assert len(padded) - len(small) == 4 * 8
    assert [span.attributes[0].value.int_value for span in _spans(padded)] == [0, 127, 128, _MAX_INT64]


@pytest.mark.parametrize(
    ("kind", "has_parent", "flags"),
    [
        (PRODUCER, False, 0x101),  # a root has no parent elsewhere
        (CONSUMER, True, 0x301),  # what it consumes was produced in another process
        (CONSUMER, False, 0x101),
        (INTERNAL, True, 0x101),
        (PRODUCER, True, 0x101),
    ],
)
def test_flags_say_sampled_and_whether_the_parent_is_of_another_process(
    kind: int, has_parent: bool, flags: int
) -> None:
    parent_ids = np.ones((1, 8), np.uint8) if has_parent else None
    assert _spans(encode([_group(1, kind=kind, parent_ids=parent_ids)]))[0].flags == flags


def test_values_that_are_equal_in_python_keep_their_types() -> None:
    for value, of_type in ((True, "bool_value"), (1, "int_value"), (1.0, "double_value"), (False, "bool_value")):
        attribute = _spans(encode([_group(1, attributes={"a": value})]))[0].attributes[0]
        assert attribute.value.WhichOneof("value") == of_type


def test_0_and_minus_0_are_told_apart() -> None:
    for value in (0.0, -0.0, 0.0):
        sent = _spans(encode([_group(1, attributes={"a": value})]))[0].attributes[0].value.double_value
        assert math.copysign(1, sent) == math.copysign(1, value)


def test_what_is_remembered_of_one_group_does_not_show_in_another() -> None:
    one = _group(1, attributes={"a": "x"}, error="no")
    for change in ({"error": ""}, {"attributes": {"a": "y"}}, {"attributes": {"a": ["x"]}}, {"kind": CONSUMER}, {}):
        _assert_reads_as_official([replace(one, **change)])
        _assert_reads_as_official([one])


@pytest.mark.parametrize("hostile", ["\x1b[2J\x00", "</script>", "\u202egnp.exe", "\U0001f514", "x" * 100_000])
def test_hostile_text_is_carried_as_it_is(hostile: str) -> None:
    group = _group(2, name=hostile, attributes={hostile: hostile, "list": [hostile]}, error=hostile)
    _assert_reads_as_official([replace(group, resource=Resource(hostile, hostile, hostile, hostile))])


def test_a_lone_surrogate_becomes_a_question_mark_so_that_the_request_is_read() -> None:
    group = _group(1, name="\ud800", attributes={"a": "b\udfff"}, error="\ud800")
    span = _spans(encode([group]))[0]
    assert (span.name, span.attributes[0].value.string_value, span.status.message) == ("?", "b?", "?")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trace_ids": np.zeros((2, 15), np.uint8)}, r"`trace_ids` is \(2, 15\) of uint8"),
        ({"span_ids": np.zeros((1, 8), np.uint8)}, r"`span_ids` is \(1, 8\) of uint8, .* \(2, 8\)"),
        ({"parent_ids": np.zeros((2, 8), np.int64)}, r"`parent_ids` is \(2, 8\) of int64"),
        ({"start_ns": np.array([0, -1])}, "`start_ns` has a number below 0: -1"),
        ({"end_ns": np.array([0.0, 1.0])}, r"`end_ns` is \(2,\) of float64"),
        ({"numbers": {"n": np.array([-5, 0])}}, "`n` has a number below 0: -5"),
        ({"numbers": {"n": np.array([1])}}, r"`n` is \(1,\) of int64"),
        ({"texts": {"t": np.array([[0x80], [0]], np.uint8)}}, "`t` has bytes that are not ASCII"),
        ({"texts": {"t": np.zeros((3, 4), np.uint8)}}, r"`t` is \(3, 4\) of uint8"),
        ({"texts": {"t": np.zeros((0, 4), np.uint8)}}, r"`t` is \(0, 4\) of uint8"),
        ({"texts": {"t": np.zeros(2, np.uint8)}}, r"`t` is \(2,\) of uint8"),
        ({"links": [(np.zeros((2, 16), np.uint8), np.zeros((1, 8), np.uint8))]}, "`span ids of links` is"),
        ({"attributes": {"a": 1 << 63}}, "attribute `a` of a span: 9223372036854775808 has more than 64 bits"),
    ],
)
def test_a_column_that_does_not_fit_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encode([_group(2, **wrong)])


def _group(rows: int, **changes: Any) -> SpanColumns:
    dice = np.random.default_rng(rows)
    start_ns = 1_790_000_000_000_000_000 + dice.integers(0, 10**9, rows)
    group = SpanColumns(
        name="classify_event",
        kind=INTERNAL,
        resource=_STAGE,
        trace_ids=dice.integers(0, 256, (rows, 16), np.uint8),
        span_ids=dice.integers(0, 256, (rows, 8), np.uint8),
        parent_ids=dice.integers(0, 256, (rows, 8), np.uint8),
        start_ns=start_ns,
        end_ns=start_ns + 1_000_000,
        numbers={"messaging.kafka.offset": dice.integers(0, 1 << 40, rows)},
        texts={"id": dice.integers(0x20, 0x7F, (rows, 32), np.uint8)},
    )
    return replace(group, **changes)


def _assert_reads_as_official(groups: list[SpanColumns]) -> list[trace_pb2.Span]:
    """Their canonical bytes are the same: no field differs, and none is left that the official classes do not know."""
    ours, official = (
        _sorted(_read(encode(groups))),
        _sorted(official_request([span for group in groups for span in group.spans()])),
    )
    assert str(ours) == str(official)
    assert ours.SerializeToString() == official.SerializeToString()
    return _spans(encode(groups))


def _sorted(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Sort each span's attributes, whose order has no meaning; that a name stands twice still shows."""
    for resource_spans in request.resource_spans:
        for span in resource_spans.scope_spans[0].spans:
            span.attributes.sort(key=lambda attribute: attribute.key)
    return request


def _read(encoded: bytes) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(encoded)


def _spans(encoded: bytes) -> list[trace_pb2.Span]:
    return [span for each in _read(encoded).resource_spans for scope in each.scope_spans for span in scope.spans]
