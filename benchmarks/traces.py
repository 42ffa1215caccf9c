"""Measure what tracing costs: the stages with traces of none, of alerts, of all, and the exporter part by part.

    python benchmarks/traces.py [--events N] [--turns N] [--rate N] [--seconds N] [--only PART...]

A real Jaeger takes the traces, on this machine, too (`make services` builds it). Parts:

exporter  CPU µs an event and a span of one store, sent from within this process: read, spans, encode, gzip, send; bytes
stages    `tocsin run` with --trace off, alerts and all in turn (A B C A B C): CPU µs an event of each stage, from the
          start of its process to its end, less that of a run of 100 events; events a second, first event to all stored
faults    `tocsin run --trace all` with a collector that is away, slow, refuses or takes half, beside one that is well,
          and beside --trace off, in turn; then what is sent by itself once it is well
rate      `tocsin run --trace all` at so many events a second: what was dropped, and how far the exporter was behind
"""

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from time import process_time
from zlib import compress

import psutil
from match import commit, machine
from on_kafka import load

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from tests.jaeger.server import Jaeger
from tests.kafka.broker import free_ports
from tests.telemetry.collector import Collector, Reply

from tocsin.sinks.manifest import Manifest
from tocsin.sinks.stored_commits import commits_after, rows_of
from tocsin.sinks.traces import events_in, traced_only
from tocsin.telemetry.otlp import encode_pieces
from tocsin.telemetry.otlp_http import OtlpClient
from tocsin.telemetry.otlp_settings import OtlpSettings
from tocsin.telemetry.steps import SPANS_OF_AN_EVENT as SPANS
from tocsin.telemetry.trace import spans_of

PARTS = ("exporter", "stages", "faults", "rate")
_POLICIES = ("off", "alerts", "all")
_STAGES = ("produce", "classify", "store", "export-traces")
_START_EVENTS = 100
_SAMPLE_SECONDS = 0.02
_EVENTS_AT_ONCE, _EVENTS_OF_A_PIECE, _PIECES_AT_ONCE = 4_096, 64, 16  # as the exporter has them
_GZIP_LEVEL = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="of a run (default: 100000)")
    parser.add_argument("--turns", type=int, default=3, help="of each, in alternation (default: 3)")
    parser.add_argument("--rate", type=int, default=5_000, help="events a second (default: 5000)")
    parser.add_argument("--seconds", type=int, default=60, help="of that rate (default: 60)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    os.environ["no_proxy"] = "*"
    print(f"machine: {machine()}; commit: {commit()}; {load()}")
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-benchmark-") as folder,
        Jaeger(Path(folder, "jaeger"), max_traces=20_000) as jaeger,
    ):
        for part in arguments.only:
            {"exporter": _exporter, "stages": _stages, "faults": _faults, "rate": _rate}[part](
                Path(folder), jaeger, arguments
            )
            sys.stdout.flush()


def _exporter(folder: Path, jaeger: Jaeger, arguments: argparse.Namespace) -> None:
    store = folder / "exporter"
    _run(store, arguments.events, "all", endpoint=None)
    costs: dict[str, list[float]] = defaultdict(list)
    with closing(OtlpClient(OtlpSettings(f"{jaeger.otlp}/v1/traces", is_gzip=False))) as client:
        for _ in range(arguments.turns):
            seconds, events, size, compressed = _exported(store / "store", client)
            for part, spent in seconds.items():
                costs[part].append(1e6 * spent / events)
    print(f"exporter: {events:,} events, {SPANS} spans each; median of {arguments.turns} runs, CPU of one core")
    for part, each in costs.items():
        median = statistics.median(each)
        print(f"  {part:8} {median:6.2f} µs an event {median / SPANS:6.3f} µs a span")
    spans = events * SPANS
    print(f"  {size / spans:.0f} bytes a span, {compressed / spans:.1f} after gzip level {_GZIP_LEVEL}")


