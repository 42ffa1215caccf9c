"""Traces as a real Jaeger has them: of every event that was stored, whole, whatever was killed on the way."""

import random
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from tests.command import query, start_tocsin, tocsin
from tests.jaeger.server import Jaeger
from tests.kafka.broker import Cluster
from tests.relay import Relay

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
_IN_TURN = tuple(_PARENTS)[:6]
_SERVICES = {"tocsin-produce", "tocsin-classify", "tocsin-store"}
_OF_BATCHES = {
    f"{operation} {topic}"
    for operation in ("poll", "process", "commit")
    for topic in ("raw-events", "classified-events")
} | {"read_batch", "stamp_batch", "send raw-events"}
_KILLS = 8
_EVENTS = 4_000


@pytest.fixture
def jaeger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jaeger]:
    """A Jaeger that all commands of the test send to."""
    with Jaeger(tmp_path / "jaeger") as jaeger:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", jaeger.otlp)
        monkeypatch.setenv("no_proxy", "*")
        yield jaeger


def _stored(data: Path) -> Sequence[Mapping[str, object]]:
    return query(data, "SELECT event_id, len(alert_ids) AS alerts FROM events")


def _send_the_rest(folder: Path, trace: str) -> None:
    done = tocsin("export-traces", "--once", "--trace", trace, "--data", "data", cwd=folder)
    assert done.returncode == 0, done.stderr


def _counts(data: Path) -> Mapping[str, int]:
    with closing(sqlite3.connect(data / "store" / "traces.sqlite")) as connection:
        return dict(connection.execute("SELECT what, count FROM counts"))


def _of_events(traces: Mapping[bytes, Sequence[Span]]) -> Mapping[bytes, Sequence[Span]]:
    """Return the traces that are not those of batches."""
    return {trace_id: spans for trace_id, spans in traces.items() if not {span.name for span in spans} & _OF_BATCHES}


def _check(traces: Mapping[bytes, Sequence[Span]], event_ids: Collection[str]) -> None:
    """Of these events and of no others, the whole trace is there, each span once but for equal copies."""
    assert {trace_id.hex() for trace_id in traces} == set(event_ids)
    for event_id, copies in traces.items():
        _check_trace(event_id, [span for at, span in enumerate(copies) if span not in copies[:at]])


def _check_trace(event_id: bytes, spans: Sequence[Span]) -> None:
    by_name = {span.name: span for span in spans}
    assert sorted(span.name for span in spans) == sorted(_PARENTS), event_id.hex()
    assert {span.resource.service for span in spans} == _SERVICES
    for name, parent in _PARENTS.items():
        assert by_name[name].span_id == span_id_of(event_id, name)
        assert by_name[name].parent_id == (by_name[parent].span_id if parent else b"")
    times = [time_ns for name in _IN_TURN for time_ns in (by_name[name].start_ns, by_name[name].end_ns)]
    assert times == sorted(times), event_id.hex()
    store = by_name["store_event"]
    for name in ("write_csv", "write_parquet"):
        assert store.start_ns <= by_name[name].start_ns <= by_name[name].end_ns <= store.end_ns


