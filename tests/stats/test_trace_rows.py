"""The order of spans, the waits between them, and what is odd about a trace."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telemetry.traced import EVENT_ID, MS, US, moved, trace_spans
from tocsin.stats.trace_rows import Trace, trace_of
from tocsin.telemetry.spans import Resource, Span

_NAMES = [
    *("produce_event", "consume_event", "normalize_event", "classify_event"),
    *("publish_event", "store_event", "write_csv", "write_parquet"),
]


def _names(trace: Trace) -> list[str]:
    return [row.span.name for row in trace.rows]


def _gaps(trace: Trace) -> list[tuple[str, str, str, float]]:
    return [(gap.name, gap.parent.name, gap.child.name, gap.duration_ns / MS) for gap in trace.gaps]


def _remarks(spans: Sequence[Span]) -> list[str]:
    trace = trace_of(spans)
    return [*(row.remark for row in trace.rows if row.remark), *trace.remarks]


def test_spans_stand_in_the_order_they_happened_whatever_order_they_came_in() -> None:
    spans = trace_spans()
    random.Random(7).shuffle(spans)
    trace = trace_of(spans)
    assert _names(trace) == _NAMES
    assert (trace.event_id, trace.duration_ns) == (EVENT_ID, 2_293 * MS)
    assert trace.remarks == []


def test_only_what_lies_within_another_span_is_indented() -> None:
    assert [row.depth for row in trace_of(trace_spans()).rows] == [0, 0, 0, 0, 0, 0, 1, 1]


def test_what_is_sent_on_begins_another_stage() -> None:
    assert [row.stage for row in trace_of(trace_spans()).rows] == [0, 1, 1, 1, 1, 2, 2, 2]


def test_waits_have_the_name_of_where_the_event_was() -> None:
    assert _gaps(trace_of(trace_spans())) == [
        ("in Kafka", "produce_event", "consume_event", 1_200.0),
        ("waiting", "classify_event", "publish_event", 3.43),
        ("in Kafka", "publish_event", "store_event", 1_040.0),
    ]


def test_without_kafka_events_wait_on_the_bus() -> None:
    spans = trace_spans()
    spans[0] = replace(spans[0], attributes={"messaging.system": "embedded"})
    spans[4] = replace(spans[4], attributes={})
    assert [gap.name for gap in trace_of(spans).gaps] == ["on the bus", "waiting", "on the bus"]


def test_a_wait_of_a_millisecond_is_none_except_between_stages() -> None:
    spans = trace_spans()
    sent = moved(spans[1:4], spans[0].end_ns - spans[1].start_ns)
    close = moved(spans[4:], sent[-1].end_ns + MS - spans[4].start_ns)
    assert _gaps(trace_of([spans[0], *sent, *close]))[:1] == [("in Kafka", "produce_event", "consume_event", 0.0)]
    assert [gap.name for gap in trace_of([spans[0], *sent, *close]).gaps] == ["in Kafka", "in Kafka"]


def test_a_child_that_starts_before_it_was_sent_is_flagged_and_stays_where_it_was() -> None:
    spans = trace_spans()
    early = moved(spans[1:], -1_203 * MS)
    trace = trace_of([spans[0], *early])
    assert [str(each) for each in trace.disagreements] == [
        "clocks disagree by 3 ms: produce on ws-017, classify on node-a"
    ]
    assert _names(trace) == _NAMES
    assert sorted(row.span.start_ns for row in trace.rows) == sorted(span.start_ns for span in [spans[0], *early])
    assert [gap.name for gap in trace.gaps] == ["waiting", "in Kafka"]


def test_times_that_go_backwards_on_one_host_are_not_laid_on_another_clock() -> None:
    spans = trace_spans()
    spans[2] = moved(spans[2:3], -2 * MS)[0]
    (disagreement,) = trace_of(spans).disagreements
    assert str(disagreement) == "times go backwards by 1.5 ms: classify on node-a, by one clock"


def test_a_host_without_a_name_is_told_by_its_instance() -> None:
    spans = trace_spans()
    spans[0] = replace(spans[0], resource=Resource("tocsin-produce", "worker-3"))
    spans[1] = replace(spans[1], resource=Resource("tocsin-classify"), start_ns=spans[0].end_ns - 80 * US)
    (disagreement,) = trace_of(spans).disagreements
    assert str(disagreement) == "clocks disagree by 80 µs: produce on worker-3, classify on an unknown host"


def test_a_span_without_its_parent_is_shown_and_said() -> None:
    spans = trace_spans()
    del spans[5]
    trace = trace_of(spans)
    assert _names(trace) == [*_NAMES[:5], "write_csv", "write_parquet"]
    parent = spans[5].parent_id.hex()
    assert [row.remark for row in trace.rows[5:]] == [f"its parent {parent} is not in the trace"] * 2
    assert trace.remarks == ["1 parent not in the trace: it may still come, or it was lost on the way"]


def test_a_missing_root_and_several_roots_are_said() -> None:
    spans = trace_spans()
    assert "no span is the root: the first is missing" in _remarks(spans[1:])
    assert _remarks([*spans[:5], replace(spans[5], parent_id=b""), *spans[6:]]) == [
        "2 spans are roots: produce_event, store_event"
    ]


def test_spans_of_other_services_are_said() -> None:
    spans = trace_spans()
    foreign = [replace(spans[7], span_id=bytes([n] * 8), resource=Resource("agent")) for n in (1, 2)]
    assert _remarks([*spans, *foreign]) == ["spans of other services: agent (2)"]


def test_two_spans_of_one_id_are_both_shown_and_said() -> None:
    spans = trace_spans()
    again = replace(spans[1], end_ns=spans[1].end_ns + MS)
    trace = trace_of([*spans, again])
    assert _names(trace).count("consume_event") == 2
    assert _names(trace).count("normalize_event") == 1
    assert trace.remarks == ["ids that spans of different content share: consume_event"]


def test_a_circle_of_parents_is_shown_and_said() -> None:
    spans = trace_spans()[:3]
    circle = [replace(spans[1], parent_id=spans[2].span_id), spans[2]]
    assert _remarks([spans[0], *circle]) == ["its parents go in a circle"]
    own = replace(spans[1], parent_id=spans[1].span_id)
    assert _remarks([spans[0], own]) == ["its parents go in a circle"]


def test_a_span_that_ends_before_it_starts_is_said() -> None:
    spans = trace_spans()
    spans[3] = replace(spans[3], end_ns=spans[3].start_ns - MS)
    assert _remarks(spans) == ["it ends before it starts"]


def test_rule_level_and_technique_are_taken_from_whichever_span_has_them() -> None:
    assert trace_of(trace_spans()).facts == {
        "rule": "Archive With Password", "level": "medium", "technique": "T1560.001, T1005",
    }  # fmt: skip
    assert trace_of(trace_spans()[:2]).facts == {}


def test_what_a_span_of_others_says_does_not_hide_what_ours_say() -> None:
    foreign = replace(trace_spans()[0], span_id=b"\x07" * 8, start_ns=0, resource=Resource("agent"))
    spans = [*trace_spans(), replace(foreign, attributes={"tocsin.level": "low", "host.name": "ws-017"})]
    assert trace_of(spans).facts["level"] == "medium"
    assert trace_of(spans).facts["host"] == "ws-017"


@pytest.mark.parametrize(
    ("resource", "elsewhere", "name"),
    [
        (Resource("tocsin-store", "store-0", "a"), "a", "store-0"),
        (Resource("tocsin-store", "store-0", "a"), "b", "store-0@a"),
        (Resource("tocsin-store", "store-0", "a"), "", "store-0"),
        (Resource("front", "pod-7", "a"), "a", "front pod-7"),
        (Resource("front"), "b", "front"),
        (Resource("", "pod-7"), "b", "(no service) pod-7"),
    ],
)
def test_a_process_has_its_host_where_the_trace_was_on_several(resource: Resource, elsewhere: str, name: str) -> None:
    first, second, *_ = trace_spans()
    spans = [replace(first, resource=resource), replace(second, resource=Resource("other", "", elsewhere))]
    assert trace_of(spans).process_of(spans[0]) == name


def test_a_chain_of_many_thousand_spans_is_no_deeper_than_it_needs() -> None:
    span = trace_spans()[0]
    chain = [replace(span, span_id=n.to_bytes(8, "big"), parent_id=(n - 1).to_bytes(8, "big")) for n in range(2, 5_000)]
    assert len(trace_of(chain).rows) == len(chain)


def test_no_span_is_no_trace() -> None:
    with pytest.raises(ValueError, match="at least one span"):
        trace_of([])


_SPANS = st.builds(
    lambda number, parent, start, length, kind: replace(
        trace_spans()[0],
        span_id=bytes([number] * 8),
        parent_id=bytes([parent] * 8) if parent else b"",
        start_ns=start,
        end_ns=max(0, start + length),
        kind=kind,
    ),
    st.integers(1, 8), st.integers(0, 9), st.integers(0, 2**62), st.integers(-(2**40), 2**40), st.integers(0, 5),
)  # fmt: skip


@given(st.lists(_SPANS, min_size=1, max_size=12))
def test_every_span_is_shown_once_whatever_its_parent(spans: list[Span]) -> None:
    trace = trace_of(spans)
    assert sorted(map(repr, spans)) == sorted(repr(row.span) for row in trace.rows)
    assert all(gap.duration_ns >= 0 for gap in trace.gaps)
