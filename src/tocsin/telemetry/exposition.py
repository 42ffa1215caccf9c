"""Write the figures of a stage as pages: /metrics for Prometheus, /health for whoever starts and stops stages."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus

import orjson
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tocsin import __version__
from tocsin.telemetry.endpoint import Page, Pages
from tocsin.telemetry.histogram import Histogram
from tocsin.telemetry.lag import LagWatch
from tocsin.telemetry.meter import LOOP_PARTS, StageMeter
from tocsin.telemetry.outcomes import DROPPED, EVENT_OUTCOMES, SPAN_OUTCOMES

ReadTraces = Callable[[], Mapping[str, int] | None]  # outcome -> spans or events; None: nothing can be read


def pages_of(meter: StageMeter, lag: LagWatch, system: str, group: str, read_traces: ReadTraces | None = None) -> Pages:
    """Return the pages of a stage. `system` is its bus (`messaging.system`), `group` the consumer group it reads as.

    `read_traces` is asked at each scrape what became of the traces; None: this process does not say it.
    """
    registry = CollectorRegistry()
    registry.register(_StageCollector(meter, lag, system, group, read_traces))
    ProcessCollector(registry=registry)

    def metrics(accept: str) -> Page:
        encode, content_type = choose_encoder(accept)
        return Page(encode(registry), content_type)

    return {"/metrics": metrics, "/health": lambda _: _health_page(meter), "/live": lambda _: _live_page(meter)}


def _live_page(meter: StageMeter) -> Page:
    """Say whether starting it again could help."""
    if meter.health.condition().is_alive:
        return Page(b"alive\n", "text/plain; charset=utf-8")
    return Page(b"its loop stands still\n", "text/plain; charset=utf-8", HTTPStatus.SERVICE_UNAVAILABLE)


def _health_page(meter: StageMeter) -> Page:
    condition = meter.health.condition()
    body = {
        "status": "healthy" if condition.is_healthy else "unhealthy",
        "reason": condition.reason,
        "stage": meter.figures.stage,
        "worker": meter.figures.worker,
        "pid": meter.figures.pid,
        "seconds_since_turn": round(condition.turned_seconds, 3),
        "retrying_seconds": round(condition.retrying_seconds, 3),
        "retrying_for": condition.retrying_for,
    }
    status = HTTPStatus.OK if condition.is_healthy else HTTPStatus.SERVICE_UNAVAILABLE
    return Page(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE), "application/json", status)


class _StageCollector(Collector):
    """Reads the figures when it is asked: the loop only counts.

    Names are those of OpenTelemetry's semantic conventions for messaging, as Prometheus writes them.
    """

    def __init__(
        self, meter: StageMeter, lag: LagWatch, system: str, group: str, read_traces: ReadTraces | None
    ) -> None:
        self._meter = meter
        self._read_traces = read_traces
        self._lag = lag
        self._stage = {"stage": meter.figures.stage}
        self._system = {"messaging_system": system}
        self._group = {"messaging_consumer_group_name": group} if group else {}

    def collect(self) -> Iterator[Metric]:
        yield from self._messaging()
        yield from self._own()
        yield from self._spool()
        yield from self._lags()
        yield from self._traces()

    def _messaging(self) -> Iterator[Metric]:
        traffic = self._meter.traffic
        consumed = self._stage | self._system | self._group | {"messaging_operation_name": "poll"}
        yield _counters(
            "messaging_client_consumed_messages",
            "Records read from a topic, and committed.",
            consumed,
            "messaging_destination_name",
            traffic.consumed,
        )
        yield _counters(
            "messaging_client_sent_messages",
            "Records written to a topic, and committed.",
            self._stage | self._system | {"messaging_operation_name": "send"},
            "messaging_destination_name",
            traffic.sent,
        )
        yield _histogram(
            "messaging_process_duration_seconds",
            "Seconds from a batch's being read to its being committed.",
            self._stage | self._system | self._group | {"messaging_operation_name": "process"},
            traffic.batch_seconds,
        )

    def _spool(self) -> Iterator[Metric]:
        spooled, stage = self._meter.spooled, self._stage
        if spooled is None:
            return
        yield _gauge("tocsin_spool_records", "Records on disk that the bus has not taken yet.", stage, spooled.records)
        yield _gauge("tocsin_spool_bytes", "Bytes of these, compressed.", stage, spooled.bytes)
        yield _gauge("tocsin_spool_oldest_seconds", "Age of the oldest of these.", stage, spooled.oldest_seconds)
        yield _counter("tocsin_spool_dropped", "Records dropped because the spool was full.", stage, spooled.dropped)

    def _own(self) -> Iterator[Metric]:
        meter, condition = self._meter, self._meter.health.condition()
        parts = meter.parts()
        figures, stage = meter.figures, self._stage
        info = InfoMetricFamily("tocsin_stage", "Which process this is.", labels=[*stage, "worker", "version"])
        info.add_metric([*stage.values(), str(figures.worker), __version__], {})
        yield info
        yield _counter("tocsin_records", "Records read from anywhere, and committed.", stage, figures.records)
        yield _counter("tocsin_batches", "Batches with records that were committed.", stage, figures.batches)
        yield _counters(
            "tocsin_loop_seconds",
            "Seconds of the loop: read, step, commit, and wait for something to read, or for enough of it.",
            stage,
            "part",
            {part: parts.get(part, 0.0) for part in LOOP_PARTS},
        )
        yield _counters(
            "tocsin_step_seconds",
            "Seconds of the step, by what it did.",
            stage,
            "part",
            {part: seconds for part, seconds in parts.items() if part not in LOOP_PARTS},
        )
        yield _counters(
            "tocsin_dlq_messages",
            "Records given to dead letters, and committed.",
            stage,
            "reason",
            meter.traffic.dead_letters,
        )
        yield _histogram(
            "tocsin_e2e_latency_seconds",
            "Seconds from a record's ingest to the commit of this stage, of up to 8 records a batch.",
            stage,
            meter.traffic.end_to_end_seconds,
        )
        yield _counter("tocsin_delivery_retries", "Deliveries that failed and were tried again.", stage, meter.retries)
        yield _counter("tocsin_rebalances", "Times partitions were given out anew.", stage, meter.rebalances)
        yield _gauge("tocsin_healthy", "1 when /health answers 200, else 0.", stage, condition.is_healthy)
        yield _gauge("tocsin_seconds_since_turn", "Seconds since the loop went round.", stage, condition.turned_seconds)
        yield _gauge(
            "tocsin_retrying_seconds", "Seconds it has been trying the same in vain.", stage, condition.retrying_seconds
        )

    def _lags(self) -> Iterator[Metric]:
        places = ["topic", "partition"]
        records = GaugeMetricFamily("kafka_consumer_group_lag", "Records not yet read.", labels=["group", *places])
        alias = GaugeMetricFamily(
            "kafka_consumergroup_lag", "The same, as kafka_exporter names it.", labels=["consumergroup", *places]
        )
        seconds = GaugeMetricFamily(
            "tocsin_consumer_time_lag_seconds", "Age of the oldest record not yet read.", labels=["group", *places]
        )
        for lag in self._lag.latest:
            labels = [lag.group, lag.topic, str(lag.partition)]
            records.add_metric(labels, lag.records)
            alias.add_metric(labels, lag.records)
            seconds.add_metric(labels, lag.oldest_age_seconds)
        yield from (records, alias, seconds)

    def _traces(self) -> Iterator[Metric]:
        if self._meter.batch_spans:
            of_batches = "Spans of batches for the collector, by what became of them."
            counts = self._meter.batch_spans.counts
            yield self._outcomes("tocsin_batch_spans", of_batches, counts, (*SPAN_OUTCOMES, DROPPED))
        found = self._read_traces and self._read_traces()
        if found is None:
            return
        of_spans = "Spans of events for the collector, by what became of them, since the store's traces were begun."
        yield self._outcomes("tocsin_trace_spans", of_spans, found, SPAN_OUTCOMES)
        of_events = "Events whose traces were not sent although they should have been, by why, since they were begun."
        yield self._outcomes("tocsin_trace_events", of_events, found, EVENT_OUTCOMES)

    def _outcomes(self, name: str, help_text: str, counts: Mapping[str, int], outcomes: Sequence[str]) -> Metric:
        """Return counters, those of which nothing was counted yet, too."""
        return _counters(
            name, help_text, self._stage, "outcome", {outcome: counts.get(outcome, 0) for outcome in outcomes}
        )


def _counter(name: str, help_text: str, labels: Mapping[str, str], value: float) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _counters(name: str, help_text: str, labels: Mapping[str, str], label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=[*labels, label])
    for key, value in sorted(dict(values).items()):  # a copy in one step: the loop goes on counting
        family.add_metric([*labels.values(), key], value)
    return family


def _gauge(name: str, help_text: str, labels: Mapping[str, str], value: float) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _histogram(name: str, help_text: str, labels: Mapping[str, str], histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(name, help_text, labels=list(labels))
    family.add_metric(list(labels.values()), histogram.buckets(), histogram.total)
    return family
