"""Ask librdkafka, without a connection, what is wrong with the properties that a user has set."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from tocsin.bus.kafka.complaints import error_of
from tocsin.bus.kafka.settings import SILENT, KafkaSettings
from tocsin.kafka_names import PERMITTED
from tocsin.kafka_properties import KafkaProperty
from tocsin.plain import plain
from tocsin.suggestion import did_you_mean

_NAME = "tocsin-check"
_NO_SUCH = "No such configuration property"
_NOT_MADE = "Failed to create"
_ASKS_ELSEWHERE = ("OAUTHBEARER", "GSSAPI")  # their clients ask for a token, or run kinit, as soon as they are made


def problems_of(properties: Mapping[str, KafkaProperty], settings: KafkaSettings) -> list[str]:
    """Return a sentence for each property that cannot be: where it was said, what is wrong, what is permitted.

    Where each by itself can be, those are told that do not go together. `settings`: of which they are a part.
    """
    problems = [f"{each.place}: {problem}" for each in properties.values() if (problem := _problem(each))]
    return problems or _together(properties, settings)


def _problem(said: KafkaProperty) -> str:
    """Return what is wrong with one property, whatever the others are; "" where nothing is."""
    refusal = _refusal(AdminClient, {"log_level": 0, "logger": SILENT, said.name: said.value})
    if not refusal or refusal.startswith(_NOT_MADE):  # it may need others beside it
        return ""
    if refusal.startswith(_NO_SUCH):
        return f"librdkafka has no property of this name{did_you_mean(said.name, PERMITTED)}"
    permitted = PERMITTED.get(said.name)
    if permitted:
        return f"it cannot be `{plain(said.shown())}`; permitted: {permitted}"
    return _masked(refusal, said)


def _together(properties: Mapping[str, KafkaProperty], settings: KafkaSettings) -> list[str]:
    mechanism = properties.get("sasl.mechanism") or properties.get("sasl.mechanisms")
    if mechanism is not None and mechanism.value.upper() in _ASKS_ELSEWHERE:
        return []
    alone = replace(settings, servers="")
    kinds: list[tuple[Callable[[dict[str, Any]], Any], Mapping[str, Any]]] = [
        (AdminClient, alone.admin(_unheard)),
        (Producer, alone.producer(_NAME, _unheard)),
        (Consumer, alone.consumer(_NAME, _NAME, _unheard)),
    ]
    refusals = {_refusal(kind, given).partition(f"{_NOT_MADE} ")[2].partition(": ")[2] for kind, given in kinds}
    return [_sentence(refusal, properties) for refusal in sorted(refusals - {""})]


def _sentence(refusal: str, properties: Mapping[str, KafkaProperty]) -> str:
    """Name those properties of the user that librdkafka speaks of, else all that say how to log in."""
    named = [each for name, each in properties.items() if name in refusal]
    named = named or [each for name, each in properties.items() if name.startswith(("security.", "sasl.mechanism"))]
    for each in named:
        refusal = _masked(refusal, each)
    return f"{', '.join(each.place for each in named) or 'kafka'}: {refusal}"


def _masked(refusal: str, said: KafkaProperty) -> str:
    shown = said.shown()
    return plain(refusal if shown == said.value or not said.value else refusal.replace(said.value, shown))


def _refusal(kind: Callable[[dict[str, Any]], Any], given: Mapping[str, Any]) -> str:
    """Make a client that connects to nobody; return why there can be none, "" where there can."""
    try:
        client = kind({name: value for name, value in given.items() if name != "bootstrap.servers"})
    except KafkaException as error:
        return " ".join(error_of(error).str().split())
    except (TypeError, ValueError, AttributeError):  # of confluent-kafka: a function is wanted
        return f"{_NO_SUCH}: a function, which no text can be"
    if isinstance(client, Consumer):
        client.close()
    return ""


def _unheard(error: Any) -> None:
    """Take what a client says in the background: it has nobody to talk to."""
