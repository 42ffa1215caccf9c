"""One file comes by https, whole and within its size, or not at all."""

import hashlib
import shutil
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tocsin.download import HttpsRedirects, check_url, download, receive
from tocsin.errors import ConfigError, DeliveryError

CONTENT = bytes(range(256)) * 1000


class _Server(BaseHTTPRequestHandler):
    """Answers /whole, /short (says more than it sends), /to?URL with a redirect, and others with an error."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        status = {"/to": 302, "/whole": 200, "/short": 200, "/busy": 503}.get(path, 404)
        self.send_response(status, "Go\x1b[31m" if status > 400 else None)
        if path == "/to":
            self.send_header("Location", query)
        self.send_header("Content-Length", str(len(CONTENT) + (path == "/short")))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve in a thread; yields the port."""
    with HTTPServer(("127.0.0.1", 0), _Server) as listening:
        if context is not None:
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with _serving() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost`, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    file = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", file, "-out", f"{file}.crt",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


@pytest.fixture(scope="module")
def https_server(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with _serving(context) as port:
        yield f"https://localhost:{port}"


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("NO_PROXY", "localhost")


def _ignore(done: int, total: int | None) -> None:
    pass


def received(url: str, to: Path, max_bytes: int = 1 << 20) -> tuple[str, list[tuple[int, int | None]]]:
    """Receive what an http server sends; `download` itself never asks one."""
    seen: list[tuple[int, int | None]] = []
    with urllib.request.build_opener(HttpsRedirects()).open(url) as response:
        total = int(response.headers["Content-Length"])
        digest = receive(response, total, to, max_bytes, lambda *progress: seen.append(progress))
    return digest, seen


def test_the_file_holds_what_was_sent_and_its_digest_is_returned(server: str, tmp_path: Path) -> None:
    digest, seen = received(f"{server}/whole", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert seen[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.usefixtures("trusted")
def test_a_file_is_fetched_by_https_through_redirects_to_https(https_server: str, tmp_path: Path) -> None:
    url = f"{https_server}/to?{https_server}/to?/whole"
    assert download(url, tmp_path / "file", 1 << 20, _ignore) == hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("asked", "kind", "reason"),
    [
        ("/to?http://localhost/whole", ConfigError, "only https:// is fetched"),
        ("/to?file:///etc/passwd", ConfigError, "the server says 302"),
        ("/missing", ConfigError, "the server says 404 Go.*is the address right"),
        ("/busy", DeliveryError, "the server says 503"),
        ("/short", DeliveryError, "broke off"),
    ],
)
def test_an_answer_that_is_not_the_file_says_whether_to_correct_the_address_or_to_try_again(
    https_server: str, tmp_path: Path, asked: str, kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind, match=reason) as refused:
        download(https_server + asked, tmp_path / "file", 1 << 20, _ignore)
    assert "\x1b" not in str(refused.value)


def test_a_server_with_a_certificate_that_nobody_vouches_for_is_refused(
    https_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    with pytest.raises(ConfigError, match="certificate verify failed"):
        download(f"{https_server}/whole", tmp_path / "file", 1 << 20, _ignore)


def test_what_breaks_off_is_an_error_that_asks_for_another_try(server: str, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="broke off after 256,000 of 256,001 bytes"):
        received(f"{server}/short", tmp_path / "file")


def test_what_is_too_large_is_refused_by_what_it_says_and_by_what_it_sends(server: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than the 1,000 bytes"):
        received(f"{server}/whole", tmp_path / "file", max_bytes=1000)
    assert not (tmp_path / "file").exists()
    with (
        urllib.request.urlopen(f"{server}/whole") as response,
        pytest.raises(ConfigError, match="larger than the 1,000 bytes"),
    ):
        receive(response, None, tmp_path / "file", 1000, _ignore)


@pytest.mark.parametrize("target", ["http://127.0.0.1/x", "ftp://127.0.0.1/x", "//127.0.0.1/x", "/whole"])
def test_a_redirect_to_anything_but_https_is_refused(server: str, tmp_path: Path, target: str) -> None:
    with pytest.raises(ConfigError, match="only https:// is fetched"):
        received(f"{server}/to?{target}", tmp_path / "file")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.org/x.zip", "only https:// is fetched"),
        ("file:///etc/passwd", "only https:// is fetched"),
        ("ftp://example.org/x.zip", "only https:// is fetched"),
        ("https:///x.zip", "no address"),
        ("https://example.org/a b.zip", "no address"),
        ("https://example.org/\x1b[31m.zip", "no address"),
        ("https://example.org/\u00e4.zip", "no address"),
        ("https://example.org:port/x.zip", "no address"),
        ("https://[::1/x.zip", "no address"),
        ("https://ann:secret@example.org/x.zip", "user name or password"),
    ],
)
def test_an_address_that_is_not_plain_https_is_refused_before_anything_is_sent(
    tmp_path: Path, url: str, reason: str
) -> None:
    for refuse in (check_url, lambda url: download(url, tmp_path / "file", 1000, _ignore)):
        with pytest.raises(ConfigError, match=reason) as refused:
            refuse(url)
        assert "secret" not in str(refused.value) and "\x1b" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_speak_tls_is_an_error_that_asks_for_another_try(server: str, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="could not be fetched"):
        download(server.replace("http", "https") + "/whole", tmp_path / "file", 1000, _ignore)
