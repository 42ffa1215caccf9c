"""The topics, and the groups that read them."""

from tocsin.bus.embedded import EmbeddedBus
from tocsin.config import Config
from tocsin.errors import ConfigError
from tocsin.event import ALERTS, CLASSIFIED_EVENTS, DEAD_LETTERS, LABELS, RAW_EVENTS, STORE_COMMITS
from tocsin.flow import TopicSettings

CLASSIFY_GROUP = "classify"
STORE_GROUP = "store"

_FOREVER_SECONDS = 100 * 365 * 86_400
_ANY_SIZE = 1 << 60


def open_bus(config: Config) -> EmbeddedBus:
    """Open the bus with all topics, and the groups that must not miss any of their records."""
    bus = EmbeddedBus(config.bus_folder)
    partitions = config["topics.partitions"]
    seconds = int(config["topics.retention_hours"] * 3600)
    size = int(config["topics.retention_gb"] * 2**30)
    bus.ensure_topics(
        {
            RAW_EVENTS: TopicSettings(partitions, seconds, size),
            CLASSIFIED_EVENTS: TopicSettings(partitions, seconds, size),
            ALERTS: TopicSettings(1, seconds, size),
            DEAD_LETTERS: TopicSettings(1, seconds, size),
            LABELS: TopicSettings(1, _FOREVER_SECONDS, _ANY_SIZE),
            STORE_COMMITS: TopicSettings(1, _FOREVER_SECONDS, _ANY_SIZE),  # what a writer recovers from, however late
        },
        {CLASSIFY_GROUP: [RAW_EVENTS], STORE_GROUP: [CLASSIFIED_EVENTS, DEAD_LETTERS]},
    )
    return bus


def workers_of(bus: EmbeddedBus, wanted: int) -> int:
    """Return how many processes have something to do: a partition is read by one of them."""
    return min(wanted, len(bus.ends(RAW_EVENTS)))


def existing_bus(config: Config) -> EmbeddedBus:
    """Open a bus that is there already, and change nothing in it. Raises ConfigError where there is none."""
    if not (config.bus_folder / "bus.sqlite").exists():
        raise ConfigError(
            f"bus: there is none in `{config.bus_folder}`; `tocsin run` makes one, or give --data or --bus"
        )
    return EmbeddedBus(config.bus_folder)
