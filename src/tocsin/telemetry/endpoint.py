"""Serve a few pages over HTTP, on threads beside the loop."""

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from tocsin.errors import ConfigError

log = logging.getLogger(__name__)

_LAST_PORT = 65_535
_PATIENCE_SECONDS = 5.0  # with a client that says nothing


@dataclass(frozen=True)
class Page:
    """What is answered."""

    body: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK


Pages = Mapping[str, Callable[[str], Page]]  # path -> the page, given the header `Accept`


class Endpoint:
    """Answers GET and HEAD from when it is made until it is closed."""

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        """Listen; port 0 takes a free one. Raises ConfigError where that is not possible."""
        try:
            self._server = _Server(host, port, pages)
        except (OSError, OverflowError) as error:
            raise ConfigError(_not_listening(host, port, error)) from error
        self.address: tuple[str, int] = self._server.server_address[:2]
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True  # a stage that is started again need not wait for the connections of the last one
    daemon_threads = True
    server_address: Any  # (host, port), with IPv6 two more

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self.pages = pages
        self.address_family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        super().__init__((host, port), _Handler)

    def handle_error(self, *_: Any) -> None:
        log.debug("A client of the metrics went away.", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE_SECONDS
    server_version = "tocsin"
    sys_version = ""

    def do_GET(self) -> None:
        page = self._page()
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: somebody asks every few seconds."""

    def _page(self) -> Page:
        make = self.server.pages.get(self.path.partition("?")[0])
        if make is None:
            there = ", ".join(self.server.pages)
            return Page(f"not here; there is {there}\n".encode(), "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND)
        return make(self.headers.get("Accept", ""))


def _not_listening(host: str, port: int, error: Exception) -> str:
    place = f"metrics.listen: `{host}:{port}`"
    if port > _LAST_PORT:
        return f"{place}: there is no such port; each worker takes the next one, so give a lower first one"
    said = error.strerror if isinstance(error, OSError) else error
    return f"{place} cannot be listened at: {said}; give another one with --metrics, or port 0 for a free one"
