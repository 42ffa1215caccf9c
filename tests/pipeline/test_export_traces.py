"""Traces go to a collector whatever it answers: none is lost that need not be, and what is lost is counted."""

import gzip
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.command import tocsin
from tests.kafka.broker import free_ports
from tests.sinks.classified import DETECTION, classified, dead_letter, detection_verdict
from tests.sinks.traced_store import merge_all, store, traced
from tests.telemetry.collector import Collector, Received, Reply

from tocsin.config import load_config
from tocsin.errors import DeliveryError
from tocsin.event import Record, with_part
from tocsin.pipeline import export_traces
from tocsin.pipeline.export_traces import StoppedError, TraceExport, begin_traces
from tocsin.sinks import stored_commits
from tocsin.sinks.manifest import Manifest, Segment
from tocsin.sinks.trace_cursor import TraceCursor
from tocsin.supervisor import StopSignal
from tocsin.telemetry import trace
from tocsin.telemetry.otlp_http import OtlpClient
from tocsin.telemetry.otlp_settings import OtlpSettings
from tocsin.telemetry.trace_policy import Sampler, TracePolicy

_ALL = TracePolicy(is_all=True)
_ALERTS = TracePolicy(ratio=0.0)
_SPANS = 8  # of an event
_ALERT = detection_verdict(DETECTION)


@pytest.fixture(autouse=True)
def no_proxy_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(export_traces, "_BACKOFF_SECONDS", (0.01,))
    monkeypatch.setattr(export_traces, "_COMMITS_TOGETHER", 1)  # so that each request is of one commit
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of the tests stay


def _export(
    folder: Path,
    place: str,
    policy: TracePolicy = _ALL,
    timeout_seconds: float = 10.0,
    is_stopped: Callable[[], bool] = lambda: False,
    manifest_of: Callable[[Path], Manifest] = Manifest,
) -> Mapping[str, int]:
    """Send all there is, as a process does that was just started; return what was counted so far."""
    settings = OtlpSettings(f"http://{place}/v1/traces", timeout_seconds=timeout_seconds)
    with ExitStack() as stack:
        client = stack.enter_context(closing(OtlpClient(settings)))
        cursor = stack.enter_context(closing(TraceCursor(folder, {})))
        manifest = stack.enter_context(closing(manifest_of(folder)))
        export = TraceExport(folder, "tocsin", manifest, cursor, Sampler(policy), client, is_stopped)
        while export.turn():
            pass
        return cursor.counts()


def _position(folder: Path, writer: str = "w0") -> int:
    with closing(TraceCursor(folder, {})) as cursor:
        return cursor.position(writer)


def _spans(received: Sequence[Received]) -> "Counter[tuple[int, str]]":
    """Return how often each span came: (offset of its event, name)."""
    spans: Counter[tuple[int, str]] = Counter()
    for request in received:
        for of_resource in ExportTraceServiceRequest.FromString(gzip.decompress(request.body)).resource_spans:
            for span in of_resource.scope_spans[0].spans:
                spans[int.from_bytes(span.trace_id[8:], "big"), span.name] += 1
    return spans


def _events(spans: "Counter[tuple[int, str]]") -> list[int]:
    """Return whose spans they are, all of which have their whole trace, each span once."""
    assert set(spans.values()) <= {1}
    names = Counter(offset for offset, _ in spans)
    assert set(names.values()) <= {_SPANS}
    return sorted(names)


def _partial_success(rejected: int) -> Reply:
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message="no room")
    return Reply(body=ExportTraceServiceResponse(partial_success=partial).SerializeToString())


def _many(count: int, first: int = 1) -> list[Record]:
    return [traced(offset) for offset in range(first, first + count)]


def test_the_cursor_goes_on_only_once_the_collector_has_answered(tmp_path: Path) -> None:
    store(tmp_path, _many(3))
    with Collector() as collector:
        collector.may_answer.clear()
        thread = threading.Thread(target=_export, args=(tmp_path, collector.place))
        thread.start()
        assert collector.has_received.wait(30)
        before = _position(tmp_path)
        collector.may_answer.set()
        thread.join(30)
        assert (before, _position(tmp_path)) == (0, 1)
        assert _events(_spans(collector.received)) == [1, 2, 3]


@pytest.mark.parametrize(
    "away",
    [
        Reply(429, headers={"Retry-After": "1"}),
        Reply(503, headers={"Retry-After": "0"}),
        Reply(502),
        Reply(504, b"<html>", {"Content-Type": "text/html"}),
    ],
)
def test_what_a_collector_cannot_take_now_is_sent_again_as_it_was(tmp_path: Path, away: Reply) -> None:
    store(tmp_path, _many(2))
    with Collector(away, Reply(503), Reply()) as collector:
        assert _export(tmp_path, collector.place) == {"sent": 2 * _SPANS}
        assert len({request.body for request in collector.received}) == 1
        assert len(collector.received) == 3
        assert _events(_spans(collector.received[2:])) == [1, 2]


