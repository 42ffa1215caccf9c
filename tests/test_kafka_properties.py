"""Properties of librdkafka come from file, environment, files of secrets and flags; secrets show nowhere."""

from pathlib import Path

import pytest

from tocsin.config import load_config
from tocsin.errors import ConfigError


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


@pytest.mark.parametrize(
    "url", ["kafka:", "kafka://localhost", "kafka://localhost:0", "kafka://a:1,b", "kafka://user@host:1"]
)
def test_a_place_of_kafka_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="kafka://HOST:PORT is needed"):
        load_config({"bus": url}, {})


def test_servers_are_what_stands_behind_the_scheme() -> None:
    assert load_config({"bus": "kafka://a:1,b:2"}, {}).kafka_servers == "a:1,b:2"
    assert load_config({}, {}).kafka_servers == ""
