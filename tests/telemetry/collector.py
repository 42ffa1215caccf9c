"""A collector that answers as a test says: a real HTTP server, with or without TLS."""

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Received:
    """A request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int  # the port of the client: the same where a connection was kept


@dataclass(frozen=True)
class Reply:
    """What to answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": PROTOBUF})
    is_trickle: bool = False  # headers that never end
    seconds: float = 0.0  # until it answers


class Collector:
    """Answers each request with the next of `replies`, the last one from then on. Use it as a context."""

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        """`port`: 0 takes a free one."""
        self.received: list[Received] = []
        self.has_received = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._replies = list(replies) or [Reply()]
        self._server = _Server(("127.0.0.1", port), self._handler())
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Collector":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_answer.set()
        self._server.is_over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            server: _Server

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                collector.received.append(Received(self.path, headers, body, self.client_address[1]))
                collector.has_received.set()
                collector.may_answer.wait()
                replies = collector._replies
                reply = replies.pop(0) if len(replies) > 1 else replies[0]
                self.server.is_over.wait(reply.seconds)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                if reply.is_trickle:
                    self._trickle()
                else:
                    self.end_headers()
                    self.wfile.write(reply.body)

            def _trickle(self) -> None:
                self.flush_headers()
                while not self.server.is_over.wait(0.02):
                    self.wfile.write(b"x: y\r\n")
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.is_over = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Say nothing: tests break connections on purpose."""
