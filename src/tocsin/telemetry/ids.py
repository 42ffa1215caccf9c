"""Derive event, span and alert ids, so that the same cause always has the same name."""

from functools import cache

from xxhash import xxh3_64_intdigest, xxh3_128_digest

_SPAN_SEED = 0x746F6373_696E


def origin_of(*parts: bytes | str) -> bytes:
    """Name an origin (a file, a partition, a simulator run) by 16 bytes derived from what identifies it."""
    encoded = (part.encode() if isinstance(part, str) else part for part in parts)
    return xxh3_128_digest(b"".join(len(part).to_bytes(4, "big") + part for part in encoded))


def event_id_of(origin: bytes, position: int, raw: bytes) -> bytes:
    """Return the 16-byte event id: a hash of origin (16 bytes), position in it, and the record's bytes."""
    event_id = xxh3_128_digest(origin + position.to_bytes(8, "big") + xxh3_128_digest(raw))
    return event_id if any(event_id) else b"\x01" * 16  # W3C trace context: an all-zero trace id is invalid


def span_number_of(event_id: bytes, name: str) -> int:
    """Return the id of the span of that name in an event's trace, as a number of 64 bits; never 0."""
    return hash_of(event_id) ^ hash_of_name(name) or 1


def hash_of(event_id: bytes) -> int:
    """Return the event's part in the ids of its spans."""
    return xxh3_64_intdigest(event_id, _SPAN_SEED)


@cache
def hash_of_name(name: str) -> int:
    """Return the name's part in the ids of spans."""
    return xxh3_64_intdigest(name.encode(), _SPAN_SEED)


def span_id_of(event_id: bytes, name: str) -> bytes:
    """Return the same as 8 bytes."""
    return span_number_of(event_id, name).to_bytes(8, "big")


def traceparent_of(event_id: bytes, name: str) -> bytes:
    """Return the W3C `traceparent` header value (level 2, flags 00: nobody has sampled it yet)."""
    return b"00-%b-%016x-00" % (event_id.hex().encode(), span_number_of(event_id, name))


def alert_id_of(topic: str, partition: int, offset: int, rule_id: str) -> str:
    """Return the alert id, 32 hex digits: one event (a row of a topic) under one rule is one alert."""
    return xxh3_128_digest(f"{topic}\0{partition}\0{offset}\0{rule_id}".encode()).hex()
