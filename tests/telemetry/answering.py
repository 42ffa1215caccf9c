"""A small HTTP server that answers what Jaeger's query API answers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import orjson

from tocsin.telemetry.spans import Span, Value

TEXT = "text/plain; charset=utf-8"  # what Jaeger says of its JSON
MISSING = b'{"error":{"httpCode":404,"message":"No traces found"}}'


@dataclass
class Answering:
    """Where the server is, and what it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)


@contextmanager
def answering(body: bytes, status: int = 200, content_type: str = TEXT, **headers: str) -> Iterator[Answering]:
    """Serve one answer, whatever is asked."""
    state = Answering()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            state.authorizations.append(self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def jaeger_answer(spans: Sequence[Span]) -> bytes:
    """Return the spans as `/api/v3/traces/{id}?raw_traces=true` of Jaeger 1.76 has them."""
    return orjson.dumps({"result": {"resourceSpans": [_resource_spans(span) for span in spans]}})


def _resource_spans(span: Span) -> dict[str, Any]:
    resource = {
        "service.name": span.resource.service,
        "service.instance.id": span.resource.instance,
        "host.name": span.resource.host,
        "service.version": span.resource.version,
    }
    shown: dict[str, Any] = {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_id.hex(),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _pairs(span.attributes),
        "links": [{"traceId": trace_id.hex(), "spanId": span_id.hex()} for trace_id, span_id in span.links],
        "status": {"message": span.error, "code": 2} if span.error else {},
    }
    given = {name: value for name, value in shown.items() if value not in ("", []) or name == "name"}
    return {"resource": {"attributes": _pairs(resource)}, "scopeSpans": [{"scope": {}, "spans": [given]}]}


def _pairs(attributes: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any(value)} for key, value in attributes.items()]


def _any(value: Value) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"arrayValue": {"values": [_any(item) for item in value]}}
