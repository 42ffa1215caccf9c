"""Read from the environment where traces go: OpenTelemetry's variables for an exporter of OTLP over HTTP."""

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tocsin.errors import ConfigError
from tocsin.plain import plain
from tocsin.suggestion import did_you_mean

_PREFIX = "OTEL_EXPORTER_OTLP_"
_DEFAULT_ENDPOINT = "http://localhost:4318"
_PATH = "/v1/traces"
_PROTOCOL = "http/protobuf"
_MILLISECONDS = (100, 300_000)  # least and most: the Python SDK reads seconds here, and 10 would be no time at all
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?|")
_OURS = {"connection", "content-encoding", "content-length", "content-type", "transfer-encoding"}


# OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "Metrics Exporter", with what has been deprecated.
_ITEMS = (
    "ENDPOINT", "HEADERS", "TIMEOUT", "COMPRESSION", "PROTOCOL", "INSECURE", "CERTIFICATE", "KEY",
    "CLIENT_CERTIFICATE", "CLIENT_KEY",
)  # fmt: skip
_NAMES = {f"{_PREFIX}{signal}{item}" for signal in ("", "TRACES_", "METRICS_", "LOGS_", "SPAN_") for item in _ITEMS} | {
    f"{_PREFIX}METRICS_TEMPORALITY_PREFERENCE",
    f"{_PREFIX}METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
}


@dataclass(frozen=True)
class OtlpSettings:
    """Where and how requests with spans are sent."""

    url: str  # of the traces, whole: http://localhost:4318/v1/traces
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # names in lower case; the values are secrets
    timeout_seconds: float = 10.0  # of one request, from the first byte to the answer
    is_gzip: bool = True
    certificate: str | None = None  # PEM file of the authorities that may sign the collector's certificate
    client_certificate: str | None = None  # PEM file
    client_key: str | None = None  # PEM file; None: it stands in that of the certificate

    @property
    def shown(self) -> str:
        """The address for people: without its query, which may hold a key."""
        return plain(urlsplit(self.url)._replace(query="", fragment="").geturl(), 200)


def otlp_settings(environment: Mapping[str, str]) -> OtlpSettings | None:
    """Return where traces go; None where nobody asked for them: there is no endpoint, or they are switched off.

    Source: OpenTelemetry specification, "SDK environment variables" and "OpenTelemetry Protocol Exporter". An empty
    variable is one that is not set; `OTEL_EXPORTER_OTLP_TRACES_X` counts over `OTEL_EXPORTER_OTLP_X`. Unlike the
    specification's, the default of the compression is gzip. Raises ConfigError with all that is wrong; it never shows
    the value of a header.
    """
    problems = _misspelled(environment)
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return None
    variables = _Variables(environment)
    endpoint = variables.of("ENDPOINT")
    if endpoint is None and exporter != "otlp" and not problems:
        return None
    if exporter not in ("", "otlp"):
        problems.append(f"OTEL_TRACES_EXPORTER: `{plain(exporter, 100)}` is not known here; set otlp, or none")
    _check_protocol(variables, problems)
    settings = OtlpSettings(
        url=_url(endpoint, problems),
        headers=_headers(variables, problems),
        timeout_seconds=_timeout_seconds(variables, problems),
        is_gzip=_is_gzip(variables, problems),
        certificate=variables.value("CERTIFICATE"),
        client_certificate=variables.value("CLIENT_CERTIFICATE"),
        client_key=variables.value("CLIENT_KEY"),
    )
    _check_files(variables, problems)
    if problems:
        raise ConfigError(*problems)
    return settings


@dataclass(frozen=True)
class _Variable:
    name: str
    value: str


class _Variables:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def of(self, name: str) -> _Variable | None:
        """Return that of the traces, or else that of all signals."""
        for variable in (f"{_PREFIX}TRACES_{name}", _PREFIX + name):
            if value := self._environment.get(variable, "").strip():
                return _Variable(variable, value)
        return None

    def value(self, name: str) -> str | None:
        found = self.of(name)
        return found.value if found else None


def _misspelled(environment: Mapping[str, str]) -> list[str]:
    """Say which variables OpenTelemetry does not know: nothing would be sent, or not as it was meant."""
    problems = []
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in _NAMES:
            problems.append(f"{plain(name, 100)}: it is not known{did_you_mean(name, sorted(_NAMES))}")
    return problems


def _check_protocol(variables: _Variables, problems: list[str]) -> None:
    said = variables.of("PROTOCOL")
    if said and said.value != _PROTOCOL:
        problems.append(
            f"{said.name}: `{plain(said.value, 100)}` is not spoken here: set {_PREFIX}TRACES_PROTOCOL={_PROTOCOL}, and"
            " the endpoint to the collector's port for it (4318 as a rule)"
        )


