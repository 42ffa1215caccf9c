"""Where time went is read from the store: fresh, merged, and with rows that nobody kept times with."""

from pathlib import Path

import pytest
from tests.sinks.classified import DETECTION, NOON_US, classified, detection_verdict
from tests.sinks.store_folder import stored
from tests.sinks.traced_store import SECOND_US, merge_all, store, traced

from tocsin.config import load_config
from tocsin.errors import ConfigError
from tocsin.pipeline.latency import latency_of
from tocsin.stats.latency import Latency, StepLatency
from tocsin.stats.statistics import Filters

_INGESTED_US = NOON_US - 5_000


def _of(latency: Latency, name: str) -> StepLatency:
    return next(step for step in (*latency.steps, *latency.wholes) if step.name == name)


def _latency(data: Path, *filters: object) -> Latency:
    return latency_of(load_config({"data": str(data)}), Filters(*filters))  # type: ignore[arg-type]


@pytest.fixture(params=["fresh", "merged"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A store with two commits: three events after a second, one with an alert after two."""
    folder = tmp_path / "store"
    found = traced(4, judged=detection_verdict(DETECTION), ingest_us=_INGESTED_US)
    store(folder, [traced(offset, ingest_us=_INGESTED_US) for offset in (1, 2, 3)], [found])
    if request.param == "merged":
        merge_all(folder)
    return tmp_path


def test_steps_are_read_from_the_store(data: Path) -> None:
    latency = _latency(data)
    assert (latency.events, latency.untimed) == (4, 0)
    assert _of(latency, "produce_event").total_us == 4 * 4_000
    assert _of(latency, "raw-events").total_us == 4 * 1_000
    assert _of(latency, "classify_event").percentiles_us == {50: 10, 90: 10, 99: 10}
    assert _of(latency, "until classified").max_us == 5_040
    assert _of(latency, "classified-events").total_us == 3 * SECOND_US + 2 * SECOND_US - 4 * 40
    assert _of(latency, "until durable").events == 4
    assert 2 * SECOND_US < _of(latency, "until durable").max_us < 7 * SECOND_US
    assert _of(latency, "raw-events").stage == "bus"


def test_a_level_chooses_the_events_on_which_such_rules_fired(data: Path) -> None:
    latency = _latency(data, None, None, None, "high")
    assert latency.events == 1
    assert _of(latency, "classified-events").max_us == pytest.approx(2 * SECOND_US - 40, rel=0.001)
    assert _latency(data, None, None, None, "critical").events == 0


def test_a_host_chooses_its_events(data: Path) -> None:
    assert _latency(data, None, None, "WS1").events == 4
    assert _latency(data, None, None, "ws2").events == 0


def test_events_that_no_stage_kept_its_times_with_are_counted_apart(tmp_path: Path) -> None:
    store(tmp_path / "store", [traced(1, ingest_us=_INGESTED_US)])
    stored(tmp_path / "store", [classified(2)], name="w1")
    latency = _latency(tmp_path)
    assert (latency.events, latency.untimed) == (2, 1)


def test_where_there_is_no_store_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tocsin run"):
        _latency(tmp_path)