def test_an_answer_that_comes_too_late_makes_the_same_bytes_come_again(tmp_path: Path) -> None:
    store(tmp_path, _many(2))
    with Collector() as collector:
        collector.may_answer.clear()
        threading.Timer(0.5, collector.may_answer.set).start()
        assert _export(tmp_path, collector.place, timeout_seconds=0.2) == {"sent": 2 * _SPANS}
        assert len(collector.received) > 1
        assert len({request.body for request in collector.received}) == 1


def test_what_waits_for_a_collector_that_is_away_is_sent_by_the_next_process(tmp_path: Path) -> None:
    store(tmp_path, _many(1), _many(1, first=2))
    stops = iter([False] * 20)
    with pytest.raises(StoppedError):
        _export(tmp_path, f"127.0.0.1:{free_ports(1)[0]}", is_stopped=lambda: next(stops, True))
    assert _position(tmp_path) == 0
    with Collector() as collector:
        assert _export(tmp_path, collector.place) == {"sent": 2 * _SPANS}
        assert _events(_spans(collector.received)) == [1, 2]


def test_what_was_counted_is_so_across_processes_and_nothing_is_sent_again(tmp_path: Path) -> None:
    with Collector(Reply(), _partial_success(3), Reply(400), Reply()) as collector:
        counts = []
        for number in (1, 2, 3, 4):
            store(tmp_path, [traced(number)], second=number)
            counts.append(_export(tmp_path, collector.place))
        assert counts == [
            {"sent": 8},
            {"sent": 13, "rejected": 3},
            {"sent": 13, "rejected": 3, "refused": 8},
            {"sent": 21, "rejected": 3, "refused": 8},
        ]
        assert _events(_spans(collector.received)) == [1, 2, 3, 4]


def test_a_request_that_is_too_large_is_halved_until_it_passes_and_later_ones_are_smaller(tmp_path: Path) -> None:
    store(tmp_path, _many(400), _many(400, first=401))
    with Collector(Reply(413), Reply(413), Reply()) as collector:
        assert _export(tmp_path, collector.place) == {"sent": 800 * _SPANS}
        taken = collector.received[2:]
        assert _events(_spans(taken)) == list(range(1, 801))
        later = [request for request in taken if min(_spans([request]))[0] > 400]
        assert max(len(request.body) for request in later) < len(collector.received[0].body) / 3


def test_what_is_too_large_by_itself_is_refused_and_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    store(tmp_path, _many(1), _many(1, first=2))
    with Collector(Reply(413), Reply()) as collector:
        assert _export(tmp_path, collector.place) == {"sent": _SPANS, "refused": _SPANS}
        assert _events(_spans(collector.received[1:])) == [2]


def test_what_was_stored_before_the_first_start_is_not_sent(tmp_path: Path) -> None:
    config = load_config({"data": str(tmp_path)}, {})
    store(config.store_folder, _many(2))
    begin_traces(config)
    store(config.store_folder, _many(2, first=3), second=2)
    begin_traces(config)
    with Collector() as collector:
        _export(config.store_folder, collector.place)
        assert _events(_spans(collector.received)) == [3, 4]


def test_where_many_commits_wait_a_request_takes_the_traces_of_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_traces, "_COMMITS_TOGETHER", 16)
    store(tmp_path, *(_many(1, first=number) for number in range(1, 21)), name="w0")
    store(tmp_path, *(_many(1, first=number) for number in range(21, 41)), name="w1")
    with Collector() as collector:
        assert _export(tmp_path, collector.place) == {"sent": 40 * _SPANS}
        assert len(collector.received) == 3
        assert _events(_spans(collector.received)) == list(range(1, 41))
        assert _export(tmp_path, collector.place) == {"sent": 40 * _SPANS}


def test_a_long_retry_after_does_not_keep_once_from_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_traces, "_FINAL_SECONDS", 0.3)
    store(tmp_path / "store", _many(1))
    with (
        Collector(Reply(429, headers={"Retry-After": "99999"})) as collector,
        pytest.raises(DeliveryError, match="300 seconds of patience"),
    ):
        _sent_once(tmp_path, collector.place)


def test_a_number_of_rejected_spans_that_cannot_be_stops_nothing(tmp_path: Path) -> None:
    store(tmp_path, _many(1), _many(1, first=2))
    with Collector(_partial_success((1 << 63) - 1), _partial_success(-3)) as collector:
        assert _export(tmp_path, collector.place) == {"sent": _SPANS, "rejected": _SPANS}