def _url(said: _Variable | None, problems: list[str]) -> str:
    if said is None:
        return _DEFAULT_ENDPOINT + _PATH
    try:
        parts = urlsplit(said.value)
        is_address = bool(parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port))
    except ValueError:
        is_address = False
    if "@" in said.value.partition("?")[0]:
        problems.append(
            f"{said.name}: a user name or password in an address is refused, for addresses are shown; say it in"
            f" {_PREFIX}HEADERS, such as authorization=Basic%20..."
        )
    elif not is_address or not said.value.isascii() or not said.value.isprintable() or " " in said.value:
        shown = plain(said.value.partition("?")[0], 200)
        problems.append(f"{said.name}: `{shown}` is no address: http://HOST:PORT is needed, or https://")
    elif said.name == f"{_PREFIX}ENDPOINT":
        return parts._replace(path=parts.path.rstrip("/") + _PATH).geturl()
    return said.value


def _headers(variables: _Variables, problems: list[str]) -> dict[str, str]:
    """Read `name=value,name=value`, percent-decoded (W3C Baggage without properties)."""
    said = variables.of("HEADERS")
    headers: dict[str, str] = {}
    for number, entry in enumerate(said.value.split(",") if said else (), 1):
        name, equals, value = (unquote(part.strip()) for part in entry.partition("="))
        if not entry.strip():
            continue
        assert said is not None
        if problem := _header_problem(name, equals, value):
            problems.append(f"{said.name}: entry {number} of those between commas {problem}")
        else:
            headers[name.lower()] = value
    return headers


def _header_problem(name: str, equals: str, value: str) -> str:
    """Say what is wrong, without the entry: it may be a piece of a password that has a comma in it."""
    if not equals or not _HEADER_NAME.fullmatch(name):
        return "is not NAME=VALUE; a comma in a value is written %2C"
    if name.lower() in _OURS:
        return f"sets {name.lower()}, which goes with what is sent; leave it out"
    if not _HEADER_VALUE.fullmatch(value):
        return f"gives {name.lower()} a value that a header cannot hold: printable ASCII is needed"
    return ""


def _timeout_seconds(variables: _Variables, problems: list[str]) -> float:
    said = variables.of("TIMEOUT")
    if said is None:
        return OtlpSettings.timeout_seconds
    least, most = _MILLISECONDS
    digits = said.value if said.value.isascii() and said.value.isdecimal() and len(said.value) < 10 else "0"
    if not least <= int(digits) <= most:
        problems.append(
            f"{said.name}: `{plain(said.value, 50)}` is not a number of milliseconds from {least} to {most:,}:"
            " 10000 is ten seconds"
        )
    return int(digits) / 1000


def _is_gzip(variables: _Variables, problems: list[str]) -> bool:
    said = variables.of("COMPRESSION")
    if said and said.value not in ("gzip", "none"):
        problems.append(f"{said.name}: `{plain(said.value, 50)}` is not known here; set gzip, or none")
    return said is None or said.value == "gzip"


def _check_files(variables: _Variables, problems: list[str]) -> None:
    """Read what TLS will read, so that a wrong file is found before the first request."""
    certificate, client = variables.of("CERTIFICATE"), variables.of("CLIENT_CERTIFICATE")
    key = variables.of("CLIENT_KEY")
    missing = list(_unreadable(certificate, client, key))
    problems += missing
    if key and not client:
        problems.append(f"{key.name}: is of no use without {_PREFIX}CLIENT_CERTIFICATE; set that, too")
    if missing:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificate:
        try:
            context.load_verify_locations(certificate.value)
        except ssl.SSLError:
            problems.append(f"{certificate.name}: `{plain(certificate.value, 200)}` has no certificate in PEM form")
    if client:
        try:
            context.load_cert_chain(client.value, key.value if key else None, password=lambda: "")  # "": it asks nobody
        except ssl.SSLError as error:
            problems.append(
                f"{client.name}: `{plain(client.value, 200)}` and its key cannot be used ({plain(str(error), 200)});"
                " PEM is needed, and the key of this certificate without a password"
            )


def _unreadable(*variables: _Variable | None) -> Iterator[str]:
    for variable in variables:
        if variable is None:
            continue
        try:
            Path(variable.value).open("rb").close()
        except OSError as error:
            yield f"{variable.name}: `{plain(variable.value, 200)}` cannot be read: {error.strerror}"
