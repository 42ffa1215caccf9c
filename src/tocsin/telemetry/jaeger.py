"""Ask Jaeger for the spans of a trace.

Interface: Jaeger's `/api/v3` (api_v3/query_service.proto over HTTP), OTLP in JSON under `result`. It is asked for raw
traces: otherwise Jaeger adjusts the times of skewed clocks, and one that stores in memory changes what it stored.
"""

import re
import time
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import msgspec
import requests

from tocsin import __version__
from tocsin.errors import ConfigError, DecodeError, DeliveryError
from tocsin.plain import plain
from tocsin.telemetry.otlp_json import ResourceSpans, spans_in
from tocsin.telemetry.spans import Span

_CONNECT_SECONDS = 5.0
_SILENCE_SECONDS = 30.0
_WHOLE_SECONDS = 60.0
_MAX_BYTES = 64 << 20
_READ_AT_ONCE = 65_536
_ERRNO = re.compile(r"\[Errno -?\d+\] ")


class _Result(msgspec.Struct, rename="camel"):
    resource_spans: list[ResourceSpans] = []


class _Found(msgspec.Struct):
    result: _Result


class _Refusal(msgspec.Struct, rename="camel"):
    http_code: int
    message: str = ""


class _Refused(msgspec.Struct):
    error: _Refusal


class JaegerClient:
    """The query API of a Jaeger, such as `http://localhost:16686`; a path before `/api` may follow."""

    def __init__(self, url: str) -> None:
        """Raises ConfigError for what is no http or https address."""
        self._url = _checked(url)
        parts = urlsplit(self._url)
        self.shown = plain(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), 200)  # no password

    def trace(self, trace_id: bytes) -> list[Span]:
        """Return the spans of a trace (16 bytes), in no order; equal copies of one span once.

        Raises ConfigError where there is no such trace, or what answers is no Jaeger; DeliveryError where nothing
        answers, or not now.
        """
        status, body = self._got(f"{self._url}/api/v3/traces/{trace_id.hex()}?raw_traces=true")
        if status == requests.codes.ok:
            spans = self._spans(body)
            if spans:
                return spans
        elif status != requests.codes.not_found or not _is_refusal(body):
            raise self._refused(status, body)
        raise ConfigError(
            f"jaeger: {self.shown} has no trace {trace_id.hex()}: is the id right, is the event stored, was it"
            " chosen to be traced? A Jaeger that stores in memory forgets the oldest"
        )

    def _spans(self, body: bytes) -> list[Span]:
        try:
            found = msgspec.json.decode(body, type=_Found, strict=False)
            spans = spans_in(found.result.resource_spans)
        except (msgspec.DecodeError, DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise self._no_jaeger(plain(str(error), 200)) from error
        return list({_content(span): span for span in spans}.values())

    def _refused(self, status: int, body: bytes) -> Exception:
        if status >= requests.codes.server_error or status == requests.codes.too_many_requests:
            return DeliveryError(f"jaeger: {self.shown} cannot answer now: status {status}: {_message(body)}")
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            return ConfigError(
                f"jaeger: {self.shown} lets nobody in without a password (status {status}): write name and password"
                " into ~/.netrc, which nobody else may read"
            )
        if _is_refusal(body):
            return ConfigError(f"jaeger: {self.shown} refuses to answer: status {status}: {_message(body)}")
        return self._no_jaeger(f"status {status}")

    def _no_jaeger(self, why: str) -> ConfigError:
        return ConfigError(
            f"jaeger: {self.shown} answers, but not as Jaeger does ({why}): give the address of its pages, by"
            " default port 16686, with the path they begin at if there is one"
        )

    def _got(self, url: str) -> tuple[int, bytes]:
        """Return the status, and the body within a size and a time."""
        headers = {"User-Agent": f"tocsin/{__version__}", "Accept": "application/json"}
        timeout = (_CONNECT_SECONDS, _SILENCE_SECONDS)
        until = time.monotonic() + _WHOLE_SECONDS
        try:
            with requests.get(url, headers=headers, timeout=timeout, stream=True) as response:
                body = bytearray()
                for part in response.iter_content(_READ_AT_ONCE):
                    body += part
                    if len(body) > _MAX_BYTES:
                        raise self._no_jaeger(f"more than {_MAX_BYTES >> 20} MiB for one trace")
                    if time.monotonic() > until:
                        raise DeliveryError(f"jaeger: {self.shown} did not end its answer in {_WHOLE_SECONDS:.0f} s")
                return response.status_code, bytes(body)
        except (requests.exceptions.InvalidURL, requests.exceptions.TooManyRedirects, UnicodeError) as error:
            raise ConfigError(f"jaeger: {self.shown} is no address that can be asked: {_reason(error)}") from error
        except requests.exceptions.SSLError as error:
            raise ConfigError(f"jaeger: {self.shown} cannot be trusted: {_reason(error)}") from error
        except requests.exceptions.Timeout as error:
            raise DeliveryError(f"jaeger: {self.shown} does not answer: {_reason(error)}") from error
        except requests.exceptions.RequestException as error:
            raise DeliveryError(f"jaeger: {self.shown} cannot be reached: {_reason(error)}; does it run?") from error


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError(f"--jaeger: `{plain(url, 200)}` is no address: give one such as http://localhost:16686")
    return urlunsplit(parts._replace(path=parts.path.rstrip("/"), query="", fragment=""))


def _is_refusal(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=_Refused)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _message(body: bytes) -> str:
    try:
        return plain(msgspec.json.decode(body, type=_Refused).error.message, 200)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return plain(body[:200].decode("utf-8", "replace"))


def _content(span: Span) -> str:
    """Return what makes two spans copies of one another: everything, attributes in any order."""
    return repr(replace(span, attributes=dict(sorted(span.attributes.items()))))


def _reason(error: Exception) -> str:
    """Return what lies under the layers of an error of `requests`: `Connection refused`."""
    reason: object = error
    while isinstance(reason, Exception):
        causes = [cause for cause in (getattr(reason, "reason", None), *reason.args) if isinstance(cause, Exception)]
        if not causes:
            break
        reason = causes[0]
    said = str(reason).rpartition(": ")[2] or type(reason).__name__
    return plain(_ERRNO.sub("", said), 200)
