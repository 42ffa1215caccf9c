"""What was run is found in a real Jaeger, event by event, by its id: the whole of each trace, and nothing else."""

from contextlib import closing
from pathlib import Path

import pytest
from tests.command import tocsin
from tests.jaeger.server import Jaeger

from tocsin.sinks.reader import open_store
from tocsin.telemetry.ids import span_id_of
from tocsin.telemetry.spans import Span

pytestmark = pytest.mark.slow

_PARENTS = {
    "produce_event": "",
    "consume_event": "produce_event",
    "normalize_event": "consume_event",
    "classify_event": "normalize_event",
    "publish_event": "classify_event",
    "store_event": "publish_event",
    "write_csv": "store_event",
    "write_parquet": "store_event",
}
_IN_TURN = list(_PARENTS)[:6]


def _ids(data: Path, view: str) -> set[bytes]:
    with closing(open_store(data / "store")) as store:
        return {bytes.fromhex(each) for (each,) in store.execute(f"SELECT DISTINCT event_id FROM {view}").fetchall()}


def _check_whole(trace_id: bytes, spans: list[Span]) -> None:
    by_name = {span.name: span for span in spans}
    assert sorted(by_name) == sorted(_PARENTS)
    assert len(spans) == len(_PARENTS)
    for name, parent in _PARENTS.items():
        span = by_name[name]
        assert span.span_id == span_id_of(trace_id, name)
        assert span.parent_id == (span_id_of(trace_id, parent) if parent else b"")
        assert span.start_ns <= span.end_ns
        assert not span.error
    starts = [by_name[name].start_ns for name in _IN_TURN]
    assert starts == sorted(starts)
    assert {span.resource.service for span in spans} == {"tocsin-produce", "tocsin-classify", "tocsin-store"}


def test_every_event_has_its_whole_trace_where_all_are_sent(tmp_path: Path) -> None:
    with Jaeger(tmp_path / "jaeger") as jaeger:
        asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.otlp}
        done = tocsin("run", "--count", 4_000, "--trace", "all", "--data", "data", cwd=tmp_path, environment=asked)
        assert done.returncode == 0, done.stderr
        found = jaeger.traces()
        assert set(found) == _ids(tmp_path / "data", "events")
        for trace_id, spans in found.items():
            _check_whole(trace_id, spans)


def test_by_default_every_alert_has_its_whole_trace_and_some_of_the_others_have(tmp_path: Path) -> None:
    with Jaeger(tmp_path / "jaeger") as jaeger:
        asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": jaeger.otlp}
        done = tocsin("run", "--count", 8_000, "--data", "data", cwd=tmp_path, environment=asked)
        assert done.returncode == 0, done.stderr
        found = jaeger.traces()
        events, alerts = _ids(tmp_path / "data", "events"), _ids(tmp_path / "data", "alerts")
        assert alerts
        assert alerts <= set(found) <= events
        others = len(found) - len(alerts)
        assert 40 <= others <= 130, "one in a hundred of 8,000, by ids that are the same each time"
        for trace_id, spans in found.items():
            _check_whole(trace_id, spans)
