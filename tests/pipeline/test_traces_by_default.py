"""Where nothing but a collector is named, every alert's trace is sent whole, and of the others one in a hundred."""

import gzip
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.command import query, tocsin
from tests.telemetry.collector import Collector, Received

from tocsin.config import load_config
from tocsin.event import CLASSIFIED_EVENTS, parts_of
from tocsin.pipeline.topology import open_bus
from tocsin.sinks.manifest import listed_segments

_SPANS = {
    "produce_event",
    "consume_event",
    "normalize_event",
    "classify_event",
    "publish_event",
    "store_event",
    "write_csv",
    "write_parquet",
}
_LEAST_RANDOMNESS = 2**56 - 2**56 // 100  # of one in a hundred: the rightmost 56 bits of the id are as much or more
_EVENTS = 4_000
_RULE = """\
title: Ticket Granting Ticket Asked For
id: 2f0d5c1e-7a55-4b8a-9f0e-0c6d3a1b7e42
logsource: {product: windows, service: security}
detection:
  asked: {EventID: 4768}
  condition: asked
level: high
"""


def _run(folder: Path, collector: Collector, *arguments: str) -> str:
    """Run a simulation of which few events have an alert, into `folder/data`; return what it said."""
    (folder / "rule.yml").write_text(_RULE)
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.place}", "no_proxy": "*"}
    few = ("--count", _EVENTS, "--rules", "rule.yml", "--data", "data")
    done = tocsin("run", *few, *arguments, cwd=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _names_by_trace(received: Sequence[Received]) -> dict[str, list[str]]:
    """Return the names of spans by trace id, traces of batches aside."""
    names = defaultdict(list)
    for request in received:
        for of_resource in ExportTraceServiceRequest.FromString(gzip.decompress(request.body)).resource_spans:
            for span in of_resource.scope_spans[0].spans:
                names[span.trace_id.hex()].append(span.name)
    return {trace_id: sent for trace_id, sent in names.items() if not _SPANS.isdisjoint(sent)}


def _ids(data: Path, view: str) -> set[str]:
    return {row["event_id"] for row in query(data, f"SELECT DISTINCT event_id FROM {view}")}


def test_every_alert_is_sent_whole_and_of_the_others_those_whose_id_is_one_in_a_hundred(tmp_path: Path) -> None:
    with Collector() as collector:
        said = _run(tmp_path, collector)
        names = _names_by_trace(collector.received)
    events, alerts = _ids(tmp_path / "data", "events"), _ids(tmp_path / "data", "alerts")
    share = {each for each in events - alerts if int(each[-14:], 16) >= _LEAST_RANDOMNESS}
    assert (len(events), 10 <= len(alerts) < 100, 20 < len(share) < 60) == (_EVENTS, True, True)
    assert set(names) == alerts | share
    assert {event_id for event_id, sent in names.items() if sorted(sent) != sorted(_SPANS)} == set()
    assert ["spans", "of", "events", "sent", f"{len(_SPANS) * len(names):,}"] in [
        line.split() for line in said.splitlines()
    ]
    assert "events that wait" not in said


def test_where_tracing_is_off_nothing_is_sent_and_no_times_are_kept(tmp_path: Path) -> None:
    with Collector() as collector:
        said = _run(tmp_path, collector, "--trace", "off")
        assert collector.received == []
    assert len(_ids(tmp_path / "data", "alerts")) >= 10
    config = load_config({"data": str(tmp_path / "data")}, {})
    store = config.store_folder
    segments = [segment for segment in listed_segments(store) if segment.kind == "events"]
    kept = [trace for each in segments for trace in pq.ParquetFile(store / each.path).read()["trace"].to_pylist()]
    assert (len(kept), {*kept, *(each.trace for each in segments)} - {None}) == (_EVENTS, {b""})
    with closing(open_bus(config)) as bus:
        places = bus.ends(CLASSIFIED_EVENTS)
        on_the_bus = [each for place in places for each in bus.read_from(CLASSIFIED_EVENTS, place, 0, _EVENTS)]
    assert (len(on_the_bus), {parts_of(record) for record in on_the_bus}) == (_EVENTS, {b""})
    assert not (store / "traces.sqlite").exists()
    assert "spans of events sent" not in said
