"""What is wrong with properties is said without a connection: where, what, and what is permitted."""

from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tocsin.bus.kafka import KafkaSettings, problems_of
from tocsin.kafka_names import PERMITTED
from tocsin.kafka_properties import KafkaProperty


def _problems(source: str = "tocsin.toml", **said: str) -> list[str]:
    properties = {
        name: KafkaProperty(name, value, source) for name, value in ((n.replace("__", "."), v) for n, v in said.items())
    }
    values = {name: each.value for name, each in properties.items()}
    return problems_of(properties, KafkaSettings("nowhere.example:9092", Path("kafka"), values))


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            {"sasl__pasword": "GEHEIM"},
            "sasl.pasword: librdkafka has no property of this name; did you mean `sasl.password`?",
        ),
        (
            {"security__protocol": "FOO"},
            "security.protocol: it cannot be `FOO`; permitted: plaintext, ssl, sasl_plaintext, sasl_ssl",
        ),
        ({"session__timeout__ms": "0"}, "session.timeout.ms: it cannot be `0`; permitted: 1 .. 3600000"),
        ({"linger__ms": "\x1b"}, r"linger.ms: it cannot be `\x1b`; permitted: 0 .. 900000"),
        ({"error_cb": "x"}, "error_cb: librdkafka has no property of this name"),
    ],
)
def test_a_property_that_cannot_be_is_named_with_its_place_and_what_is_permitted(
    said: dict[str, str], problem: str
) -> None:
    assert _problems(**said) == [f"tocsin.toml: kafka.{problem}"]
    (on_command_line,) = _problems("command line", **said)
    assert on_command_line == f"command line: --kafka {problem}"


def test_all_properties_that_cannot_be_are_said_at_once() -> None:
    assert len(_problems(acks="x", sasl__user="x", debug="x")) == 3


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"max__poll__interval__ms": "6000"}, "kafka.max.poll.interval.ms: `max.poll.interval.ms`must be >="),
        ({"acks": "1"}, "kafka.acks: `acks` must be set to `all`"),
        (
            {"security__protocol": "ssl", "ssl__ca__location": "/nowhere"},
            "kafka.ssl.ca.location: ssl.ca.location failed",
        ),
        ({"security__protocol": "sasl_ssl"}, "kafka.security.protocol: No provider for SASL mechanism GSSAPI"),
    ],
)
def test_properties_that_do_not_go_together_are_named(said: dict[str, str], named: str) -> None:
    (problem,) = _problems(**said)
    assert named in problem


def test_what_a_cluster_in_the_cloud_needs_is_right() -> None:
    login = {"security__protocol": "SASL_SSL", "sasl__mechanism": "PLAIN", "sasl__username": "a", "sasl__password": "b"}
    assert _problems(**login, client__id="x\x1b[31m", log_level="3", group__protocol="consumer") == []


def test_the_value_of_a_secret_is_in_no_problem() -> None:
    assert "GEHEIM" not in str(
        _problems(security__protocol="ssl", ssl__key__pem="GEHEIM") + _problems(pasword="GEHEIM")
    )


def test_librdkafka_has_every_property_that_is_listed() -> None:
    unknown = []
    for name in PERMITTED:
        try:
            AdminClient({"log_level": 0, name: "no value of any"})
        except KafkaException as error:
            unknown += [name] if "No such configuration property" in error.args[0].str() else []
    assert unknown == []
