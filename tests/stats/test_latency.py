"""How long each step took: from the times that stages keep to percentiles, a table, JSON and a picture."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import image
from rich.console import Console

from tocsin.errors import ConfigError
from tocsin.stats.latency import BUS, KAFKA, Latency, LatencyCount
from tocsin.stats.latency_plot import draw_latency, latency_figure_of
from tocsin.stats.latency_table import latency_object, print_latency
from tocsin.stats.statistics import Filters
from tocsin.telemetry.stage_times import StageTimes

_START_US = 1_768_219_200_000_000
_MS = 1_000
_ALL = Filters()


def _trace(late_us: int = 0) -> list[StageTimes]:
    """Return what was kept with events ingested at `_START_US`; `late_us`: so much longer they lay in `raw-events`."""
    came_us = _START_US + 30 * _MS + late_us
    return [
        StageTimes("produce", _START_US + 10 * _MS, (), 100),
        StageTimes("classify", came_us, (1 * _MS, 3 * _MS, 6 * _MS, 10 * _MS), 100),
        StageTimes("store", came_us + 110 * _MS, (), 100),
        StageTimes("write", came_us + 310 * _MS, (50 * _MS, 60 * _MS, 75 * _MS), 100),
    ]


def _latency(
    *counted: tuple[list[StageTimes], int, int],
    filters: Filters = _ALL,
    bus: str = KAFKA,
) -> Latency:
    """Count traces, each with an ingest time and so many events."""
    count = LatencyCount(bus)
    traces, ingest_us, events = zip(*counted, strict=True) if counted else ((), (), ())
    count.add(
        traces,
        np.arange(len(traces)),
        np.array(ingest_us, np.int64),
        np.array(events, np.int64),
    )
    return count.latency(filters)


def _three() -> Latency:
    """100 events: 90 as usual, 10 that waited 2 s longer."""
    return _latency((_trace(), _START_US, 90), (_trace(2_000_000), _START_US, 10))


def test_each_step_lasts_from_the_end_of_the_one_before() -> None:
    latency = _latency((_trace(), _START_US, 7))
    took_ms = {step.name: step.max_us / _MS for step in latency.steps}
    assert took_ms == {
        "produce_event": 10,
        "raw-events": 20,
        "consume_event": 1,
        "normalize_event": 2,
        "classify_event": 3,
        "publish_event": 4,
        "classified-events": 100,
        "store_event": 200,
        "write_parquet": 50,
        "write_csv": 10,
        "fsync": 15,
    }
    assert {whole.name: whole.max_us / _MS for whole in latency.wholes} == {
        "until classified": 40,
        "until durable": sum(took_ms.values()),
    }
    assert {step.events for step in latency.steps} == {7}


def test_percentiles_and_shares_count_events_not_traces() -> None:
    latency = _three()
    waited = next(step for step in latency.steps if step.name == "raw-events")
    assert waited.percentiles_us == {50: 20_015, 90: 20_015, 99: pytest.approx(2_020_000, rel=0.001)}
    assert (waited.max_us, waited.total_us) == (2_020_000, 90 * 20_000 + 10 * 2_020_000)
    assert waited.mean_us == 220_000
    assert sum(map(latency.share, latency.steps)) == pytest.approx(1)
    assert latency.share(waited) == pytest.approx(220_000 / (220_000 + 395_000))


def test_each_event_begins_when_it_was_ingested_itself() -> None:
    latency = _latency((_trace(), _START_US, 1), (_trace(), _START_US + 4 * _MS, 1))
    assert latency.steps[0].total_us == 16 * _MS
    assert latency.wholes[0].total_us == 76 * _MS


def test_steps_without_both_moments_are_not_counted() -> None:
    foreign = _trace()[1:]
    torn = [*_trace()[:1], StageTimes("classify", _START_US, (1, 2), 3), *_trace()[2:3]]
    latency = _latency((foreign, _START_US, 3), (torn, _START_US, 1), ([], _START_US, 7))
    events = {step.name: step.events for step in (*latency.steps, *latency.wholes)}
    assert events["produce_event"] == 1
    assert events["raw-events"] == 0
    assert events["classify_event"] == events["classified-events"] == events["until classified"] == 3
    assert events["write_csv"] == events["until durable"] == 3
    assert (latency.events, latency.untimed) == (11, 7)
    assert "no stage kept its times with 7 of them" in latency.scope


def test_times_that_somebody_made_up_do_no_harm() -> None:
    forged = [StageTimes("produce", 1 << 52, (), 1), StageTimes("classify", 1 << 52, (1 << 52,) * 4, 1)]
    latency = _latency((forged, 0, 1))
    assert latency.wholes[0].max_us == (1 << 53) - 1


def test_clocks_that_disagree_are_counted_apart_and_said() -> None:
    latency = _latency((_trace(), _START_US, 9), (_trace(-23 * _MS), _START_US, 4))
    waited = next(step for step in latency.steps if step.name == "raw-events")
    assert (waited.events, waited.max_us) == (9, 20 * _MS)
    assert (waited.backwards, waited.most_backwards_us) == (4, 3 * _MS)
    assert latency.scope[1:] == ("raw-events of 4 ends up to 3 ms before it begins: clocks disagree",)


def test_the_scope_says_what_was_chosen() -> None:
    since = datetime(2026, 1, 12, 8, tzinfo=UTC)
    latency = _latency(filters=Filters(since, datetime(2026, 1, 13, tzinfo=UTC), "WS-1", "high"))
    assert latency.scope == (
        "0 events",
        "since 2026-01-12 08:00:00 UTC",
        "until 2026-01-13 00:00:00 UTC",
        "host ws-1",
        "rules of level high or above fired",
    )


def test_the_table_has_a_line_for_each_step_and_then_for_all_together() -> None:
    out = StringIO()
    print_latency(_three(), Console(file=out, width=120))
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[0] == ["100", "events"]
    assert ["raw-events", "Kafka", "20", "ms", "20", "ms", "2.02", "s", "2.02", "s", "220", "ms", "35.8%"] in lines
    assert ["until", "classified", "40", "ms", "40", "ms", "2.04", "s", "2.04", "s", "240", "ms"] in lines


def test_the_table_is_harmless_to_a_terminal() -> None:
    out = StringIO()
    print_latency(_latency(filters=Filters(host="\x1b[2J\u202e")), Console(file=out, width=120))
    assert "host \\x1b[2j\\u202e" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_json_has_each_step_in_turn() -> None:
    whole = json.loads(json.dumps(latency_object(_three())))
    assert (whole["events"], whole["untimed_events"]) == (100, 0)
    assert whole["steps"][1] == {
        "stage": "Kafka",
        "name": "raw-events",
        "events": 100,
        "p50_us": 20_015,
        "p90_us": 20_015,
        "p99_us": whole["steps"][1]["max_us"],
        "max_us": 2_020_000,
        "mean_us": 220_000.0,
        "backwards_events": 0,
        "most_backwards_us": 0,
        "share": 0.357724,
    }
    assert [each["name"] for each in whole["in_all"]] == ["until classified", "until durable"]


def test_the_picture_says_how_long_each_step_took(tmp_path: Path) -> None:
    draw_latency(_three(), tmp_path / "latency.svg")
    words = {
        element.text for element in ElementTree.parse(tmp_path / "latency.svg").iter("{http://www.w3.org/2000/svg}text")
    }
    assert {"produce_event", "raw-events", "fsync", "until durable", "Kafka", "median", "35.8%"} <= words
    assert "20 ms  ·  2.02 s" in words
    draw_latency(_three(), tmp_path / "latency.png")
    picture = image.imread(tmp_path / "latency.png")
    assert picture.shape[1] == 1200
    assert len({tuple(pixel) for pixel in picture.reshape(-1, picture.shape[2])[::7].tolist()}) > 20


@pytest.mark.parametrize("bus", [KAFKA, BUS])
def test_a_picture_of_nothing_can_be_drawn(bus: str) -> None:
    assert len(latency_figure_of(_latency(bus=bus)).axes) == 3


def test_a_picture_needs_a_name_that_says_how_to_draw(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.png or \.svg"):
        draw_latency(_three(), tmp_path / "latency.gif")
