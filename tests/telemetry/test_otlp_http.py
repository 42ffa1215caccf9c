"""Requests with spans to a collector, over a real connection."""

import gzip
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.certificates import make_authority, make_certificate
from tests.kafka.broker import free_ports
from tests.telemetry.collector import PROTOBUF, Collector, Reply
from tocsin import __version__
from tocsin.errors import DeliveryError
from tocsin.telemetry.otlp_answer import CollectorAwayError, Sent, SpansRefusedError
from tocsin.telemetry.otlp_http import OtlpClient
from tocsin.telemetry.otlp_settings import OtlpSettings

_NOW = 1_700_000_000.0
_SECRET = "Bearer hunter2-hunter2"
_REQUEST = ExportTraceServiceRequest(resource_spans=[{"schema_url": "x" * 1000}]).SerializeToString()  # type: ignore[list-item]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "*")


@contextmanager
def _client(place: str, scheme: str = "http", **settings: Any) -> Iterator[OtlpClient]:
    url = f"{scheme}://{place}/v1/traces"
    with closing(OtlpClient(OtlpSettings(url, **settings), clock=lambda: _NOW)) as client:
        yield client


def _sent(*replies: Reply) -> Sent:
    with Collector(*replies) as collector, _client(collector.place) as client:
        return client.send(_REQUEST)


def _away(*replies: Reply, **settings: Any) -> CollectorAwayError:
    with (
        Collector(*replies) as collector,
        _client(collector.place, **settings) as client,
        pytest.raises(CollectorAwayError) as raised,
    ):
        client.send(_REQUEST)
    assert str(raised.value).startswith(f"http://{collector.place}/v1/traces: ")
    return raised.value


def _refused(*replies: Reply, **settings: Any) -> SpansRefusedError:
    with (
        Collector(*replies) as collector,
        _client(collector.place, **settings) as client,
        pytest.raises(SpansRefusedError) as raised,
    ):
        client.send(_REQUEST)
    assert str(raised.value).startswith(f"http://{collector.place}/v1/traces: ")
    return raised.value


def _answer_of(rejected: int, message: str) -> bytes:
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=partial).SerializeToString()


def test_a_request_arrives_compressed_and_equal() -> None:
    with Collector() as collector, _client(collector.place, headers={"x-team": "blue"}) as client:
        assert client.send(_REQUEST) == Sent()
    (received,) = collector.received
    assert received.path == "/v1/traces"
    assert gzip.decompress(received.body) == _REQUEST
    headers = received.headers
    assert (headers["content-type"], headers["content-encoding"]) == (PROTOBUF, "gzip")
    assert (headers["x-team"], headers["user-agent"]) == ("blue", f"tocsin/{__version__}")


def test_a_request_arrives_as_it_is_where_it_shall_not_be_compressed() -> None:
    with Collector() as collector, _client(collector.place, is_gzip=False) as client:
        client.send(_REQUEST)
    (received,) = collector.received
    assert received.body == _REQUEST
    assert "content-encoding" not in received.headers


def test_requests_go_over_one_connection_also_after_errors() -> None:
    with Collector(Reply(), Reply(503, b"later"), Reply(400), Reply()) as collector, _client(collector.place) as client:
        client.send(_REQUEST)
        with pytest.raises(CollectorAwayError):
            client.send(_REQUEST)
        with pytest.raises(SpansRefusedError):
            client.send(_REQUEST)
        client.send(_REQUEST)
    assert len({received.connection for received in collector.received}) == 1


def test_a_connection_that_the_collector_closed_is_opened_anew() -> None:
    closing_reply = Reply(headers={"Content-Type": PROTOBUF, "Connection": "close"})
    with Collector(closing_reply, Reply()) as collector, _client(collector.place) as client:
        assert [client.send(_REQUEST), client.send(_REQUEST)] == [Sent(), Sent()]


def test_what_the_collector_rejected_of_a_request_is_told() -> None:
    assert _sent(Reply(body=_answer_of(3, "no room"))) == Sent(3, "no room")
    assert _sent(Reply(body=_answer_of(0, "soon full"))) == Sent(0, "soon full")


@pytest.mark.parametrize("body", [b"", b"\x0a\x00", b"\xff\xff", b"{}", b"\x0a\x05", b"\x0b\x0c"])
def test_a_success_that_says_nothing_readable_is_a_success(body: bytes) -> None:
    assert _sent(Reply(body=body)) == Sent()