def _exported(store: Path, client: OtlpClient) -> tuple[Mapping[str, float], int, int, int]:
    """Return CPU seconds by part, how many events, and bytes before and after gzip."""
    seconds = dict.fromkeys(("read", "spans", "encode", "gzip", "send"), 0.0)
    count = size = compressed = 0
    at = process_time()

    def spend(part: str) -> None:
        nonlocal at
        now = process_time()
        seconds[part] += now - at
        at = now

    with closing(Manifest(store)) as manifest:
        for writer, listed in manifest.writers().items():
            for commits in commits_after(manifest, writer, 0, listed, manifest.segments()):
                for stored in rows_of(store, commits):
                    rows = traced_only(stored.rows)
                    spend("read")
                    pieces: list[bytes] = []
                    for events in events_in(rows, stored.kind).pieces(_EVENTS_AT_ONCE):
                        groups = spans_of(events, "tocsin")
                        spend("spans")
                        pieces += [encoded for encoded, _ in encode_pieces(groups, len(events), _EVENTS_OF_A_PIECE)]
                        spend("encode")
                    for first in range(0, len(pieces), _PIECES_AT_ONCE):
                        request = b"".join(pieces[first : first + _PIECES_AT_ONCE])
                        spend("encode")
                        compressed += len(compress(request, _GZIP_LEVEL))
                        spend("gzip")
                        client.send(request)
                        spend("send")
                        size += len(request)
                    count += rows.num_rows
    return seconds, count, size, compressed


def _stages(folder: Path, jaeger: Jaeger, arguments: argparse.Namespace) -> None:
    starts = {policy: _run(folder / f"start-{policy}", _START_EVENTS, policy, jaeger.otlp) for policy in _POLICIES}
    costs: dict[tuple[str, str], list[float]] = defaultdict(list)
    for turn in range(arguments.turns):
        for policy in _POLICIES:
            cpu, _ = _run(data := folder / f"run-{policy}-{turn}", arguments.events, policy, jaeger.otlp)
            start_cpu, _ = starts[policy]
            for stage in _STAGES:
                own = cpu[stage] - start_cpu[stage]
                costs[policy, stage].append(1e6 * own / (arguments.events - _START_EVENTS))
            costs[policy, "clock"].append(_events_a_second(data))
    print(f"stages: {arguments.events:,} simulated events; median of {arguments.turns} turns in alternation")
    for policy in _POLICIES:
        cells = [f"{stage} {statistics.median(costs[policy, stage]):6.1f}" for stage in _STAGES]
        print(
            f"  {policy:6} µs of CPU an event: {', '.join(cells)}; {statistics.median(costs[policy, 'clock']):,.0f}/s"
        )


def _faults(folder: Path, _: Jaeger, arguments: argparse.Namespace) -> None:
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    half = ExportTracePartialSuccess(rejected_spans=256, error_message="no room")
    faults: Mapping[str, Reply | None] = {
        "well": Reply(),
        "away": None,
        "slow": Reply(seconds=10.0),
        "503": Reply(503),
        "429": Reply(429, headers={"Retry-After": "1"}),
        "partial": Reply(body=ExportTraceServiceResponse(partial_success=half).SerializeToString()),
    }
    speeds: dict[str, list[float]] = defaultdict(list)
    said: dict[str, str] = {}
    for turn in range(arguments.turns):
        data = folder / f"no-fault-{turn}"
        _run(data, arguments.events, "off", endpoint=None)
        speeds["off"].append(_events_a_second(data))
        for name, reply in faults.items():
            data = folder / f"fault-{name}-{turn}"
            with Collector(reply, port=port) if reply else nullcontext():
                _run(data, arguments.events, "all", endpoint)
            speeds[name].append(_events_a_second(data))
            during = _counts(data)
            with Collector(port=port):
                _tocsin("export-traces", "--once", "--trace", "all", "--data", data, endpoint=endpoint)
            said[name] = f"{_shown(during)}; once it is well: {_shown(_counts(data))}"
    print(f"faults: {arguments.events:,} events, --trace all; median of {arguments.turns} turns; spans at the end")
    for name, each in speeds.items():
        print(f"  {name:8} {statistics.median(each):8,.0f} events a second; {said.get(name, '')}".rstrip("; "))


