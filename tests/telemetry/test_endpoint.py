"""Pages over HTTP, and ports that cannot be had."""

import socket
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse

import pytest

from tocsin.errors import ConfigError
from tocsin.telemetry.endpoint import Endpoint, Page

_PAGES = {
    "/plain": lambda accept: Page(accept.encode(), "text/plain"),
    "/ill": lambda _: Page(b"{}", "application/json", HTTPStatus.SERVICE_UNAVAILABLE),
}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with closing(Endpoint("127.0.0.1", 0, _PAGES)) as endpoint:
        yield endpoint


def _ask(endpoint: Endpoint, path: str, method: str = "GET") -> tuple[HTTPResponse, bytes]:
    with closing(HTTPConnection(*endpoint.address, timeout=10)) as connection:
        connection.request(method, path, headers={"Accept": "text/plain"})
        response = connection.getresponse()
        return response, response.read()


def test_a_page_is_made_anew_for_each_request_with_what_is_accepted(endpoint: Endpoint) -> None:
    response, body = _ask(endpoint, "/plain?x=1")
    assert (response.status, response.getheader("Content-Type"), body) == (200, "text/plain", b"text/plain")


def test_the_status_is_that_of_the_page(endpoint: Endpoint) -> None:
    assert _ask(endpoint, "/ill")[0].status == 503


def test_head_answers_as_get_without_the_body(endpoint: Endpoint) -> None:
    response, body = _ask(endpoint, "/plain", "HEAD")
    assert (response.status, response.getheader("Content-Length"), body) == (200, "10", b"")


def test_another_path_says_which_there_are(endpoint: Endpoint) -> None:
    response, body = _ask(endpoint, "/")
    assert (response.status, body) == (404, b"not here; there is /plain, /ill\n")


def test_a_client_that_says_nothing_keeps_nobody_waiting(endpoint: Endpoint) -> None:
    with closing(socket.create_connection(endpoint.address)):
        assert _ask(endpoint, "/plain")[0].status == 200


def test_a_port_that_is_taken_is_refused(endpoint: Endpoint) -> None:
    port = endpoint.address[1]
    with pytest.raises(ConfigError, match=rf"metrics.listen: `127.0.0.1:{port}` cannot be listened at: .*in use"):
        Endpoint("127.0.0.1", port, _PAGES)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
def test_a_host_that_is_not_here_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match=f"metrics.listen: `{host}:0` cannot be listened at"):
        Endpoint(host, 0, _PAGES)


def test_a_worker_beyond_the_last_port_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no such port; each worker takes the next one"):
        Endpoint("127.0.0.1", 65_536, _PAGES)
