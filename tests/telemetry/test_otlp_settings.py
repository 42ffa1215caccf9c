"""Where traces go, out of OpenTelemetry's variables."""

from pathlib import Path

import pytest

from tests.certificates import lock_key, make_authority, make_certificate
from tocsin.errors import ConfigError
from tocsin.telemetry.otlp_settings import OtlpSettings, otlp_settings

_ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def _settings(**variables: str) -> OtlpSettings:
    settings = otlp_settings({**_ENDPOINT, **variables})
    assert settings is not None
    return settings


def _problems(**variables: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        otlp_settings({**_ENDPOINT, **variables})
    return list(raised.value.problems)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {**_ENDPOINT, "OTEL_SDK_DISABLED": "True"},
        {**_ENDPOINT, "OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
    ],
)
def test_nothing_is_sent_where_nobody_asked_for_it_or_it_is_switched_off(environment: dict[str, str]) -> None:
    assert otlp_settings(environment) is None


@pytest.mark.parametrize("value", ["1", "yes", "false", ""])
def test_the_sdk_is_disabled_by_true_alone_as_the_specification_says(value: str) -> None:
    assert otlp_settings({**_ENDPOINT, "OTEL_SDK_DISABLED": value})


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        (_ENDPOINT, "http://collector:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/"}, "http://collector:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/otlp?k=1"}, "https://c/otlp/v1/traces?k=1"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1/as/it/is"}, "http://c:1/as/it/is"),
        ({**_ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://[::1]:4318"}, "http://[::1]:4318"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318/v1/traces"),
    ],
)
def test_the_path_is_added_to_the_endpoint_of_all_signals_alone(environment: dict[str, str], url: str) -> None:
    settings = otlp_settings(environment)
    assert settings is not None
    assert settings.url == url


def test_without_more_it_is_gzip_and_ten_seconds() -> None:
    assert _settings() == OtlpSettings("http://collector:4318/v1/traces", {}, 10.0, True)


def test_the_variable_of_traces_counts_over_that_of_all_signals() -> None:
    settings = _settings(
        OTEL_EXPORTER_OTLP_HEADERS="a=1,b=2",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS="c=3",
        OTEL_EXPORTER_OTLP_TIMEOUT="1000",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="2500",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_EXPORTER_OTLP_TRACES_COMPRESSION="none",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf",
    )
    assert (settings.headers, settings.timeout_seconds, settings.is_gzip) == ({"c": "3"}, 2.5, False)


def test_headers_are_percent_decoded() -> None:
    settings = _settings(OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic%20dTpw==, x-team = blue%2Cgreen ,")
    assert settings.headers == {"authorization": "Basic dTpw==", "x-team": "blue,green"}


def test_what_stands_in_a_header_is_shown_by_no_repr() -> None:
    assert "hunter2" not in repr(_settings(OTEL_EXPORTER_OTLP_HEADERS="authorization=hunter2"))


def test_the_address_is_shown_without_its_query() -> None:
    assert _settings(OTEL_EXPORTER_OTLP_ENDPOINT="https://c?key=hunter2").shown == "https://c/v1/traces"


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ("a=1,hunter2", "entry 2 of those between commas is not NAME=VALUE; a comma in a value is written %2C"),
        ("hunter2 b=1", "entry 1 of those between commas is not NAME=VALUE; a comma in a value is written %2C"),
        ("Content-Type=hunter2", "entry 1 of those between commas sets content-type, which goes with what is sent"),
        ("a=hunter2%0d%0ab: 1", "gives a a value that a header cannot hold: printable ASCII is needed"),
        ("a=hunter2%C3%A9", "gives a a value that a header cannot hold: printable ASCII is needed"),
    ],
)
def test_headers_that_are_none_are_refused_without_being_shown(headers: str, problem: str) -> None:
    (said,) = _problems(OTEL_EXPORTER_OTLP_TRACES_HEADERS=headers)
    assert said.startswith("OTEL_EXPORTER_OTLP_TRACES_HEADERS: ")
    assert problem in said
    assert "hunter2" not in said


