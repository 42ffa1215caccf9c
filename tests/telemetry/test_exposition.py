"""The pages of a stage: what Prometheus reads, and what says that it is well."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tocsin.dead_letter import dead_letter_record
from tocsin.errors import DeliveryError
from tocsin.event import Record
from tocsin.flow import Batch, PartitionLag
from tocsin.telemetry.endpoint import Pages
from tocsin.telemetry.exposition import pages_of
from tocsin.telemetry.health import Health
from tocsin.telemetry.lag import LagWatch
from tocsin.telemetry.meter import StageMeter


@pytest.fixture
def meter(tmp_path: Path) -> StageMeter:
    return StageMeter(tmp_path, "classify", 2)


@pytest.fixture
def lag() -> Iterator[LagWatch]:
    with closing(LagWatch(lambda: None)) as watch:
        yield watch


@pytest.fixture
def pages(meter: StageMeter, lag: LagWatch) -> Pages:
    return pages_of(meter, lag, "tocsin", "classify")


def _samples(pages: Pages) -> dict[str, float]:
    """Return value by name and labels, those aside that every line of messaging has."""
    samples = {}
    for family in text_string_to_metric_families(pages["/metrics"]("").body.decode()):
        for sample in family.samples:
            common = {"stage", "messaging_system", "messaging_operation_name", "messaging_consumer_group_name"}
            labels = [f"{name}={value}" for name, value in sorted(sample.labels.items()) if name not in common]
            samples[f"{sample.name}{{{','.join(labels)}}}"] = sample.value
    return samples


def test_a_turn_of_the_loop_shows_in_the_metrics(meter: StageMeter, pages: Pages) -> None:
    raw = Record(b"x", topic="raw-events", timestamp_us=time.time_ns() // 1000 - 20_000_000)
    dead = dead_letter_record(stage="classify", reason="not_json", detail="", place="", raw=b"x", time_us=1)
    outputs = {"classified-events": [raw, raw], "dead-letters": [dead]}
    meter.spend("match", 0.5)
    meter.turned(Batch([raw] * 3, offsets={("raw-events", 1): 3}), outputs, 1.0, 2.0, 0.25)
    expected = {
        "messaging_client_consumed_messages_total{messaging_destination_name=raw-events}": 3,
        "messaging_client_sent_messages_total{messaging_destination_name=classified-events}": 2,
        "messaging_client_sent_messages_total{messaging_destination_name=dead-letters}": 1,
        "messaging_process_duration_seconds_count{}": 1,
        "messaging_process_duration_seconds_sum{}": 2.25,
        "messaging_process_duration_seconds_bucket{le=2.5}": 1,
        "messaging_process_duration_seconds_bucket{le=1.0}": 0,
        "tocsin_records_total{}": 3,
        "tocsin_batches_total{}": 1,
        "tocsin_loop_seconds_total{part=read}": 1.0,
        "tocsin_loop_seconds_total{part=step}": 2.0,
        "tocsin_loop_seconds_total{part=commit}": 0.25,
        "tocsin_loop_seconds_total{part=wait}": 0.0,
        "tocsin_step_seconds_total{part=match}": 0.5,
        "tocsin_dlq_messages_total{reason=not_json}": 1,
        "tocsin_e2e_latency_seconds_bucket{le=10.0}": 0,
        "tocsin_e2e_latency_seconds_bucket{le=30.0}": 3,
        "tocsin_healthy{}": 1,
    }
    assert {name: value for name, value in _samples(pages).items() if name in expected} == expected


def test_rebalances_and_retries_are_counted(meter: StageMeter, pages: Pages) -> None:
    meter.rebalanced()
    meter.retried(DeliveryError("disk full"))
    meter.retried(DeliveryError("disk full"))
    samples = _samples(pages)
    assert (samples["tocsin_rebalances_total{}"], samples["tocsin_delivery_retries_total{}"]) == (1, 2)


def test_lag_has_the_name_of_opentelemetry_and_the_one_that_dashboards_know(lag: LagWatch, pages: Pages) -> None:
    lag.latest = [PartitionLag("classify", "raw-events", 3, committed=7, end=19, oldest_age_seconds=1.5)]
    samples = _samples(pages)
    assert samples["kafka_consumer_group_lag{group=classify,partition=3,topic=raw-events}"] == 12
    assert samples["kafka_consumergroup_lag{consumergroup=classify,partition=3,topic=raw-events}"] == 12
    assert samples["tocsin_consumer_time_lag_seconds{group=classify,partition=3,topic=raw-events}"] == 1.5


def test_every_line_of_messaging_names_the_stage_the_bus_and_the_group(meter: StageMeter, pages: Pages) -> None:
    meter.turned(Batch([Record(b"")], offsets={("raw-events", 1): 3}), {}, 0, 0, 0)
    text = pages["/metrics"]("").body.decode()
    assert (
        'messaging_client_consumed_messages_total{messaging_consumer_group_name="classify",messaging_destination_name='
        '"raw-events",messaging_operation_name="poll",messaging_system="tocsin",stage="classify"} 1.0\n'
    ) in text
    assert 'tocsin_stage_info{stage="classify",version=' in text


def test_a_healthy_stage_says_so(meter: StageMeter, pages: Pages) -> None:
    page = pages["/health"]("")
    told = json.loads(page.body)
    assert (page.status, page.content_type) == (200, "application/json")
    assert (told["status"], told["reason"], told["stage"], told["worker"]) == ("healthy", "", "classify", 2)


def test_an_unhealthy_stage_answers_503_with_the_reason(meter: StageMeter, pages: Pages) -> None:
    now = [0.0]
    meter.health = Health(lambda: now[0])
    meter.retried(DeliveryError("disk full"))
    now[0] = 31.0
    page = pages["/health"]("")
    told = json.loads(page.body)
    assert page.status == 503
    assert told["reason"] == "it has been trying again for 31 s: disk full"
    assert (told["retrying_seconds"], told["retrying_for"], told["seconds_since_turn"]) == (31.0, "disk full", 31.0)
    assert _samples(pages)["tocsin_healthy{}"] == 0


def test_what_became_of_the_spans_of_batches_is_there_where_a_collector_is_told_of_them(
    meter: StageMeter, pages: Pages
) -> None:
    assert not any("batch_spans" in name for name in _samples(pages))

    class Sender:
        counts: ClassVar[dict[str, int]] = {"sent": 30, "dropped": 3}

    meter.batch_spans = Sender()
    assert {name: value for name, value in _samples(pages).items() if "batch_spans" in name} == {
        "tocsin_batch_spans_total{outcome=sent}": 30,
        "tocsin_batch_spans_total{outcome=rejected}": 0,
        "tocsin_batch_spans_total{outcome=refused}": 0,
        "tocsin_batch_spans_total{outcome=dropped}": 3,
    }


def test_what_became_of_the_traces_is_asked_at_each_scrape_and_left_out_where_nobody_knows(
    meter: StageMeter, lag: LagWatch
) -> None:
    counts: list[dict[str, int] | None] = [None, {"sent": 16, "limited": 2}, {"sent": 24, "limited": 2, "refused": 8}]
    pages = pages_of(meter, lag, "tocsin", "store", lambda: counts.pop(0))
    assert not any("tocsin_trace_" in name for name in _samples(pages))
    assert {name: value for name, value in _samples(pages).items() if "tocsin_trace_" in name} == {
        "tocsin_trace_spans_total{outcome=sent}": 16,
        "tocsin_trace_spans_total{outcome=rejected}": 0,
        "tocsin_trace_spans_total{outcome=refused}": 0,
        "tocsin_trace_events_total{outcome=limited}": 2,
        "tocsin_trace_events_total{outcome=expired}": 0,
        "tocsin_trace_events_total{outcome=failed}": 0,
    }
    assert _samples(pages)["tocsin_trace_spans_total{outcome=refused}"] == 8
