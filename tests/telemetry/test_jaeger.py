"""A trace from Jaeger: what is asked, what is read, and what is said when it does not work."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.telemetry.answering import MISSING, answering, jaeger_answer
from tests.telemetry.traced import EVENT_ID, trace_spans
from tocsin.errors import ConfigError, DeliveryError
from tocsin.telemetry import jaeger
from tocsin.telemetry.jaeger import JaegerClient


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def test_a_trace_is_asked_for_raw_and_read_whole() -> None:
    with answering(jaeger_answer(trace_spans())) as server:
        assert JaegerClient(server.url).trace(EVENT_ID) == trace_spans()
        assert server.asked == [f"/api/v3/traces/{EVENT_ID.hex()}?raw_traces=true"]


def test_a_jaeger_may_be_below_a_path() -> None:
    with answering(jaeger_answer(trace_spans())) as server:
        JaegerClient(f"{server.url}/jaeger/").trace(EVENT_ID)
        assert server.asked[0].startswith("/jaeger/api/v3/traces/")


def test_equal_copies_of_a_span_are_shown_once_and_different_ones_both() -> None:
    spans = trace_spans()
    other = replace(spans[3], end_ns=spans[3].end_ns + 1)
    turned = replace(spans[3], attributes=dict(sorted(spans[3].attributes.items(), reverse=True)))
    with answering(jaeger_answer([*spans, *spans, turned, other])) as server:
        got = JaegerClient(server.url).trace(EVENT_ID)
    assert len(got) == 9
    assert other in got


@pytest.mark.parametrize(("body", "status"), [(MISSING, 404), (b'{"result":{}}', 200)])
def test_a_trace_that_is_not_there_is_said_by_its_id(body: bytes, status: int) -> None:
    with (
        answering(body, status) as server,
        pytest.raises(ConfigError, match=f"has no trace {EVENT_ID.hex()}: is the id"),
    ):
        JaegerClient(server.url).trace(EVENT_ID)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<!doctype html><title>Grafana</title>", 200),
        (b"404 page not found", 404),
        (b'{"data":[]}', 200),
        (b'{"result":[]}', 200),
        (b'{"result":{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"x","spanId":"y"}]}]}]}}', 200),
        (b"\xff\xfe", 200),
        (b"", 200),
        (b"[" * 100_000, 200),
        (b"", 204),
        (b"teapot", 418),
    ],
)
def test_what_is_no_jaeger_is_said(body: bytes, status: int) -> None:
    with answering(body, status) as server, pytest.raises(ConfigError, match=r"not as Jaeger does .* port 16686"):
        JaegerClient(server.url).trace(EVENT_ID)


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaeger, "_MAX_BYTES", 1 << 20)
    with answering(b" " * (2 << 20)) as server, pytest.raises(ConfigError, match="more than 1 MiB for one trace"):
        JaegerClient(server.url).trace(EVENT_ID)


def test_a_jaeger_that_cannot_answer_now_can_be_asked_again() -> None:
    body = b'{"error":{"httpCode":500,"message":"no storage \x1b[31m"}}'.replace(b"\x1b", b"\\u001b")
    with answering(body, 500) as server, pytest.raises(DeliveryError) as raised:
        JaegerClient(server.url).trace(EVENT_ID)
    assert str(raised.value) == rf"jaeger: {server.url} cannot answer now: status 500: no storage \x1b[31m"


def test_a_password_that_is_missing_is_said() -> None:
    with answering(b"", 401) as server, pytest.raises(ConfigError, match=r"\(status 401\): write name and password"):
        JaegerClient(server.url).trace(EVENT_ID)


def test_name_and_password_come_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with answering(jaeger_answer(trace_spans())) as server:
        JaegerClient(server.url).trace(EVENT_ID)
        assert server.authorizations == ["Basic YW5uOnNlY3JldA=="]


def test_a_jaeger_that_does_not_run_is_said_without_the_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        port = taken.getsockname()[1]
        with pytest.raises(DeliveryError) as raised:
            JaegerClient(f"http://ann:secret@127.0.0.1:{port}").trace(EVENT_ID)
    assert str(raised.value) == f"jaeger: http://127.0.0.1:{port} cannot be reached: Connection refused; does it run?"


def test_a_jaeger_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaeger, "_SILENCE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(DeliveryError, match="does not answer"):
        JaegerClient(f"http://127.0.0.1:{silent.getsockname()[1]}").trace(EVENT_ID)


@pytest.mark.parametrize(
    "url", ["", "localhost:16686", "ftp://a", "http://", "http://a:99999", "http://[::1", "http://a:0"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no address: give one such as http://localhost:16686"):
        JaegerClient(url)
