"""Each stage tells of its batches, linked to events whose traces are sent, too."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.command import tocsin
from tests.telemetry.collector import Collector

from tocsin.errors import DeliveryError
from tocsin.event import ALERTS, DEAD_LETTERS, Record, stamped
from tocsin.flow import Batch, Outputs
from tocsin.pipeline.batch_traces import BatchTraces
from tocsin.telemetry.batch_spans import TracedBatch
from tocsin.telemetry.trace_policy import is_sampled


class _Told(list[TracedBatch]):
    """A sender that keeps what it is told."""

    def tell(self, told: TracedBatch) -> None:
        self.append(told)


class _Meter:
    def __init__(self) -> None:
        self.turns: list[Batch] = []
        self.retries = 0

    def turned(
        self, batch: Batch, outputs: Outputs, read_seconds: float, step_seconds: float, commit_seconds: float
    ) -> None:
        self.turns.append(batch)

    def retried(self, error: DeliveryError) -> None:
        self.retries += 1


def _id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def _record(number: int) -> Record:
    return stamped(b"{}", _id(number), 1)


def _turned(
    records: Sequence[Record], outputs: Outputs | None = None, sent: Sequence[int] = (), errors: Sequence[str] = ()
) -> TracedBatch:
    told = _Told()
    traces = BatchTraces(_Meter(), told, lambda event_id: int.from_bytes(event_id, "big") in sent, 0.0)
    for error in errors:
        traces.retried(DeliveryError(error))
    traces.turned(Batch(records), outputs or {}, 0.5, 0.25, 0.125)
    (batch,) = told
    return batch


def test_a_batch_is_told_of_with_its_times() -> None:
    batch = _turned([_record(number) for number in range(1, 6)], {DEAD_LETTERS: [_record(3)]})
    read_us, worked_us, committed_us = batch.ends_us
    assert (read_us - batch.start_us, worked_us - read_us, committed_us - worked_us) == (500_000, 250_000, 125_000)
    assert (batch.records, batch.dead_letters, batch.retries, batch.error) == (5, 1, 0, "")


def test_links_lead_to_events_with_an_alert_and_then_to_others_whose_traces_are_sent() -> None:
    batch = _turned([_record(number) for number in range(1, 300)], {ALERTS: [_record(200)] * 2}, sent=[7, 200, 299])
    assert batch.event_ids == [_id(200), _id(7)]  # the first 256 records are looked at


def test_there_are_at_most_32_links() -> None:
    batch = _turned([_record(number) for number in range(1, 300)], sent=range(300))
    assert batch.event_ids == [_id(number) for number in range(1, 33)]


@pytest.mark.parametrize("header", [b"", b"\x01", b"\x01" + b"\x00" * 16, b"\x01" + b"x" * 15])
def test_records_with_no_stamp_of_ours_are_not_linked(header: bytes) -> None:
    strange = Record(b"{}", headers=(("tocsin", header),) if header else ())
    assert _turned([strange], {ALERTS: [strange]}, sent=range(9)).event_ids == []


def test_a_retry_is_told_of_with_the_batch_that_it_held_up() -> None:
    batch = _turned([_record(1)], errors=["no leader", "timed out"])
    assert (batch.retries, batch.error) == (2, "timed out")


def test_not_every_batch_is_told_of_but_each_that_was_held_up_is_and_all_are_metered() -> None:
    told, meter = _Told(), _Meter()
    traces = BatchTraces(meter, told, lambda _: False, least_seconds=3_600.0)
    for number in range(5):
        if number == 3:
            traces.retried(DeliveryError("no leader"))
        traces.turned(Batch([_record(number + 1)]), {}, 0.0, 0.0, 0.0)
    traces.turned(Batch(), {}, 0.0, 0.0, 0.0)
    assert [batch.error for batch in told] == ["", "no leader"]
    assert (len(meter.turns), meter.retries) == (6, 1)


def _spans(collector: Collector) -> dict[str, list[Span]]:
    """Return all spans that were sent, by name."""
    spans: dict[str, list[Span]] = {}
    for received in collector.received:
        for resource in ExportTraceServiceRequest.FromString(gzip.decompress(received.body)).resource_spans:
            for span in resource.scope_spans[0].spans:
                spans.setdefault(span.name, []).append(span)
    return spans


def test_a_run_tells_of_the_batches_of_each_stage_and_every_link_leads_to_a_span(tmp_path: Path) -> None:
    with Collector() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.place}", "no_proxy": "*"}
        done = tocsin("run", "--count", 3000, "--trace", "all", cwd=tmp_path, environment=variables)
        assert done.returncode == 0, done.stderr
    spans = _spans(collector)
    assert len(spans["produce_event"]) == 3000
    there = {(span.trace_id, span.span_id) for each in spans.values() for span in each}
    for name in ("read_batch", "poll raw-events", "poll classified-events"):
        links = [(link.trace_id, link.span_id) for span in spans[name] for link in span.links]
        assert links and set(links) <= there, name
        assert all(len(span.links) <= 32 and not span.parent_span_id for span in spans[name])
    for name, parent in (("send raw-events", "read_batch"), ("commit raw-events", "poll raw-events")):
        roots = {(span.trace_id, span.span_id) for span in spans[parent]}
        assert {(span.trace_id, span.parent_span_id) for span in spans[name]} == roots


def test_without_a_collector_nothing_is_told(tmp_path: Path) -> None:
    done = tocsin("run", "--count", 100, cwd=tmp_path)
    assert done.returncode == 0
    assert "spans" not in "".join(path.read_text() for path in (tmp_path / "tocsin-data" / "logs").glob("*.log"))


def test_an_id_is_sampled_by_its_rightmost_56_bits() -> None:
    assert is_sampled(0.5, b"\x00" * 9 + b"\x80" + b"\x00" * 6)
    assert not is_sampled(0.5, b"\xff" * 9 + b"\x7f" + b"\xff" * 6)
    assert is_sampled(1.0, b"\x00" * 16) and not is_sampled(0.0, b"\xff" * 16)
