"""Tell which topics are not as they are asked for: who makes topics that are there changes nothing in them."""

from collections.abc import Iterator
from dataclasses import dataclass

from tocsin.bus.contract import Bus
from tocsin.config import Config
from tocsin.event import CLASSIFIED_EVENTS, RAW_EVENTS
from tocsin.pipeline.topology import is_shared, topics_of
from tocsin.plain import counted


def all_topics(bus: Bus, config: Config) -> list[str]:
    """Return the names of the topics of every stage, and those that the bus has for itself."""
    return [*topics_of(config), *bus.own_topics]


@dataclass(frozen=True)
class Difference:
    """What a topic has, what is asked for, and what to do about it."""

    sentence: str
    is_lacking: bool  # there is less than is asked for


def differences(bus: Bus, config: Config) -> list[Difference]:
    """Return where topics have other partitions or copies than the settings ask for.

    What nobody has said, but is the default, asks for nothing. Raises ConfigError where a topic is not there.
    """
    return [*_of_partitions(bus, config), *_of_copies(bus, config)]


def _of_partitions(bus: Bus, config: Config) -> Iterator[Difference]:
    wanted = config["topics.partitions"]
    if config.values_by_key["topics.partitions"].source == "default":
        return
    for name in (RAW_EVENTS, CLASSIFIED_EVENTS):  # the others have one, whatever is asked for
        there = bus.partitions(name)
        if there != wanted:
            has = f"topic `{name}` has {counted(there, 'partition')}, {wanted} asked for"
            yield Difference(f"{has}{_about_partitions(name, there, wanted, config)}", there < wanted)


def _about_partitions(name: str, there: int, wanted: int, config: Config) -> str:
    if not is_shared(config):
        return ": the embedded bus keeps those it was made with; give another --data or --bus"
    if there > wanted:
        return f": Kafka takes none away; leave it at {there}, or delete the topic with all that is in it"
    return (
        f": kafka-topics.sh --bootstrap-server {config.kafka_servers} --alter --topic {name} --partitions {wanted};"
        " a host's events may change their order (docs/how-to/kafka.md#keys-and-order)"
    )


def _of_copies(bus: Bus, config: Config) -> Iterator[Difference]:
    wanted = config["topics.replication"]
    if wanted is None:
        return
    if not is_shared(config):
        if wanted > 1:
            yield Difference(
                f"topics.replication is {wanted}: the embedded bus has one copy, on the disk of its folder", True
            )
        return
    for name in all_topics(bus, config):
        there = bus.copies(name)
        if there != wanted:
            sentence = (
                f"topic `{name}` has {counted(there, 'copy', 'copies')} of each partition, {wanted} asked for:"
                f" kafka-reassign-partitions.sh changes that, where there are {counted(wanted, 'broker')}"
            )
            yield Difference(sentence, there < wanted)
