"""Say a trace as one JSON object for programs."""

from collections.abc import Sequence
from typing import Any

from tocsin.stats.trace_rows import trace_of
from tocsin.telemetry.spans import Span
from tocsin.timestamps import iso_utc

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


def trace_object(spans: Sequence[Span]) -> dict[str, Any]:
    """Return a trace as what JSON knows. Ids are in hex; times in nanoseconds since 1970 (`_ns`), and in ISO 8601, UTC.

    The spans stand in the order that the lines of `tocsin trace` have. What stands in them is as it came. Raises
    ValueError where there is no span.
    """
    trace = trace_of(spans)
    return {
        "event_id": trace.event_id.hex(),
        **_times(trace.start_ns, trace.end_ns),
        "facts": dict(trace.facts),
        "spans": [_span(row.span) for row in trace.rows],
        "gaps": [
            {
                "name": gap.name,
                "parent": gap.parent.span_id.hex(),
                "child": gap.child.span_id.hex(),
                **_times(gap.start_ns, gap.end_ns),
            }
            for gap in trace.gaps
        ],
        "disagreements": [
            {"parent": each.parent.span_id.hex(), "child": each.child.span_id.hex(), "ns": each.ns, "text": str(each)}
            for each in trace.disagreements
        ],
        "remarks": [*(f"{row.span.name}: {row.remark}" for row in trace.rows if row.remark), *trace.remarks],
    }


def _span(span: Span) -> dict[str, Any]:
    return {
        "span_id": span.span_id.hex(),
        "parent_id": span.parent_id.hex() or None,
        "name": span.name,
        "kind": _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else _KINDS[0],
        "service": span.resource.service,
        "instance": span.resource.instance,
        "host": span.resource.host,
        "version": span.resource.version,
        **_times(span.start_ns, span.end_ns),
        "attributes": dict(span.attributes),
        "error": span.error or None,
        "links": [{"trace_id": trace_id.hex(), "span_id": span_id.hex()} for trace_id, span_id in span.links],
    }


def _times(start_ns: int, end_ns: int) -> dict[str, Any]:
    return {
        "start": _iso(start_ns),
        "end": _iso(end_ns),
        "start_ns": start_ns,
        "end_ns": end_ns,
        "duration_ns": end_ns - start_ns,
    }


def _iso(time_ns: int) -> str:
    """Return e.g. `2026-01-12T06:00:00.000123456Z`."""
    time_us, rest_ns = divmod(time_ns, 1000)
    return f"{iso_utc(time_us)[:-1]}{rest_ns:03d}Z"
