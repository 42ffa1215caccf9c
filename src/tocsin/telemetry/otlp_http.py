"""Send requests with spans to a collector: OTLP over HTTP, protobuf."""

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from queue import Empty, SimpleQueue
from typing import TypeAlias
from urllib.parse import urlsplit

import requests

from tocsin import __version__
from tocsin.plain import plain
from tocsin.telemetry.otlp_answer import Answer, CollectorAwayError, Sent, outcome_of
from tocsin.telemetry.otlp_settings import OtlpSettings

_GZIP_LEVEL = 1  # 6 takes twice the time for 5 to 11 % fewer bytes
_MAX_ANSWER_BYTES = 65_536
_GRPC = "is it the port of gRPC (4317 as a rule)? OTLP over HTTP has 4318"
_MAX_SHOWN = 300  # characters of what the collector says
_MAX_ABANDONED = 4
_SHORTEST_SECRET = 6  # characters; what is shorter stands in any text

_Outcome: TypeAlias = Answer | Exception | None  # None: the client was closed


class OtlpClient:
    """A collector, over one connection that is kept. `send` is for one thread at a time; `close` for any."""

    def __init__(self, settings: OtlpSettings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._headers = {
            "User-Agent": f"tocsin/{__version__}",
            "Accept-Encoding": "identity",
            **settings.headers,
            "Content-Type": "application/x-protobuf",
            **({"Content-Encoding": "gzip"} if settings.is_gzip else {}),
        }
        self._secrets = sorted(_secrets_of(settings), key=len, reverse=True)
        self._session: requests.Session | None = None
        self._outcomes: SimpleQueue[_Outcome] = SimpleQueue()
        self._abandoned: list[threading.Thread] = []
        self._is_closed = False

    def send(self, request: bytes) -> Sent:
        """Post an ExportTraceServiceRequest, as protobuf, and return what the collector made of it.

        It takes `timeout_seconds` at most, whatever the network does. Raises CollectorAwayError, a DeliveryError, where
        the same can be sent again (it may then arrive twice), SpansRefusedError where its spans are lost. Redirects
        are not followed: what is in the headers is for one place only.
        """
        body = gzip.compress(request, _GZIP_LEVEL, mtime=0) if self._settings.is_gzip else request
        outcome = self._outcome_of(body)
        if isinstance(outcome, Answer):
            return outcome_of(outcome, self._settings.shown, self._said, self._clock())
        if isinstance(outcome, requests.RequestException):
            raise self._away(self._why(outcome)) from None  # its own text shows the whole address
        if outcome is None:
            raise self._away("we end, and its answer has not come")
        raise outcome

    def close(self) -> None:
        """End it at once: a `send` under way fails. May be called from another thread or a signal handler."""
        self._is_closed = True
        self._outcomes.put(None)
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _outcome_of(self, body: bytes) -> _Outcome:
        """Let a thread of its own post it, so that neither a slow name server nor a trickle of bytes holds us up."""
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        if len(self._abandoned) >= _MAX_ABANDONED:
            raise self._away(f"{_MAX_ABANDONED} requests before this one have not ended yet; is the network well?")
        self._outcomes = outcomes = SimpleQueue[_Outcome]()
        if self._is_closed:
            return None
        session, self._session = self._session or _new_session(), None
        thread = threading.Thread(target=self._post, args=(session, body, outcomes), name="otlp", daemon=True)
        thread.start()
        outcome: _Outcome = None
        try:
            outcome = outcomes.get(timeout=self._settings.timeout_seconds)
        except Empty:
            raise self._away(self._no_answer()) from None
        finally:
            if outcome is None:
                self._abandoned.append(thread)
            else:
                self._keep(session)
        return outcome

    def _keep(self, session: requests.Session) -> None:
        if self._is_closed:
            session.close()
        else:
            self._session = session

    def _post(self, session: requests.Session, body: bytes, outcomes: SimpleQueue[_Outcome]) -> None:
        try:
            outcomes.put(self._answer_to(session, body))
        except Exception as error:
            outcomes.put(error)

    def _answer_to(self, session: requests.Session, body: bytes) -> Answer:
        settings = self._settings
        with session.post(
            settings.url,
            data=body,
            headers=self._headers,
            timeout=settings.timeout_seconds,  # of each read
            verify=settings.certificate or True,  # said here, it counts over REQUESTS_CA_BUNDLE
            cert=_certificate_and_key(settings),
            allow_redirects=False,
            stream=True,
        ) as response:
            return Answer(response.status_code, response.headers, b"".join(_beginning_of(response)))

    def _away(self, reason: str) -> CollectorAwayError:
        return CollectorAwayError(f"{self._settings.shown}: {reason}")

    def _no_answer(self) -> str:
        seconds = f"{self._settings.timeout_seconds:g}"
        return f"no whole answer within {seconds} seconds; OTEL_EXPORTER_OTLP_TIMEOUT, in milliseconds, can allow more"

    def _why(self, error: requests.RequestException) -> str:
        cause = _root_of(error)
        said = self._said(_text_of(cause))
        if isinstance(error, requests.Timeout):
            return self._no_answer()
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted: {self._said(cause.verify_message)};"
                " set OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file of the authority that signed it"
            )
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {said}; does it speak TLS, and want OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE?"
        if isinstance(cause, HTTPException) and not isinstance(cause, OSError):
            return f"no HTTP/1.1 is spoken there; {_GRPC}"
        if isinstance(cause, ConnectionResetError | BrokenPipeError):  # or it is starting anew
            return f"the connection was broken off: {said}; if it always is: {_GRPC}"
        return f"cannot be reached: {said}; does a collector listen there?"

    def _said(self, text: str) -> str:
        """Return words of the collector, harmless and short, without what it may repeat of our headers."""
        for secret in self._secrets:
            text = text.replace(secret, "********")
        return plain(text, _MAX_SHOWN)


def _new_session() -> requests.Session:
    session = requests.Session()
    # Or requests would look where a redirect leads, though it is not followed, and read all of its body for that.
    session.get_redirect_target = lambda _: None  # type: ignore[assignment, method-assign]
    session.auth = lambda request: request  # or requests would put a password of ~/.netrc in the place of our headers
    return session


def _certificate_and_key(settings: OtlpSettings) -> str | tuple[str, str] | None:
    if settings.client_certificate and settings.client_key:
        return settings.client_certificate, settings.client_key
    return settings.client_certificate


def _beginning_of(response: requests.Response) -> Iterator[bytes]:
    size = 0
    for content in response.iter_content(8192):
        yield content[: _MAX_ANSWER_BYTES - size]
        size += len(content)
        if size >= _MAX_ANSWER_BYTES:
            return


def _root_of(error: BaseException) -> BaseException:
    """Return what went wrong at the bottom: libraries have wrapped it some times."""
    root, each = error, error.__context__
    while each is not None:
        if isinstance(each, OSError | HTTPException):
            root = each
        each = each.__context__
    return root


def _text_of(cause: BaseException) -> str:
    if isinstance(cause, requests.RequestException):
        return type(cause).__name__  # its own text may show the whole address
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _secrets_of(settings: OtlpSettings) -> set[str]:
    texts = [*settings.headers.values(), urlsplit(settings.url).query]
    return {part for text in texts for part in (text, *text.split()) if len(part) >= _SHORTEST_SECRET}
