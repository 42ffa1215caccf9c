"""The topics, the groups that read them, and the bus that has them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tocsin.bus.contract import Bus
from tocsin.bus.embedded import EmbeddedBus
from tocsin.config import Config
from tocsin.errors import ConfigError
from tocsin.event import ALERTS, CLASSIFIED_EVENTS, DEAD_LETTERS, LABELS, MAX_RECORD_BYTES, RAW_EVENTS, STORE_COMMITS
from tocsin.flow import TopicSettings
from tocsin.kafka_properties import KafkaProperty
from tocsin.locks import FileLock

if TYPE_CHECKING:
    from tocsin.bus.kafka import KafkaSettings

CLASSIFY_GROUP = "classify"
STORE_GROUP = "store"
GROUPS = {CLASSIFY_GROUP: [RAW_EVENTS], STORE_GROUP: [CLASSIFIED_EVENTS, DEAD_LETTERS]}
PRODUCED = (RAW_EVENTS, DEAD_LETTERS)
SIMULATED = (*PRODUCED, LABELS)
CLASSIFIED = (CLASSIFIED_EVENTS, ALERTS, DEAD_LETTERS)
STORED = (STORE_COMMITS, DEAD_LETTERS)

_FOREVER_SECONDS = 100 * 365 * 86_400
_ANY_SIZE = 1 << 60
_CONNECT_SECONDS = 15.0
_right_properties: set[tuple[KafkaProperty, ...]] = set()  # asking makes clients, and lag is read every few seconds
_MOST_PROCESSES = 1_000  # of one stage, in one data directory


def topics_of(config: Config) -> Mapping[str, TopicSettings]:
    """Return all topics with what they are made with."""
    partitions = config["topics.partitions"]
    seconds = int(config["topics.retention_hours"] * 3600)
    size = int(config["topics.retention_gb"] * 2**30)
    return {
        RAW_EVENTS: TopicSettings(partitions, seconds, size, MAX_RECORD_BYTES),
        CLASSIFIED_EVENTS: TopicSettings(partitions, seconds, size),
        ALERTS: TopicSettings(1, seconds, size),
        DEAD_LETTERS: TopicSettings(1, seconds, size),
        LABELS: TopicSettings(1, _FOREVER_SECONDS, _ANY_SIZE),
        STORE_COMMITS: TopicSettings(1, _FOREVER_SECONDS, _ANY_SIZE),  # what a writer recovers from, however late
    }


def open_bus(
    config: Config,
    member: str = "",
    writes: Sequence[str] = (),
    on_rebalance: Callable[[], None] = lambda: None,
) -> Bus:
    """Open the bus with all topics, and the groups that must not miss any of their records.

    `member`: the name under which this process reads and writes where several share a bus, the same after a kill.
    `writes`: the topics it writes to.
    """
    bus = _connected(config, member, writes, on_rebalance)
    bus.ensure_topics(topics_of(config), GROUPS)
    return bus


def existing_bus(config: Config, connect_seconds: float = _CONNECT_SECONDS) -> Bus:
    """Open a bus that is there already, and change nothing in it. Raises ConfigError where there is none.

    `connect_seconds`: how long Kafka may take to answer before that is a DeliveryError.
    """
    if not has_bus(config):
        raise ConfigError(
            f"bus: there is none in `{config.bus_folder}`; `tocsin run` makes one, or give --data or --bus"
        )
    bus = _connected(config, connect_seconds=connect_seconds)
    if is_shared(config):  # the embedded bus keeps its groups
        bus.ensure_topics({}, GROUPS)
    return bus


def has_bus(config: Config) -> bool:
    """Return whether there is something to open; of Kafka that is known only by asking it."""
    return bool(config.kafka_servers) or (config.bus_folder / "bus.sqlite").exists()


def is_shared(config: Config) -> bool:
    """Return whether processes elsewhere may be on the same bus."""
    return bool(config.kafka_servers)


def installation(config: Config) -> str:
    """Return what this data directory is known by on a bus that others share; "" where the bus is ours alone."""
    if not is_shared(config):
        return ""
    from tocsin.bus.kafka import installation_of

    return installation_of(config.kafka_folder)


def workers_of(bus: Bus, wanted: int) -> int:
    """Return how many processes have something to do: a partition is read by one of them."""
    return min(wanted, len(bus.ends(RAW_EVENTS)))


@contextmanager
def own_number(config: Config, stage: str, worker: int) -> Iterator[int]:
    """Give a number that no other process of this stage in this data directory has, while the block runs.

    On the embedded bus it is the worker's; on Kafka, where anybody may start one more process, the lowest that is
    free. So a process that takes the place of one that was killed has its name too, and ends what that one left open.
    """
    if not is_shared(config):
        yield worker
        return
    config.kafka_folder.mkdir(parents=True, exist_ok=True)
    for number in range(_MOST_PROCESSES):
        lock = _lock_of(config, stage, number)
        if lock.try_acquire():
            break
    else:
        raise ConfigError(f"{stage}: {_MOST_PROCESSES} processes run in `{config.data}` already")
    try:
        yield number
    finally:
        lock.release()


def is_running(config: Config, stage: str, number: int) -> bool:
    """Return whether a process of this data directory has that number, on a bus that others share."""
    if not is_shared(config):
        return False
    lock = _lock_of(config, stage, number)
    if not lock.try_acquire():
        return True
    lock.release()
    return False


def _lock_of(config: Config, stage: str, number: int) -> FileLock:
    return FileLock(config.kafka_folder / f"{stage}-{number}.lock")


def _connected(
    config: Config,
    member: str = "",
    writes: Sequence[str] = (),
    on_rebalance: Callable[[], None] = lambda: None,
    connect_seconds: float = _CONNECT_SECONDS,
) -> Bus:
    if not config.kafka_servers:
        return EmbeddedBus(config.bus_folder)
    from tocsin.bus.kafka import KafkaBus

    check_kafka(config)
    return KafkaBus(_kafka_settings(config, connect_seconds), member, on_rebalance, writes)


def check_kafka(config: Config) -> None:
    """Ask librdkafka what is wrong with its properties, without a connection. Raises ConfigError with all of it."""
    properties = tuple(config.kafka.values())
    if properties and properties not in _right_properties:
        from tocsin.bus.kafka import problems_of

        problems = problems_of(config.kafka, _kafka_settings(config))
        if problems:
            raise ConfigError(*problems)
        _right_properties.add(properties)


def _kafka_settings(config: Config, connect_seconds: float = _CONNECT_SECONDS) -> "KafkaSettings":
    from tocsin.bus.kafka import KafkaSettings

    properties = {name: each.value for name, each in config.kafka.items()}
    replication = config["topics.replication"] or -1
    return KafkaSettings(config.kafka_servers, config.kafka_folder, properties, replication, connect_seconds)