def test_an_event_whose_times_are_not_ours_is_counted_and_nothing_empty_is_sent(tmp_path: Path) -> None:
    forged = classified(1)
    with_garbage = with_part(forged, b"\x00\x01\xc0")
    store(tmp_path, [Record(with_garbage.value, b"", with_garbage.headers, 1, forged.topic, 0, 1)])
    with Collector() as collector:
        assert _export(tmp_path, collector.place) == {"failed": 1}
        assert collector.received == []


def _sent_once(data: Path, place: str) -> Mapping[str, int]:
    config = load_config({"data": str(data), "trace.policy": "all"}, {})
    TraceCursor(config.store_folder, {}).close()
    return export_traces.export_traces(
        config, OtlpSettings(f"http://{place}/v1/traces"), True, StopSignal(is_supervised=False)
    )


def test_once_sends_all_there_is_however_many_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_commits, "_COMMITS_AT_ONCE", 3)
    store(tmp_path / "store", *(_many(1, first=number) for number in range(1, 21)))
    with Collector() as collector:
        assert _sent_once(tmp_path, collector.place) == {"sent": 20 * _SPANS}


def test_once_does_not_wait_for_ever_for_a_collector_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_traces, "_FINAL_SECONDS", 0.1)
    store(tmp_path / "store", _many(1))
    with pytest.raises(DeliveryError, match="cannot be reached"):
        _sent_once(tmp_path, f"127.0.0.1:{free_ports(1)[0]}")
    assert _position(tmp_path / "store") == 0


@pytest.mark.parametrize("is_merged", [False, True])
def test_every_alert_is_sent_whole_and_no_other_event_at_a_ratio_of_none(tmp_path: Path, is_merged: bool) -> None:
    batches = [
        [traced(offset, judged=_ALERT if offset % 7 == 0 else None, alerts=["a"] if offset % 7 == 0 else [])]
        for offset in range(1, 50)
    ]
    store(tmp_path, *batches)
    if is_merged:
        merge_all(tmp_path)
    with Collector() as collector:
        assert _export(tmp_path, collector.place, _ALERTS) == {"sent": 7 * _SPANS}
        assert _events(_spans(collector.received)) == [7, 14, 21, 28, 35, 42, 49]