def test_a_run_leaves_the_whole_trace_of_every_event(tmp_path: Path, jaeger: Jaeger) -> None:
    done = tocsin("run", "--count", 3_000, "--trace", "all", "--data", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    event_ids = [str(row["event_id"]) for row in _stored(tmp_path / "data")]
    assert len(event_ids) == 3_000
    traces = jaeger.traces()
    of_events = _of_events(traces)
    _check(of_events, event_ids)
    assert _counts(tmp_path / "data") == {"sent": 3_000 * len(_PARENTS)}
    assert sum(map(len, of_events.values())) == 3_000 * len(_PARENTS)
    of_batches = [span for trace_id, spans in traces.items() if trace_id not in of_events for span in spans]
    assert {span.name for span in of_batches} == _OF_BATCHES
    assert {span.resource.service for span in of_batches} == _SERVICES
    assert {trace_id for span in of_batches for trace_id, _ in span.links} <= set(of_events)


def test_on_kafka_every_alert_is_traced_whole_and_of_the_others_those_of_the_ratio(
    tmp_path: Path, jaeger: Jaeger, kafka: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratio = 0.1
    monkeypatch.setenv("TOCSIN_TRACE_RATIO", str(ratio))
    monkeypatch.setenv("TOCSIN_TRACE_MAX_SPANS", "1000000")
    place = ("--bus", kafka.url, "--data", "data")
    stages = [start_tocsin(stage, *place, cwd=tmp_path) for stage in ("classify", "classify", "store")]
    try:
        done = tocsin("produce", "--count", 20_000, "--seed", 7, "--hosts", 5, *place, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        deadline = time.monotonic() + 90
        while len(rows := _stored(tmp_path / "data")) < 20_000:
            assert time.monotonic() < deadline, (tmp_path / "output.txt").read_text()[-3000:]
            time.sleep(0.3)
    finally:
        for stage in stages:
            stage.terminate()
        codes = [stage.wait(30) for stage in stages]
        kafka.empty()
    assert codes == [0, 0, 0], (tmp_path / "output.txt").read_text()
    alerts = {str(row["event_id"]) for row in rows if row["alerts"]}
    least = round((1 - ratio) * (1 << 56))
    sampled = {event_id for row in rows if int((event_id := str(row["event_id"]))[-14:], 16) >= least}
    assert alerts - sampled
    assert 0.09 < len(sampled) / len(rows) < 0.11
    _check(_of_events(jaeger.traces()), alerts | sampled)


def test_kills_of_anything_and_a_network_that_breaks_lose_no_trace(
    tmp_path: Path, jaeger: Jaeger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing can be sent segments are merged, so that the exporter finds rows where they were not written."""
    monkeypatch.setenv("TOCSIN_STORE_MERGE_FILES", "2")
    monkeypatch.setenv("TOCSIN_STORE_GRACE_SECONDS", "0.1")
    rng = random.Random(20260112)
    command = ("run", "--count", _EVENTS, "--rate", 500, "--trace", "all", "--data", "data")
    with Relay(urlsplit(jaeger.otlp).port or 0) as relay:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{relay.port}")
        run = start_tocsin(*command, cwd=tmp_path)
        killed: list[str] = []
        deadline = time.monotonic() + 120
        while run.poll() != 0:
            assert time.monotonic() < deadline, (tmp_path / "output.txt").read_text()[-3000:]
            if run.poll() is not None:
                run = start_tocsin(*command, cwd=tmp_path)
            time.sleep(rng.uniform(0.2, 0.8))
            if len(killed) < _KILLS:
                killed.append(_kill_one(run.pid, rng))
                relay.cut()
                time.sleep(rng.uniform(0.0, 0.2))
                tocsin("maintain", "--once", "--data", "data", cwd=tmp_path)
                relay.mend()
        assert len(killed) == _KILLS, f"the run ended after {len(killed)} kills: give it more to do"
        _send_the_rest(tmp_path, "all")
    assert _counts(tmp_path / "data").keys() == {"sent"}
    event_ids = [str(row["event_id"]) for row in _stored(tmp_path / "data")]
    assert len(event_ids) == _EVENTS
    _check(_of_events(jaeger.traces()), event_ids)


def _kill_one(pid: int, rng: random.Random) -> str:
    """Kill the run itself, or a process below it, every other time the exporter; return its command."""
    try:
        below = psutil.Process(pid).children(recursive=True)
        exporters = [process for process in below if "export-traces" in process.cmdline()]
        victim = rng.choice(exporters if exporters and rng.random() < 0.5 else [psutil.Process(pid), *below])
        command = " ".join(victim.cmdline()[2:5])
        victim.kill()
    except psutil.NoSuchProcess:
        return "gone"
    return command
