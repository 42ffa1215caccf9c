"""Say what a collector's answer means: taken, to be tried again, or refused for good."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from tocsin.errors import DeliveryError
from tocsin.plain import counted
from tocsin.telemetry.protobuf_fields import field_of

MAX_RETRY_AFTER_SECONDS = 300.0

_PASSING = (429, 502, 503, 504)  # all else must not be sent again (OTLP, "Failures")
_PROTOBUF = "application/x-protobuf"
_WHAT_TO_DO = {
    400: "does a collector listen there that takes OTLP over HTTP?",
    401: "set what it asks for with OTEL_EXPORTER_OTLP_HEADERS",
    403: "does what OTEL_EXPORTER_OTLP_HEADERS says give the right to write?",
    404: "is the path right? /v1/traces is added to OTEL_EXPORTER_OTLP_ENDPOINT, to nothing else",
    405: "does a collector listen there that takes OTLP over HTTP?",
    407: "say user and password in the address of the proxy (HTTP_PROXY, HTTPS_PROXY)",
    413: "raise what the collector takes in one request",
    415: "does a collector listen there that takes OTLP over HTTP as protobuf?",
}


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]  # by their names in lower case
    body: bytes


@dataclass(frozen=True)
class Sent:
    """What the collector said of a request that it took."""

    rejected_spans: int = 0  # those of the request that it did not keep: they are lost
    message: str = ""  # why; a warning where nothing was rejected

    def rejected_of(self, spans: int) -> int:
        """Return how many of so many spans it did not keep: it may say any number."""
        return min(max(0, self.rejected_spans), spans)


class CollectorAwayError(DeliveryError):
    """It did not get through: nothing is lost if the same request is sent again, after some time."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds  # as the collector asked for, from 0 to 300; None: it did not


class SpansRefusedError(Exception):
    """The collector will never take this request: its spans are lost, and to be counted."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status  # of HTTP


def outcome_of(answer: Answer, place: str, said: Callable[[str], str], now: float) -> Sent:
    """Return what the collector took. `said` makes its words fit to be shown; `now`: seconds since 1970.

    Raises CollectorAwayError for 429, 502, 503 and 504, SpansRefusedError for all else that is no success.
    Source: OTLP specification 1.x, "OTLP/HTTP Response".
    """
    status = answer.status
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        if content_type == "text/html":
            raise SpansRefusedError(f"{place}: a web page answers, no collector; {_WHAT_TO_DO[404]}", status)
        rejected, message = _read_partial_success(answer.body)
        return Sent(rejected, said(message))
    told = f"{_phrase(status)}{_words(answer, content_type, said)}"
    if status in _PASSING:
        after = retry_after_seconds(answer.headers.get("retry-after", ""), now)
        when = "" if after is None else f"; it asks for {counted(round(after), 'second')} of patience"
        raise CollectorAwayError(f"{place}: the collector cannot take spans now: {told}{when}", after)
    if 300 <= status < 400:
        target = said(answer.headers.get("location", "").partition("?")[0])
        raise SpansRefusedError(f"{place}: it points elsewhere: {told}; set the endpoint to `{target}` itself", status)
    to_do = _WHAT_TO_DO.get(status, "look into the collector's log")
    raise SpansRefusedError(f"{place}: the collector refused spans: {told}; {to_do}", status)


def retry_after_seconds(value: str, now: float) -> float | None:
    """Read `Retry-After` (RFC 9110, 10.2.3): seconds or a date, kept within 0 and 300; None where it is neither."""
    if value.isascii() and value.isdecimal():
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _read_partial_success(body: bytes) -> tuple[int, str]:
    """Read ExportTraceServiceResponse (opentelemetry-proto, collector/trace/v1); what is none says nothing."""
    try:
        partial_success = field_of(body, 1, b"")
        rejected = field_of(partial_success, 1, 0)
        message = field_of(partial_success, 2, b"")
    except ValueError:
        return 0, ""
    return rejected if rejected < 1 << 63 else 0, message.decode(errors="replace")  # negative: it makes no sense


def _words(answer: Answer, content_type: str, said: Callable[[str], str]) -> str:
    """Return the collector's own words, as far as there are any: google.rpc.Status, or text."""
    text = ""
    if content_type == _PROTOBUF:
        try:
            text = field_of(answer.body, 2, b"").decode(errors="replace")
        except ValueError:
            text = "an answer that cannot be read"
    elif content_type != "text/html":
        text = answer.body.decode(errors="replace")
    words = said(" ".join(text.split()))
    return f": {words}" if words else ""


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
