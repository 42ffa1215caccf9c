"""A TCP relay before a server: it can break all connections and refuse new ones, as a network does."""

import contextlib
import socket
import threading


class Relay:
    """Passes bytes to a port of this machine. Use it as a context."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._lock = threading.Lock()
        self._listener = self._listening(0)
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[socket.socket] = []

    def __enter__(self) -> "Relay":
        self._accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Break all connections, and refuse new ones."""
        with self._lock:
            for each in (self._listener, *self._pairs):
                _end(each)
            self._pairs = []

    def mend(self) -> None:
        """Take connections again, at the same port."""
        self._listener = self._listening(self.port)
        self._accept()

    def _listening(self, port: int) -> socket.socket:
        return socket.create_server(("127.0.0.1", port))

    def _accept(self) -> None:
        threading.Thread(target=self._accept_all, args=(self._listener,), daemon=True).start()

    def _accept_all(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it was cut
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._to)
                with self._lock:
                    self._pairs += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pass, args=pair, daemon=True).start()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65_536):
            target.sendall(content)
    _end(target)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)  # wakes up whoever waits for it
    each.close()