@pytest.mark.parametrize("is_merged", [False, True])
def test_the_limit_is_one_of_each_second_of_storing_however_late_it_is_sent(tmp_path: Path, is_merged: bool) -> None:
    """Whoever was away for an hour sends as much of it as one who was there, and of two writers in turn."""
    batches = [_many(5, first=10 * number) for number in range(1, 5)]
    store(tmp_path, *batches[:2], name="w0", second=1)
    store(tmp_path, *batches[2:], name="w1", second=3)
    store(tmp_path, [dead_letter(9)], name="w2", second=60)
    if is_merged:
        merge_all(tmp_path)
    policy = TracePolicy(ratio=1.0, max_spans=3 * _SPANS)
    with Collector() as collector:
        counts = _export(tmp_path, collector.place, policy)
        assert counts["limited"] == 4 * 2
        events = [offset for offset, name in _spans(collector.received) if name == "produce_event"]
        assert Counter(offset // 10 for offset in events) == {1: 3, 2: 3, 3: 3, 4: 3}


def test_what_retention_removed_meanwhile_is_counted(tmp_path: Path) -> None:
    store(tmp_path, _many(3), _many(2, first=4))
    with closing(Manifest(tmp_path)) as manifest, manifest.edit() as connection:
        connection.execute("DELETE FROM segments WHERE path LIKE '%000000000001.parquet'")
    with Collector() as collector:
        assert _export(tmp_path, collector.place) == {"expired": 3, "sent": 2 * _SPANS}


def test_a_file_that_is_merged_while_it_is_looked_for_is_found_in_its_new_place(tmp_path: Path) -> None:
    store(tmp_path, _many(2), _many(2, first=3))
    stale = itertools.chain([_listed(tmp_path)], itertools.repeat(None))
    merge_all(tmp_path)
    for path in tmp_path.glob("segments/*/*/w0-*"):
        path.unlink()

    class Late(Manifest):
        def segments(self) -> list[Segment]:
            return next(stale) or super().segments()

    with Collector() as collector:
        assert _export(tmp_path, collector.place, manifest_of=Late) == {"sent": 4 * _SPANS}
        assert _events(_spans(collector.received)) == [1, 2, 3, 4]


def _listed(folder: Path) -> list[Segment]:
    with closing(Manifest(folder)) as manifest:
        return manifest.segments()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1")])
def test_a_listed_file_that_cannot_be_read_is_counted_and_holds_nothing_up(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    store(tmp_path, _many(2), _many(2, first=3))
    damage(tmp_path / _listed(tmp_path)[0].path)
    with Collector() as collector:
        assert _export(tmp_path, collector.place) == {"expired": 2, "sent": 2 * _SPANS}
        assert _events(_spans(collector.received)) == [3, 4]


def test_rows_that_no_spans_can_be_made_of_are_counted_and_hold_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, _many(2), _many(1, first=3))
    broken = iter([True])
    whole = trace.spans_of
    monkeypatch.setattr(export_traces, "spans_of", lambda *each: 1 // 0 if next(broken, False) else whole(*each))
    with Collector() as collector:
        assert _export(tmp_path, collector.place) == {"failed": 2, "sent": _SPANS}


def test_an_event_stored_without_times_has_no_trace_and_is_not_missed(tmp_path: Path) -> None:
    store(tmp_path, [classified(1)], is_traced=False)
    store(tmp_path, _many(1, first=2), second=2)
    merge_all(tmp_path)
    with Collector() as collector:
        assert _export(tmp_path, collector.place) == {"sent": _SPANS}
        assert _events(_spans(collector.received)) == [2]


@pytest.fixture
def start_exporter(tmp_path: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Start `tocsin export-traces` as a process of its own, for the store in `tmp_path/data`."""
    started: list[subprocess.Popen[str]] = []

    def start(place: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tocsin", "export-traces", "--trace", "all", "--data", str(tmp_path / "data")]
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{place}", "no_proxy": "*"}
        started.append(
            subprocess.Popen(
                command, env={**os.environ, **variables}, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _wait_for(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it never said `{words}`")


def test_a_stop_while_the_collector_is_away_ends_it_and_the_next_one_sends_all(
    tmp_path: Path, start_exporter: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    folder = tmp_path / "data" / "store"
    TraceCursor(folder, {}).close()
    store(folder, _many(2))
    first = start_exporter(f"127.0.0.1:{free_ports(1)[0]}")
    _wait_for(first, "nothing is lost")
    first.terminate()
    _, said = first.communicate(timeout=15)
    assert first.returncode == 0
    assert "sent after the next start" in said
    assert _position(folder) == 0
    with Collector() as collector:
        second = start_exporter(collector.place)
        assert collector.has_received.wait(30)
        second.terminate()
        assert second.communicate(timeout=15)[0] == "traces: 16 spans sent so far.\n"
        assert _events(_spans(collector.received)) == [1, 2]


@pytest.mark.slow
def test_a_stop_does_not_wait_for_an_answer_that_does_not_come(
    tmp_path: Path, start_exporter: Callable[[str], "subprocess.Popen[str]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "300000")
    folder = tmp_path / "data" / "store"
    TraceCursor(folder, {}).close()
    store(folder, _many(2))
    with Collector() as collector:
        collector.may_answer.clear()
        process = start_exporter(collector.place)
        assert collector.has_received.wait(30)
        process.terminate()
        process.communicate(timeout=20)  # the supervisor kills then
    assert process.returncode == 0
    assert _position(folder) == 0


def test_one_beside_another_waits_and_is_its_successor(
    tmp_path: Path, start_exporter: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    folder = tmp_path / "data" / "store"
    TraceCursor(folder, {}).close()
    store(folder, _many(1))
    with Collector() as collector:
        first = start_exporter(collector.place)
        assert collector.has_received.wait(30)
        second = start_exporter(collector.place)
        _wait_for(second, f"pid {first.pid} already")
        first.kill()
        first.wait()
        collector.has_received.clear()
        store(folder, _many(1, first=2), second=2)
        assert collector.has_received.wait(30)
        assert second.poll() is None
        assert {offset for offset, _ in _spans(collector.received)} == {1, 2}


def _by_hand(*arguments: object, cwd: Path, place: str) -> "subprocess.CompletedProcess[str]":
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{place}", "no_proxy": "*"}
    return tocsin("export-traces", "--once", "--trace", "all", *arguments, cwd=cwd, environment=variables)


def test_by_hand_what_was_stored_before_is_said_to_be_left_out_and_sent_where_it_is_asked_for(tmp_path: Path) -> None:
    store(tmp_path / "data" / "store", _many(3))
    with Collector() as collector:
        done = _by_hand("--data", "data", cwd=tmp_path, place=collector.place)
        assert (done.returncode, done.stdout) == (0, "traces: 0 spans sent so far.\n")
        assert "of what was stored before (3 records) none is sent (--from-start sends all)" in done.stderr
        for sent in (24, 48):
            done = _by_hand("--from-start", "--data", "data", cwd=tmp_path, place=collector.place)
            assert (done.stdout, done.stderr) == (f"traces: {sent} spans sent so far.\n", "")


def test_by_hand_where_there_is_no_store_none_is_made(tmp_path: Path) -> None:
    done = _by_hand("--data", "nowhere", cwd=tmp_path, place="127.0.0.1:9")
    assert (done.returncode, "there is none in" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
