"""What became of the traces of a run, and of no other, is told."""

from contextlib import closing
from pathlib import Path

import pytest
from tests.sinks.traced_store import store, traced

from tocsin.config import Config, load_config
from tocsin.errors import ConfigError
from tocsin.pipeline.trace_outcome import RunTraces, TraceOutcome
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.trace_cursor import TraceCursor

_ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
_NONE = {"sent": 0, "rejected": 0, "refused": 0, "limited": 0, "expired": 0, "failed": 0}


def _outcome(config: Config, traces: RunTraces) -> TraceOutcome | None:
    with closing(Manifest(config.store_folder)) as manifest:
        return traces.outcome(manifest)


def test_counts_are_of_this_run_and_what_waits_of_all(tmp_path: Path) -> None:
    config = load_config({"data": str(tmp_path)}, {})
    store(config.store_folder, [traced(1), traced(2)], [traced(3)])
    store(config.store_folder, [traced(11)], name="w1")
    with closing(TraceCursor(config.store_folder, {})) as cursor:
        cursor.advance({"w0": 1}, {"sent": 16, "limited": 1})
        traces = RunTraces(config, _ENDPOINT)
        assert _outcome(config, traces) == TraceOutcome(_NONE, waiting=2)
        store(config.store_folder, [traced(4), traced(5), traced(6)], second=4)
        cursor.advance({"w0": 2}, {"sent": 8, "refused": 3})
        assert _outcome(config, traces) == TraceOutcome({**_NONE, "sent": 8, "refused": 3}, waiting=4)
        cursor.advance({"w0": 3}, {})
        cursor.advance({"w1": 1}, {})
    assert _outcome(config, traces) == TraceOutcome({**_NONE, "sent": 8, "refused": 3}, waiting=0)


def test_where_no_traces_are_sent_nothing_is_told(tmp_path: Path) -> None:
    config = load_config({"data": str(tmp_path)}, {})
    assert _outcome(config, RunTraces(config, {})) is None
    off = load_config({"data": str(tmp_path), "trace.policy": "off"}, {})
    assert _outcome(off, RunTraces(off, _ENDPOINT)) is None


def test_a_damaged_file_of_counts_is_told_and_no_error(tmp_path: Path) -> None:
    config = load_config({"data": str(tmp_path)}, {})
    config.store_folder.mkdir()
    (config.store_folder / "traces.sqlite").write_bytes(b"no database" * 1_000)
    assert _outcome(config, RunTraces(config, _ENDPOINT)) == TraceOutcome(None, 0)


def test_an_endpoint_that_is_wrong_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        RunTraces(load_config({"data": str(tmp_path)}, {}), {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"})
