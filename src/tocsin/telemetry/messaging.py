"""What a span says of the bus, by the semantic conventions for messaging.

Source: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.telemetry.spans import Value

POLL, PROCESS, COMMIT, SEND = "poll", "process", "commit", "send"  # operations
KAFKA, OURS = "kafka", "tocsin"  # systems

_TYPES = {POLL: "receive", PROCESS: "process", COMMIT: "settle", SEND: "send"}


def is_operation(name: str) -> bool:
    """Return whether that is something done with a bus."""
    return name in _TYPES


def messaging_attributes(system: str, operation: str, topic: str, stage: str = "") -> "Mapping[str, Value]":
    """Return the attributes of a span. `stage`: whose consumer group it reads as; "" where it consumes nothing."""
    attributes: dict[str, Value] = {
        "messaging.system": system,
        "messaging.operation.name": operation,
        "messaging.operation.type": _TYPES[operation],
        "messaging.destination.name": topic,
    }
    if stage:
        attributes["messaging.consumer.group.name"] = f"tocsin-{stage}" if system == KAFKA else stage
    return attributes
