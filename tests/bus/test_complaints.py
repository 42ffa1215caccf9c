"""What Kafka complains of is said, not over and over, and its end once."""

import pytest
from confluent_kafka import KafkaError

from tocsin.bus.kafka import complaints
from tocsin.bus.kafka.complaints import Complaints
from tocsin.errors import ConfigError

_REFUSED = KafkaError(KafkaError._TRANSPORT, "Connect to ipv4#127.0.0.1:9092 failed: Connection refused")
_HANDSHAKE = KafkaError(KafkaError._AUTHENTICATION, "SASL PLAIN mechanism handshake failed: Broker transport failure")
_ALL_DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complaints, "_away_since", {})
    monkeypatch.setattr(complaints, "_back_since", {})
    monkeypatch.setattr(complaints, "_refused", {})
    monkeypatch.setattr(complaints, "_known", set())


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _connected(clock: _Clock) -> Complaints:
    heard = Complaints("kafka:9092", clock)
    heard.is_connected = True
    heard.answered()
    return heard


def _hear(heard: Complaints, clock: _Clock, seconds: int) -> None:
    """Hear once a second that nobody is there."""
    for _ in range(seconds):
        heard.hear(_REFUSED)
        heard.hear(_ALL_DOWN)
        clock.now += 1


def test_the_end_of_an_outage_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = _Clock()
    heard = _connected(clock)
    heard.answered()
    assert caplog.messages == []
    for _ in range(2):
        caplog.clear()
        _hear(heard, clock, 7)
        heard.answered()
        heard.answered()
        assert caplog.messages == [
            f"Kafka at kafka:9092: {_REFUSED.str()}",
            "Kafka at kafka:9092 answers again, after 7 s.",
        ]
        clock.now += 10


def test_what_a_client_says_late_of_an_outage_is_no_other_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = _Clock()
    heard = _connected(clock)
    _hear(heard, clock, 7)
    heard.answered()
    clock.now += 1
    heard.hear(_ALL_DOWN)
    assert not heard.is_away
    clock.now += 1
    heard.hear(_ALL_DOWN)
    assert heard.is_away


def test_the_end_of_an_outage_is_said_by_a_bus_that_was_opened_anew(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = _Clock()
    _hear(_connected(clock), clock, 3)
    Complaints("kafka:9092", clock).answered()
    assert caplog.messages[-1] == "Kafka at kafka:9092 answers again, after 3 s."


def test_an_outage_of_an_hour_is_not_said_every_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    clock = _Clock()
    _hear(_connected(clock), clock, 3600)
    assert 3 <= len(caplog.messages) <= 3 + 3600 // 300


def test_one_broker_of_several_that_is_away_is_said_and_is_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    heard = _connected(_Clock())
    heard.hear(_REFUSED)
    assert not heard.is_away
    heard.answered()
    assert caplog.messages == [f"Kafka at kafka:9092: {_REFUSED.str()}"]


def test_a_handshake_that_fails_as_a_broker_goes_away_is_no_refusal() -> None:
    clock = _Clock()
    heard = _connected(clock)
    for _ in range(3):  # now and then, hours between
        heard.hear(_HANDSHAKE)
        heard.raise_refusal()
        clock.now += 3600
    for _ in range(20):
        heard.hear(_HANDSHAKE)
        clock.now += 1
    heard.answered()
    for _ in range(29):
        heard.hear(_HANDSHAKE)
        clock.now += 1
    heard.raise_refusal()


def test_a_password_that_is_refused_for_half_a_minute_is_refused() -> None:
    clock = _Clock()
    heard = _connected(clock)
    for _ in range(2):  # a client says the same of one broker every 30 s
        heard.hear(_HANDSHAKE)
        clock.now += 30
    heard = Complaints("kafka:9092", clock)  # opened anew meanwhile
    heard.hear(_HANDSHAKE)
    with pytest.raises(ConfigError, match=r"sasl\.password"):
        heard.raise_refusal()


def test_a_password_that_is_refused_from_the_first_is_refused_at_once() -> None:
    heard = Complaints("kafka:9092", _Clock())
    heard.hear(_HANDSHAKE)
    with pytest.raises(ConfigError, match=r"sasl\.password"):
        heard.raise_refusal()