def test_all_that_is_wrong_is_said_at_once() -> None:
    problems = _problems(
        OTEL_TRACES_EXPORTER="zipkin",
        OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_HEADERS="a",
        OTEL_EXPORTER_OTLP_TIMEOUT="10",
        OTEL_EXPORTER_OTLP_COMPRESSION="zstd",
        OTEL_EXPORTER_OTLP_CERTIFICATE="/nowhere/ca.pem",
    )
    assert problems == [
        "OTEL_TRACES_EXPORTER: `zipkin` is not known here; set otlp, or none",
        "OTEL_EXPORTER_OTLP_PROTOCOL: `grpc` is not spoken here: set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf,"
        " and the endpoint to the collector's port for it (4318 as a rule)",
        "OTEL_EXPORTER_OTLP_ENDPOINT: `collector:4318` is no address: http://HOST:PORT is needed, or https://",
        "OTEL_EXPORTER_OTLP_HEADERS: entry 1 of those between commas is not NAME=VALUE; a comma in a value is written"
        " %2C",
        "OTEL_EXPORTER_OTLP_TIMEOUT: `10` is not a number of milliseconds from 100 to 300,000: 10000 is ten seconds",
        "OTEL_EXPORTER_OTLP_COMPRESSION: `zstd` is not known here; set gzip, or none",
        "OTEL_EXPORTER_OTLP_CERTIFICATE: `/nowhere/ca.pem` cannot be read: No such file or directory",
    ]


@pytest.mark.parametrize("endpoint", ["ftp://c", "http://", "http://c:port", "http://c:0", "http://c d", "http://[c"])
def test_what_is_no_address_is_refused(endpoint: str) -> None:
    (problem,) = _problems(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=endpoint)
    assert problem.startswith(f"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `{endpoint}` is no address")


@pytest.mark.parametrize("endpoint", ["http://u:hunter2@c:4318", "u:hunter2@c:4318"])
def test_a_password_in_the_address_is_refused_and_not_shown(endpoint: str) -> None:
    (problem,) = _problems(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert "a user name or password in an address is refused" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("timeout", ["0", "-1", "1.5", "soon", "9" * 5000, "300001"])
def test_a_timeout_is_a_number_of_milliseconds_within_bounds(timeout: str) -> None:
    (problem,) = _problems(OTEL_EXPORTER_OTLP_TIMEOUT=timeout)
    assert "is not a number of milliseconds from 100 to 300,000" in problem


def test_files_of_tls_are_read_at_the_start(tmp_path: Path) -> None:
    make_authority(tmp_path, "ca")
    pem = make_certificate(tmp_path, "ca", "client")
    settings = _settings(
        OTEL_EXPORTER_OTLP_CERTIFICATE=str(tmp_path / "ca.pem"),
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(tmp_path / "client.crt"),
        OTEL_EXPORTER_OTLP_CLIENT_KEY=str(tmp_path / "client.key"),
    )
    assert (settings.certificate, settings.client_key) == (str(tmp_path / "ca.pem"), str(tmp_path / "client.key"))
    assert _settings(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(pem)).client_certificate == str(pem)


def test_files_of_tls_that_are_of_no_use_are_refused(tmp_path: Path) -> None:
    make_authority(tmp_path, "ca")
    make_certificate(tmp_path, "ca", "client")
    (tmp_path / "text").write_text("no certificate")
    problems = _problems(
        OTEL_EXPORTER_OTLP_CERTIFICATE=str(tmp_path / "text"),
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(tmp_path / "client.crt"),
        OTEL_EXPORTER_OTLP_CLIENT_KEY=str(tmp_path / "ca.key"),
    )
    assert problems[0] == f"OTEL_EXPORTER_OTLP_CERTIFICATE: `{tmp_path / 'text'}` has no certificate in PEM form"
    assert problems[1].startswith("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: ")
    assert "key values mismatch" in problems[1].lower().replace("_", " ")
    (problem,) = _problems(OTEL_EXPORTER_OTLP_CLIENT_KEY=str(tmp_path / "client.key"))
    assert "without OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" in problem


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    make_authority(tmp_path, "ca")
    make_certificate(tmp_path, "ca", "client")
    lock_key(tmp_path, "client")
    (problem,) = _problems(
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(tmp_path / "client.crt"),
        OTEL_EXPORTER_OTLP_CLIENT_KEY=str(tmp_path / "client.locked.key"),
    )
    assert "the key of this certificate without a password" in problem


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPIONT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADER", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
        ("OTEL_EXPORTER_OTLP_TRACE_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    ],
)
def test_a_misspelled_variable_is_refused_also_where_nothing_else_is_set(name: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}: it is not known; did you mean `{meant}`\\?$"):
        otlp_settings({name: "http://collector:4318"})


def test_variables_of_other_signals_are_nothing_to_us() -> None:
    assert otlp_settings({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318"}) is None
