"""Properties of librdkafka come from file, environment, files of secrets and flags; secrets show nowhere."""

from pathlib import Path

import pytest

from tocsin.config import load_config
from tocsin.errors import ConfigError
from tocsin.kafka_properties import KafkaProperty


def test_flags_count_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[kafka]\nsecurity.protocol = "SSL"\n"sasl.username" = "file"\nsocket.keepalive.enable = true\n')
    environment = {"TOCSIN_KAFKA_SASL_USERNAME": "environment", "TOCSIN_KAFKA_CLIENT_ID": "environment"}
    config = load_config({}, environment, str(file), ["client.id=flag"])
    assert {name: (each.value, each.source) for name, each in config.kafka.items()} == {
        "security.protocol": ("SSL", str(file)),
        "sasl.username": ("environment", "environment variable TOCSIN_KAFKA_SASL_USERNAME"),
        "socket.keepalive.enable": ("true", str(file)),
        "client.id": ("flag", "command line"),
    }


def test_a_secret_is_read_from_a_file_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    config = load_config({}, {"TOCSIN_KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "secret")})
    password = config.kafka["sasl.password"]
    assert (password.value, password.shown()) == ("hunter2", "********")
    assert config.as_environment()["TOCSIN_KAFKA_SASL_PASSWORD"] == "hunter2"


def test_all_that_is_wrong_is_said_at_once() -> None:
    flags = ["nonsense", "sasl.password=hunter2", "sasl.password.file=/nowhere"]
    with pytest.raises(ConfigError) as raised:
        load_config({}, {}, None, flags)
    first, second, third = raised.value.problems
    assert "--kafka nonsense: NAME=VALUE is needed" in first
    assert "set TOCSIN_KAFKA_SASL_PASSWORD, or --kafka sasl.password.file=FILE" in second
    assert "`/nowhere` cannot be read" in third
    assert "hunter2" not in str(raised.value)


def test_a_list_and_what_the_promise_rests_on_are_refused_by_file_and_key(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('[kafka]\nsasl.password = ["GEHEIM"]\ngroup.id = "x"\n')
    with pytest.raises(ConfigError) as raised:
        load_config({}, {"TOCSIN_KAFKA_ISOLATION_LEVEL": "read_uncommitted"}, str(file))
    assert raised.value.problems == (
        f"{file}: kafka.sasl.password: a text, a number, true or false is needed; several stand in one text, a,b,c",
        f"{file}: kafka.group.id cannot be set: it is the name of the stage",
        "environment variable TOCSIN_KAFKA_ISOLATION_LEVEL: kafka.isolation.level cannot be set:"
        " records of a transaction that was not committed must not be read",
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("client.id", "x"),
        ("ssl.ca.location", "x"),
        ("sasl.password", "********"),
        ("sasl.pasword", "********"),
        ("sasl.oauthbearer.assertion.private.key.passphrase", "********"),
        ("sasl.kerberos.kinit.cmd", "********"),
    ],
)
def test_a_property_is_masked_unless_anybody_may_see_it(name: str, shown: str) -> None:
    assert KafkaProperty(name, "x", "t.toml").shown() == shown


def test_a_name_with_an_underscore_comes_through_the_environment() -> None:
    said = load_config({}, {}, None, ["log_level=3"]).as_environment()
    assert {name: each.value for name, each in load_config({}, said).kafka.items()} == {"log_level": "3"}


def test_a_property_that_is_a_file_is_none_of_a_file_that_holds_a_secret() -> None:
    config = load_config({}, {}, None, ["sasl.oauthbearer.assertion.file=/nowhere"])
    assert config.kafka["sasl.oauthbearer.assertion.file"].value == "/nowhere"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("kafka://user:geheim@h:9092", "kafka://********@h:9092"),
        ("kafka:user:ge@heim@h:9092", "kafka:********@h:9092"),
        ("kafkas://user:geheim@h:9092", "kafkas://********@h:9092"),
        ("user:geheim@h:9092", "********@h:9092"),
    ],
)
def test_name_and_password_in_the_place_of_a_bus_are_refused_and_not_shown(url: str, shown: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config({}, {"TOCSIN_BUS": url})
    assert f"environment variable TOCSIN_BUS: bus is `{shown}`" in str(raised.value)
    assert "heim" not in str(raised.value)
    assert ("set sasl.username and sasl.password in [kafka]" in str(raised.value)) == url.startswith("kafka:")


@pytest.mark.parametrize(
    "url", ["kafka:", "kafka://localhost", "kafka://localhost:0", "kafka://a:1,b", "kafka://a/b:1"]
)
def test_a_place_of_kafka_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="kafka://HOST:PORT is needed"):
        load_config({"bus": url}, {})


def test_servers_are_what_stands_behind_the_scheme() -> None:
    assert load_config({"bus": "kafka://a:1,b:2"}, {}).kafka_servers == "a:1,b:2"
    assert load_config({}, {}).kafka_servers == ""
