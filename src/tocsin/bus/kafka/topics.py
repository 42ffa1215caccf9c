"""Make the topics that are not there, and check those that are."""

import time
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ConfigResource, NewTopic

from tocsin.bus.kafka.client import Client
from tocsin.bus.kafka.complaints import error_of
from tocsin.errors import ConfigError, DeliveryError
from tocsin.flow import TopicSettings

_HEADERS_BYTES = 64 << 10  # room for key, headers and the frame around them
_APPEAR_SECONDS = 15.0  # until brokers tell of a topic that was made
_LOOK_SECONDS = 3.0  # at settings of topics; while a broker is gone the client takes a whole core for that
_LONGEST_SECONDS = 50 * 365 * 86_400  # kept longer means for ever


def ensure_topics(client: Client, topics: Mapping[str, TopicSettings]) -> list[str]:
    """Make the topics that do not exist; return the names of those made.

    Raises ConfigError where one that exists would refuse our records, or may not be made.
    """
    there = client.refresh_topics()
    missing = {name: settings for name, settings in topics.items() if name not in there}
    made = _make(client, missing) if missing else []
    deadline = time.monotonic() + _APPEAR_SECONDS
    while not missing.keys() <= client.refresh_topics().keys():
        if time.monotonic() > deadline:
            raise DeliveryError(f"Kafka at {client.settings.servers}: the topics just made do not appear")
        time.sleep(0.05)
    _check(client, {name: settings for name, settings in topics.items() if name in there})
    return made


def properties_of(settings: TopicSettings) -> dict[str, str]:
    """Return Kafka's settings for a topic: its retention is by partition there."""
    is_forever = settings.retention_seconds > _LONGEST_SECONDS
    return {
        "cleanup.policy": "compact" if settings.is_compacted else "delete",
        "max.message.bytes": str(settings.max_record_bytes + _HEADERS_BYTES),
        "retention.ms": "-1" if is_forever else str(settings.retention_seconds * 1000),
        "retention.bytes": "-1" if is_forever else str(max(1, settings.retention_bytes // settings.partitions)),
    }


def _make(client: Client, topics: Mapping[str, TopicSettings]) -> list[str]:
    new = [
        NewTopic(name, settings.partitions, client.settings.replication, config=properties_of(settings))
        for name, settings in topics.items()
    ]
    made = []
    for name, future in client.admin.create_topics(new, operation_timeout=10.0).items():
        try:
            future.result(20.0)
            made.append(name)
        except KafkaException as raised:
            error = error_of(raised)
            if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:  # another stage was quicker
                continue
            if error.code() in (KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.POLICY_VIOLATION):
                raise ConfigError(
                    f"Kafka at {client.settings.servers}: topic `{name}` cannot be made: {error.str()};"
                    " set topics.replication to what this cluster can hold"
                ) from raised
            client.complaints.raise_as_ours(error, f"making the topic `{name}`")
        except TimeoutError as error:
            raise DeliveryError(f"Kafka at {client.settings.servers}: making the topic `{name}`: no answer") from error
    return made


def _check(client: Client, topics: Mapping[str, TopicSettings]) -> None:
    resources = {ConfigResource(ConfigResource.Type.TOPIC, name): name for name in topics}
    if not resources:
        return
    problems = []
    for resource, future in client.admin.describe_configs(list(resources), request_timeout=_LOOK_SECONDS).items():
        name = resources[resource]
        try:
            found = future.result(2 * _LOOK_SECONDS)
        except (KafkaException, TimeoutError):  # this user may not look: what does not fit will be refused when written
            continue
        needed = topics[name].max_record_bytes
        allowed = int(found["max.message.bytes"].value)
        if allowed < needed:
            problems.append(
                f"topic `{name}` takes records of {allowed:,} bytes, {needed + _HEADERS_BYTES:,} are needed:"
                f" kafka-configs.sh --alter --topic {name} --add-config max.message.bytes={needed + _HEADERS_BYTES}"
            )
        if topics[name].is_compacted and "compact" not in str(found["cleanup.policy"].value):
            problems.append(f"topic `{name}` must have cleanup.policy=compact: it keeps where each source was left")
    if problems:
        raise ConfigError(*(f"Kafka at {client.settings.servers}: {problem}" for problem in problems))
