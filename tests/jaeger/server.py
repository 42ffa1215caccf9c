"""Start a real Jaeger for tests, its traces in memory, on free ports."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from tests.kafka.broker import free_ports
from tests.services import skip_or_fail
from tocsin.telemetry.spans import Resource, Span, Value

_START_SECONDS = 30.0
_ANSWER_SECONDS = 60.0
_PORTS = ("HEALTH_PORT", "QUERY_PORT", "QUERY_GRPC_PORT", "OTLP_GRPC_PORT", "OTLP_HTTP_PORT")
# No batch processor: what was accepted can be read. No tracing of its own: it would write to port 4317.
_SETTINGS = """\
service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines: {traces: {receivers: [otlp], processors: [], exporters: [jaeger_storage_exporter]}}
  telemetry: {resource: {service.name: jaeger}, metrics: {level: none}, logs: {level: info, encoding: json}}
extensions:
  healthcheckv2: {use_v2: true, http: {endpoint: "127.0.0.1:${env:HEALTH_PORT}"}}
  jaeger_query:
    enable_tracing: false
    http: {endpoint: "127.0.0.1:${env:QUERY_PORT}"}
    grpc: {endpoint: "127.0.0.1:${env:QUERY_GRPC_PORT}"}
    storage: {traces: main}
  jaeger_storage:
    backends:
      main:
        memory:
          max_traces: ${env:MAX_TRACES}
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${env:OTLP_GRPC_PORT}"}
      http: {endpoint: "127.0.0.1:${env:OTLP_HTTP_PORT}"}
exporters:
  jaeger_storage_exporter: {trace_storage: main}
"""


def jaeger_or_skip() -> Path:
    """Return the program; the test skips without it, unless services are required."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    program = cache / "tocsin-tests" / "jaeger" / "jaeger"
    if os.access(program, os.X_OK):
        return program
    return skip_or_fail("needs Jaeger: `make services` builds it, or says how")


class Jaeger:
    """A Jaeger whose traces end with its process. Use it as a context: the process ends with the block."""

    def __init__(self, folder: Path, max_traces: int = 100_000) -> None:
        self.log = folder / "jaeger.log"
        self.max_traces = max_traces  # more of them push out the oldest
        self._program = jaeger_or_skip()
        self._settings = folder / "jaeger.yaml"
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between
        folder.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(_SETTINGS)

    @property
    def otlp(self) -> str:
        """The endpoint of OTLP over HTTP, as OTEL_EXPORTER_OTLP_ENDPOINT has it."""
        return f"http://127.0.0.1:{self._ports['OTLP_HTTP_PORT']}"

    @property
    def otlp_grpc(self) -> str:
        """The endpoint of OTLP over gRPC."""
        return f"http://127.0.0.1:{self._ports['OTLP_GRPC_PORT']}"

    @property
    def query(self) -> str:
        """The address of the page and of its API."""
        return f"http://127.0.0.1:{self._ports['QUERY_PORT']}"

    def __enter__(self) -> "Jaeger":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._session.close()

    def start(self) -> None:
        """Start it at the same ports, with nothing in it, and wait until it answers."""
        assert self._process is None, "it runs already"
        ports = {name: str(port) for name, port in self._ports.items()}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # a Ctrl-C is for the tests
                [self._program, "--config", self._settings],
                env={**os.environ, **ports, "MAX_TRACES": str(self.max_traces)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a loss of power would, paused or not; its port is free afterwards."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it keep its connections and answer nothing."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._send(signal.SIGCONT)

    def trace(self, trace_id: bytes) -> list[Span]:
        """Return the spans of a trace (16 bytes) as they were sent, one sent twice twice; none where it is unknown."""
        return list(_spans(self._ask(f"/api/v3/traces/{trace_id.hex()}", {"raw_traces": "true"})))

    def traces(self, service: str = "", begin_ns: int = 0, end_ns: int = 1 << 62) -> dict[bytes, list[Span]]:
        """Return all traces with a span of that service (default: any) that starts within these times, by trace id.

        Some 47 MB and two seconds for 10,000 traces of six spans.
        """
        asked = {
            "query.start_time_min": _rfc3339(begin_ns),
            "query.start_time_max": _rfc3339(end_ns),
            "query.num_traces": str(self.max_traces),  # it has no "all", and refuses more
            "query.raw_traces": "true",
        }
        if service:
            asked["query.service_name"] = service
        traces: dict[bytes, list[Span]] = {}
        for span in _spans(self._ask("/api/v3/traces", asked)):
            traces.setdefault(span.trace_id, []).append(span)
        return traces

    def services(self) -> set[str]:
        """Return the names of all services."""
        return set(self._ask("/api/v3/services", {}).get("services") or ())

    def _ask(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        # Raw traces alone: any other read changes what the memory store holds.
        response = self._session.get(self.query + path, params=parameters, timeout=_ANSWER_SECONDS)
        if response.status_code == 404:
            return {}
        assert response.status_code == 200, f"{path}: {response.status_code} {response.text[:500]}"
        answer: dict[str, Any] = response.json()
        return answer

    def _wait_until_ready(self) -> None:
        health = f"http://127.0.0.1:{self._ports['HEALTH_PORT']}/status"
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            # A port that is taken ends it at once.
            assert self._process and self._process.poll() is None, self.log.read_text(errors="replace")[-3000:]
            with suppress(requests.RequestException):
                if self._session.get(health, timeout=2).status_code == 200:
                    return
            time.sleep(0.02)
        raise TimeoutError(f"Jaeger was not ready after {_START_SECONDS:.0f} s: {self.log}")

    def _send(self, number: int) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(number)


def _spans(answer: Mapping[str, Any]) -> Iterator[Span]:
    """Yield the spans of OTLP's JSON form; of several traces they stand one behind the other."""
    for of_resource in answer.get("result", {}).get("resourceSpans", ()):
        resource = _resource(_attributes(of_resource.get("resource", {})))
        for of_scope in of_resource.get("scopeSpans", ()):
            for span in of_scope.get("spans", ()):  # a store that dropped doubles leaves empty ones behind
                yield _span(span, resource)


def _span(span: Mapping[str, Any], resource: Resource) -> Span:
    status = span.get("status", {})
    return Span(
        trace_id=bytes.fromhex(span["traceId"]),
        span_id=bytes.fromhex(span["spanId"]),
        name=span["name"],
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        resource=resource,
        parent_id=bytes.fromhex(span.get("parentSpanId", "")),
        kind=span.get("kind", 0),
        attributes=_attributes(span),
        error=status.get("message", "") if status.get("code") == 2 else "",
        links=tuple((bytes.fromhex(link["traceId"]), bytes.fromhex(link["spanId"])) for link in span.get("links", ())),
    )


def _resource(attributes: Mapping[str, Value]) -> Resource:
    return Resource(
        service=str(attributes.get("service.name", "")),
        instance=str(attributes.get("service.instance.id", "")),
        host=str(attributes.get("host.name", "")),
        version=str(attributes.get("service.version", "")),
    )


def _attributes(holder: Mapping[str, Any]) -> dict[str, Value]:
    return {each["key"]: _value(each["value"]) for each in holder.get("attributes", ())}


def _value(value: Mapping[str, Any]) -> Value:
    if "intValue" in value:
        return int(value["intValue"])  # a text: JSON's numbers have 53 bits
    if "arrayValue" in value:
        return [str(_value(each)) for each in value["arrayValue"].get("values", ())]
    plain: Value = next(iter(value.values()), "")
    return plain


def _rfc3339(time_ns: int) -> str:
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