def _counts(data: Path) -> Mapping[str, int]:
    with closing(sqlite3.connect(data / "store" / "traces.sqlite")) as connection:
        return dict(connection.execute("SELECT what, count FROM counts"))


def _shown(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "none"


def _events_a_second(data: Path) -> float:
    """Return what the summary of a run says of its speed."""
    lines = data.with_suffix(".log").read_text().splitlines()
    line = next(line for line in lines if "events a second, end to end" in line)
    return float(line.split()[-1].replace(",", ""))


def _rate(folder: Path, jaeger: Jaeger, arguments: argparse.Namespace) -> None:
    events = arguments.rate * arguments.seconds
    data = folder / "rate"
    behind: list[int] = []
    cpu, wall = _run(data, events, "all", jaeger.otlp, arguments.rate, behind)
    started = time.monotonic()
    _tocsin("export-traces", "--once", "--trace", "all", "--data", data, endpoint=jaeger.otlp)
    rest = time.monotonic() - started
    counts = dict(_counts(data))
    sent = counts.pop("sent", 0)
    print(
        f"rate: {events:,} events at {arguments.rate:,}/s in {wall:.0f} s; {sent:,} of {events * SPANS:,} spans sent;"
        f" dropped: {counts or 'none'}\n"
        f"  behind: {statistics.median(behind or [0]):,.0f} events at the median, {max(behind, default=0):,} at most;"
        f" sending the rest after the end, with a start: {rest:.1f} s\n"
        f"  exporter {1e6 * cpu['export-traces'] / events:.1f} µs of CPU an event, its start among it; {load()}"
    )


def _run(
    data: Path, events: int, policy: str, endpoint: str | None, rate: int = 0, behind: list[int] | None = None
) -> tuple[Mapping[str, float], float]:
    """Run everything to its end; return CPU seconds by stage, and seconds by the clock."""
    arguments = ["run", "--count", events, "--trace", policy, "--data", data, *(["--rate", rate] if rate else [])]
    with (data.with_suffix(".log")).open("wb") as log:
        run = subprocess.Popen(_command(*arguments), env=_environment(endpoint), stdout=log, stderr=log)
    cpu: dict[int, tuple[str, float]] = {}
    started = time.monotonic()
    looked_at = 0.0
    while run.poll() is None:
        _sample(run.pid, cpu)
        if behind is not None and time.monotonic() - looked_at > 1.0:
            looked_at = time.monotonic()
            behind.append(_behind(data / "store"))
        time.sleep(_SAMPLE_SECONDS)
    wall = time.monotonic() - started
    if run.returncode:
        sys.exit(f"{arguments}: exit code {run.returncode}: {data.with_suffix('.log').read_text()[-2000:]}")
    by_stage = dict.fromkeys(_STAGES, 0.0)
    for name, seconds in cpu.values():
        by_stage[name] = by_stage.get(name, 0.0) + seconds
    return by_stage, wall


def _sample(pid: int, cpu: dict[int, tuple[str, float]]) -> None:
    """Note the CPU time so far of each process below a run, by its stage; merging files is none."""
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error, ValueError):
                times = process.cpu_times()
                command = process.cmdline()
                cpu[process.pid] = (command[command.index("tocsin") + 1], times.user + times.system)


def _behind(store: Path) -> int:
    """Return how many events are listed whose traces have not been sent."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(store / "manifest.sqlite", timeout=5)) as connection:
        connection.execute("ATTACH ? AS traces", (str(store / "traces.sqlite"),))
        [count] = connection.execute(
            "SELECT coalesce(sum(events + dead_letters), 0) FROM commits"
            " LEFT JOIN traces.cursors USING (writer) WHERE commits.seq > coalesce(cursors.seq, 0)"
        ).fetchone()
        return int(count)
    return 0


def _tocsin(*arguments: object, endpoint: str | None) -> None:
    done = subprocess.run(_command(*arguments), env=_environment(endpoint), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stdout}{done.stderr}")


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "tocsin", *map(str, arguments)]


def _environment(endpoint: str | None) -> dict[str, str]:
    return {**os.environ, **({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} if endpoint else {})}


if __name__ == "__main__":
    main()