def test_a_count_that_makes_no_sense_is_none() -> None:
    assert _sent(Reply(body=_answer_of(-5, ""))) == Sent()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_can_be_sent_again(status: int) -> None:
    error = _away(Reply(status, b"full", {"Content-Type": "text/plain"}))
    assert isinstance(error, DeliveryError)
    assert f"the collector cannot take spans now: {status} " in str(error)
    assert str(error).endswith(": full")
    assert error.retry_after_seconds is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("9" * 5000, 300.0),
        (formatdate(_NOW + 30, usegmt=True), 30.0),
        (formatdate(_NOW - 30, usegmt=True), 0.0),
        (formatdate(_NOW + 86_400, usegmt=True), 300.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_the_collectors_patience_is_heeded_within_bounds(value: str, seconds: float | None) -> None:
    assert _away(Reply(429, headers={"Retry-After": value})).retry_after_seconds == seconds


def test_an_error_says_how_long_the_collector_wants_to_be_left_alone() -> None:
    assert str(_away(Reply(503, headers={"Retry-After": "7"}))).endswith(
        ": the collector cannot take spans now: 503 Service Unavailable; it asks for 7 seconds of patience"
    )


@pytest.mark.parametrize(
    ("status", "to_do"),
    [
        (400, "does a collector listen there that takes OTLP over HTTP?"),
        (401, "set what it asks for with OTEL_EXPORTER_OTLP_HEADERS"),
        (403, "does what OTEL_EXPORTER_OTLP_HEADERS says give the right to write?"),
        (404, "is the path right? /v1/traces is added to OTEL_EXPORTER_OTLP_ENDPOINT, to nothing else"),
        (405, "does a collector listen there that takes OTLP over HTTP?"),
        (413, "raise what the collector takes in one request"),
        (415, "does a collector listen there that takes OTLP over HTTP as protobuf?"),
        (500, "look into the collector's log"),
        (599, "look into the collector's log"),
    ],
)
def test_what_is_refused_for_good_says_what_to_do(status: int, to_do: str) -> None:
    error = _refused(Reply(status))
    assert error.status == status
    assert f"the collector refused spans: {status}" in str(error)
    assert str(error).endswith(f"; {to_do}")
    assert not isinstance(error, DeliveryError)


def test_the_collectors_own_words_are_shown_harmless_and_short() -> None:
    status = b"\x08\x03\x12\x10no \x1b[31mroom\x00\n!!"  # google.rpc.Status: code 3, and a message
    assert ": 400 Bad Request: no \\x1b[31mroom\\x00 !!; does" in str(_refused(Reply(400, status)))
    text = Reply(400, b"long " * 30_000, {"Content-Type": "text/plain"})
    assert len(str(_refused(text))) < 600


def test_an_answer_without_an_end_is_read_no_further_than_needed() -> None:
    assert "500 Internal Server Error" in str(_refused(Reply(500, bytes(10_000_000))))


def test_a_redirect_is_not_followed() -> None:
    with Collector() as other:
        reply = Reply(307, headers={"Location": f"http://{other.place}/x?key=hunter2"})
        error = _refused(reply, headers={"authorization": _SECRET})
    assert str(error).endswith(
        f": it points elsewhere: 307 Temporary Redirect; set the endpoint to `http://{other.place}/x` itself"
    )
    assert other.received == []


@pytest.mark.parametrize("location", ["http://[::1", "\xff\xfe", "//", ""])
def test_a_redirect_to_nowhere_is_refused(location: str) -> None:
    reply = Reply(302, b"x" * 1000, {"Location": location})
    assert "it points elsewhere: 302 Found" in str(_refused(reply))


def test_a_web_page_is_no_collector() -> None:
    page = Reply(200, b"<html>log in</html>", {"Content-Type": "text/html; charset=utf-8"})
    assert "a web page answers, no collector; is the path right?" in str(_refused(page))


@pytest.mark.parametrize("status", [400, 503])
def test_headers_are_sent_and_not_shown_where_the_collector_repeats_them(status: int) -> None:
    for words in (_SECRET, "hunter2-hunter2"):
        reply = Reply(status, f"no right with {words}".encode(), {"Content-Type": "text/plain"})
        with (
            Collector(reply) as collector,
            _client(collector.place, headers={"authorization": _SECRET}) as client,
            pytest.raises((CollectorAwayError, SpansRefusedError)) as raised,
        ):
            client.send(_REQUEST)
        assert collector.received[0].headers["authorization"] == _SECRET
        assert "no right with ********" in str(raised.value)
        assert "hunter2" not in str(raised.value) + repr(raised.value)


def test_a_password_of_netrc_does_not_replace_our_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Collector() as collector, _client(collector.place, headers={"authorization": _SECRET}) as client:
        client.send(_REQUEST)
    assert collector.received[0].headers["authorization"] == _SECRET


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector() as proxy, _client("collector.example:4318") as client:
        monkeypatch.setenv("http_proxy", f"http://{proxy.place}")
        monkeypatch.setenv("no_proxy", "")
        client.send(_REQUEST)
    assert proxy.received[0].path == "http://collector.example:4318/v1/traces"


def test_a_refused_connection_can_be_tried_again() -> None:
    (port,) = free_ports(1)
    with _client(f"127.0.0.1:{port}") as client, pytest.raises(CollectorAwayError) as raised:
        client.send(_REQUEST)
    assert str(raised.value) == (
        f"http://127.0.0.1:{port}/v1/traces: cannot be reached: Connection refused; does a collector listen there?"
    )


def test_a_name_that_nobody_has_can_be_tried_again() -> None:
    with (
        _client("collector.invalid:4318") as client,
        pytest.raises(CollectorAwayError, match=r"cannot be reached: |no whole answer"),
    ):
        client.send(_REQUEST)


def test_a_query_of_the_address_is_not_shown() -> None:
    (port,) = free_ports(1)
    settings = OtlpSettings(f"http://127.0.0.1:{port}/v1/traces?key=hunter2")
    with closing(OtlpClient(settings)) as client, pytest.raises(CollectorAwayError) as raised:
        client.send(_REQUEST)
    assert "hunter2" not in str(raised.value)


def test_a_slow_answer_ends_in_time_and_the_next_request_is_sent_anew() -> None:
    with Collector() as collector, _client(collector.place, timeout_seconds=0.2) as client:
        collector.may_answer.clear()
        with pytest.raises(
            CollectorAwayError, match=r"no whole answer within 0\.2 seconds; OTEL_EXPORTER_OTLP_TIMEOUT"
        ):
            client.send(_REQUEST)
        collector.may_answer.set()
        assert client.send(_REQUEST) == Sent()
    assert len({received.connection for received in collector.received}) == 2


def test_headers_that_trickle_in_without_an_end_hold_nobody_up() -> None:
    assert "no whole answer within 0.3 seconds" in str(_away(Reply(is_trickle=True), timeout_seconds=0.3))


def test_requests_that_do_not_end_do_not_pile_up() -> None:
    with Collector(Reply(is_trickle=True)) as collector, _client(collector.place, timeout_seconds=0.1) as client:
        for _ in range(4):
            with pytest.raises(CollectorAwayError, match="no whole answer"):
                client.send(_REQUEST)
        with pytest.raises(CollectorAwayError, match="4 requests before this one have not ended yet"):
            client.send(_REQUEST)
    assert len(collector.received) == 4


def _once_received(collector: Collector, act: Callable[[], None]) -> threading.Thread:
    def wait() -> None:
        collector.has_received.wait(30)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_closing_ends_a_request_under_way() -> None:
    with Collector() as collector, _client(collector.place, timeout_seconds=60) as client:
        collector.may_answer.clear()
        closer = _once_received(collector, client.close)
        with pytest.raises(CollectorAwayError, match="we end, and its answer has not come"):
            client.send(_REQUEST)
        closer.join()
        with pytest.raises(CollectorAwayError, match="its answer has not come"):
            client.send(_REQUEST)
    assert len(collector.received) == 1


def test_what_interrupts_a_request_leaves_a_client_that_can_go_on() -> None:
    def interrupt(*_: object) -> None:
        raise InterruptedError("asked to stop")

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with Collector() as collector, _client(collector.place, timeout_seconds=60) as client:
            collector.may_answer.clear()
            main = threading.main_thread().ident
            assert main is not None
            _once_received(collector, lambda: signal.pthread_kill(main, signal.SIGUSR1))
            with pytest.raises(InterruptedError):
                client.send(_REQUEST)
            collector.may_answer.set()
            assert client.send(_REQUEST) == Sent()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_connection_that_breaks_off_can_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        place = f"127.0.0.1:{server.getsockname()[1]}"
        with _client(place) as client, pytest.raises(CollectorAwayError, match="the connection was broken off: "):
            client.send(_REQUEST)
        thread.join()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_authority(folder, "ca")
    make_authority(folder, "other")
    make_certificate(folder, "ca", "server")
    make_certificate(folder, "ca", "client")
    return folder


def _tls(folder: Path, is_client_asked: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    if is_client_asked:
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_certificate_of_the_given_authority_is_trusted(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "other.pem"))  # ours counts over it
    with (
        Collector(tls=_tls(certificates)) as collector,
        _client(collector.place, "https", certificate=str(certificates / "ca.pem")) as client,
    ):
        assert client.send(_REQUEST) == Sent()


def test_a_certificate_of_another_authority_is_not_trusted(certificates: Path) -> None:
    with (
        Collector(tls=_tls(certificates)) as collector,
        _client(collector.place, "https", certificate=str(certificates / "other.pem")) as client,
        pytest.raises(CollectorAwayError) as raised,
    ):
        client.send(_REQUEST)
    assert "its certificate is not trusted: unable to get local issuer certificate; set OTEL_" in str(raised.value)
    assert collector.received == []


def test_a_collector_that_asks_for_a_certificate_gets_ours(certificates: Path) -> None:
    ours = {
        "certificate": str(certificates / "ca.pem"),
        "client_certificate": str(certificates / "client.crt"),
        "client_key": str(certificates / "client.key"),
    }
    with Collector(tls=_tls(certificates, is_client_asked=True)) as collector:
        with _client(collector.place, "https", **ours) as client:
            assert client.send(_REQUEST) == Sent()
        with (
            _client(collector.place, "https", certificate=ours["certificate"]) as client,
            pytest.raises(CollectorAwayError, match=r"TLS failed: .*CLIENT_CERTIFICATE|cannot be reached"),
        ):
            client.send(_REQUEST)


def test_a_collector_without_tls_is_told_from_one_that_is_away() -> None:
    with (
        Collector() as collector,
        _client(collector.place, "https") as client,
        pytest.raises(CollectorAwayError, match=r"TLS failed: .*does it speak TLS"),
    ):
        client.send(_REQUEST)
