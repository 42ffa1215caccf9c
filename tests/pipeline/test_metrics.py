"""Where each stage is served, and that a real one is."""

import json
import logging
import re
import time
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.command import start_tocsin, tocsin

from tocsin.bus.consumer import ConsumerSettings
from tocsin.config import load_config
from tocsin.errors import ConfigError
from tocsin.event import RAW_EVENTS, Record
from tocsin.flow import Batch
from tocsin.pipeline.metrics import lag_of_share, metrics_of_stages, serving_metrics
from tocsin.pipeline.topology import CLASSIFY_GROUP, open_bus
from tocsin.sinks.trace_cursor import TraceCursor
from tocsin.telemetry.meter import StageMeter


def test_each_process_of_a_run_has_a_port_of_its_own() -> None:
    config = load_config({"metrics.listen": "[::1]:9464"}, {})
    assert metrics_of_stages(config, classify_workers=3) == {
        "produce": ("--metrics", "[::1]:9464"),
        "classify": ("--metrics", "[::1]:9465"),
        "store": ("--metrics", "[::1]:9468"),
    }


def test_port_0_is_a_free_one_for_each_process_of_a_run() -> None:
    config = load_config({"metrics.listen": "localhost:0"}, {})
    assert set(metrics_of_stages(config, 2).values()) == {("--metrics", "localhost:0")}


def test_where_no_metrics_are_served_stages_are_told_nothing() -> None:
    assert set(metrics_of_stages(load_config({}, {}), 1).values()) == {()}


def test_a_worker_tells_the_lag_of_its_own_partitions(tmp_path: Path) -> None:
    config = load_config({"data": str(tmp_path)}, {})
    with closing(open_bus(config)) as bus:
        bus.committer(owner="test").commit({RAW_EVENTS: [Record(b"x")] * 5}, Batch())
        with closing(bus.consumer(CLASSIFY_GROUP, [RAW_EVENTS], ConsumerSettings(worker=0, workers=2))) as consumer:
            lags = lag_of_share(config, CLASSIFY_GROUP, consumer)
    assert [(lag.topic, lag.partition, lag.records) for lag in lags] == [(RAW_EVENTS, 0, 5), (RAW_EVENTS, 2, 0)]


def test_a_stage_serves_its_metrics_while_it_runs_and_its_port_is_refused_to_another(tmp_path: Path) -> None:
    arguments = ["produce", "--count", 0, "--rate", 200, "--metrics"]
    stage = start_tocsin(*arguments, "127.0.0.1:0", "--data", tmp_path / "data", cwd=tmp_path)
    try:
        place = _place_logged(tmp_path / "output.txt")
        assert json.loads(_get(f"{place}/health"))["stage"] == "produce"
        assert 'messaging_destination_name="raw-events"' in _until(f"{place}/metrics", "sent_messages_total{")
        second = tocsin(*arguments, place.removeprefix("http://"), "--data", tmp_path / "other", cwd=tmp_path)
        assert second.returncode == 2
        assert "cannot be listened at: Address already in use" in second.stderr
    finally:
        stage.terminate()
        stage.wait(30)


@pytest.mark.parametrize(("worker", "is_said"), [(0, True), (1, False)])
def test_the_first_worker_of_store_alone_says_what_became_of_the_traces_while_that_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, worker: int, is_said: bool
) -> None:
    caplog.set_level(logging.INFO)
    config = load_config({"data": str(tmp_path), "metrics.listen": "127.0.0.1:0"}, {})
    meter = StageMeter(config.figures_folder, "store", worker)
    sent = 'tocsin_trace_spans_total{outcome="sent",stage="store"} 16.0\n'
    limited = 'tocsin_trace_events_total{outcome="limited",stage="store"} 3.0\n'
    with serving_metrics(config, meter):
        page = "http://" + caplog.messages[-1].removesuffix(".").rpartition("//")[2] + "/metrics"
        assert "tocsin_trace_" not in _get(page)
        with closing(TraceCursor(config.store_folder, {})) as cursor:
            cursor.advance({"w0": 1}, {"sent": 16, "limited": 3})
        assert (sent in _get(page), limited in _get(page)) == (is_said, is_said)
        (config.store_folder / "traces.sqlite").write_bytes(b"no database" * 1_000)
        assert "tocsin_trace_" not in _get(page)
        assert "tocsin_healthy" in _get(page)


def _place_logged(output: Path) -> str:
    deadline = time.monotonic() + 30
    while not (found := re.search(r"served at (http://\S+)\.\n", output.read_text())):
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
    return found[1]


def _get(url: str) -> str:
    with urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
        return text


def _until(url: str, expected: str) -> str:
    deadline = time.monotonic() + 30
    while expected not in (text := _get(url)):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


@pytest.mark.parametrize("text", ["9464", ":9464", "localhost:", "localhost:70000", "localhost:-1", "::1:9464:x"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=rf"metrics.listen is `{text}`; HOST:PORT is needed"):
        load_config({"metrics.listen": text}, {})
