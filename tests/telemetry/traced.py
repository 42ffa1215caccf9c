"""A trace as an event leaves it that went through produce, classify and store: eight spans."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tocsin.telemetry.ids import span_id_of
from tocsin.telemetry.spans import CONSUMER, INTERNAL, PRODUCER, Resource, Span, Value

EVENT_ID = bytes.fromhex("5f0c1e9a7b3d4286a1c04e8f92d7b635")
START_NS = 1_768_197_600_000_123_000  # 2026-01-12 06:00:00.000123 UTC

US = 1000
MS = 1_000_000

PRODUCE = Resource("tocsin-produce", "produce-0", "ws-017", "0.1.0")
CLASSIFY = Resource("tocsin-classify", "classify-1", "node-a", "0.1.0")
STORE = Resource("tocsin-store", "store-0", "node-b", "0.1.0")

_VERDICT: Mapping[str, Value] = {
    "rule.name": ("Archive With Password",),
    "tocsin.level": "medium",
    "threat.technique.id": ("T1560.001", "T1005"),
}
# name, process, kind, start and end in nanoseconds after the first start, the span it is a child of, attributes
_STEPS: Sequence[tuple[str, Resource, int, int, int, str, Mapping[str, Value]]] = (
    ("produce_event", PRODUCE, PRODUCER, 0, 1_900 * US, "", {"messaging.system": "kafka"}),
    ("consume_event", CLASSIFY, CONSUMER, 1_201_900 * US, 1_202_400 * US, "produce_event", {}),
    ("normalize_event", CLASSIFY, INTERNAL, 1_202_400 * US, 1_202_450 * US, "consume_event", {}),
    ("classify_event", CLASSIFY, INTERNAL, 1_202_450 * US, 1_202_570 * US, "normalize_event", _VERDICT),
    ("publish_event", CLASSIFY, PRODUCER, 1_206 * MS, 1_221 * MS, "classify_event", {"messaging.system": "kafka"}),
    ("store_event", STORE, CONSUMER, 2_261 * MS, 2_293 * MS, "publish_event", {}),
    ("write_csv", STORE, INTERNAL, 2_262 * MS, 2_267 * MS, "store_event", {}),
    ("write_parquet", STORE, INTERNAL, 2_267 * MS, 2_291 * MS, "store_event", {}),
)


def trace_spans(event_id: bytes = EVENT_ID) -> list[Span]:
    """Return the spans in the order they happen: an event of 2.29 s, most of it spent in Kafka."""
    return [
        Span(
            trace_id=event_id,
            span_id=span_id_of(event_id, name),
            name=name,
            start_ns=START_NS + start_ns,
            end_ns=START_NS + end_ns,
            resource=resource,
            parent_id=span_id_of(event_id, parent) if parent else b"",
            kind=kind,
            attributes=attributes,
        )
        for name, resource, kind, start_ns, end_ns, parent, attributes in _STEPS
    ]


def moved(spans: Sequence[Span], by_ns: int) -> list[Span]:
    """Return the spans as a clock would have told them that is so much ahead."""
    return [replace(span, start_ns=span.start_ns + by_ns, end_ns=span.end_ns + by_ns) for span in spans]
