"""Measure encoding spans as OTLP: µs of CPU and bytes a span, beside the official protobuf classes in the same run.

    python benchmarks/otlp.py [--runs N]

A request holds the eight spans of each of so many events, a group of columns for each span's name. The official classes
are given the same spans as Python values, field by field, and serialise them; making these values is not counted. The
two take turns. Bytes are those of a span, its part of the request, before and after gzip's compression (zlib), which
looks back 32 KB: the last request is made of pieces, so that a trace's spans are that near to one another.
"""

import argparse
import gc
import os
import platform
import statistics
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

import google.protobuf
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.telemetry.official_otlp import official_request

from tocsin.telemetry.ids import event_id_of, origin_of
from tocsin.telemetry.otlp import encode
from tocsin.telemetry.spans import CONSUMER, INTERNAL, PRODUCER, Resource, Span, SpanColumns, span_ids_of

_REQUESTS = ((1, 1), (100, 100), (10_000, 10_000), (10_000, 100))  # events, and those of them in a piece
_SPANS_A_RUN = 40_000  # at least so many are encoded for a figure
_START_NS = 1_790_000_000_000_000_000

# name, kind, its parent, service, its topic
_STAGES = (
    ("produce_event", PRODUCER, "", "tocsin-produce", "raw-events"),
    ("consume_event", CONSUMER, "produce_event", "tocsin-classify", "raw-events"),
    ("normalize_event", INTERNAL, "consume_event", "tocsin-classify", ""),
    ("classify_event", INTERNAL, "normalize_event", "tocsin-classify", ""),
    ("publish_event", PRODUCER, "classify_event", "tocsin-classify", "classified-events"),
    ("store_event", CONSUMER, "publish_event", "tocsin-store", "classified-events"),
    ("write_csv", INTERNAL, "store_event", "tocsin-store", ""),
    ("write_parquet", INTERNAL, "store_event", "tocsin-store", ""),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="the median of so many (default: 7)")
    arguments = parser.parse_args()
    print(f"machine: {_machine()}; commit: {_commit()}; median of {arguments.runs} runs, one core")
    for events, piece in _REQUESTS:
        _measure(events, piece, arguments.runs)


def _measure(events: int, piece: int, runs: int) -> None:
    pieces = [_groups(first, piece) for first in range(0, events, piece)]
    spans_of_pieces = [[span for group in groups for span in group.spans()] for groups in pieces]
    spans = [span for its_spans in spans_of_pieces for span in its_spans]
    works: dict[str, Callable[[], bytes]] = {
        "ours": lambda: b"".join(map(encode, pieces)),
        "official classes": lambda: b"".join(map(_official, spans_of_pieces)),
    }
    costs: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            costs[name].append(_microseconds(work, len(spans)))
    print(f"{events:,} events in a request, each group of {piece:,}")
    for name, work in works.items():
        _print(name, statistics.median(costs[name]), work(), len(spans))
    print(f"  ratio {statistics.median(costs['official classes']) / statistics.median(costs['ours']):.1f}")


def _print(name: str, cost_us: float, encoded: bytes, spans: int) -> None:
    print(f"  {name:16} {cost_us:7.3f} µs {len(encoded) / spans:6.1f} bytes a span", end="")
    for level in (1, 6):
        compressed_us = _microseconds(lambda level=level: zlib.compress(encoded, level), spans)  # type: ignore[misc]
        size = len(zlib.compress(encoded, level)) / spans
        print(f"; level {level} +{compressed_us:.2f} µs {size:.1f} bytes", end="")
    print()


def _official(spans: Sequence[Span]) -> bytes:
    return official_request(spans).SerializeToString()


def _microseconds(work: Callable[[], bytes], spans: int) -> float:
    """Return the CPU of a span, all of whose request is encoded as often as it takes to measure it."""
    times = max(1, _SPANS_A_RUN // spans)
    gc.collect()
    started = process_time()
    for _ in range(times):
        work()
    return (process_time() - started) / times / spans * 1e6


def _groups(first: int, events: int) -> list[SpanColumns]:
    """Return the spans of so many events, the first at that offset."""
    dice = np.random.default_rng(first)
    origin = origin_of("benchmark")
    event_ids = [event_id_of(origin, position, b"") for position in range(first, first + events)]
    trace_ids = np.frombuffer(b"".join(event_ids), np.uint8).reshape(events, 16)
    ends_ns = _START_NS + dice.integers(0, 10**9, (len(_STAGES) + 1, events)).cumsum(axis=0)
    return [
        SpanColumns(
            name=name,
            kind=kind,
            resource=Resource(service, "0", "node-1.example", "0.1.0"),
            trace_ids=trace_ids,
            span_ids=span_ids_of(event_ids, name),
            parent_ids=span_ids_of(event_ids, parent) if parent else None,
            start_ns=ends_ns[number],
            end_ns=ends_ns[number + 1],
            attributes=_attributes(topic, events),
            numbers={"messaging.kafka.offset": np.arange(first, first + events) + 1_000_000} if topic else {},
        )
        for number, (name, kind, parent, service, topic) in enumerate(_STAGES)
    ]


def _attributes(topic: str, events: int) -> dict[str, str | int]:
    if not topic:
        return {"tocsin.batch.records": events}
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": "3",
        "messaging.batch.message_count": events,
    }


def _machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, protobuf {google.protobuf.__version__}"
    return f"{model}, {os.cpu_count()} cores, {versions}"


def _commit() -> str:
    result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
