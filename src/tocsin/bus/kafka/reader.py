"""Read any place of a topic, in no group: as far as its transactions have ended."""

import time
from collections.abc import Iterator
from operator import methodcaller
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tocsin.bus.kafka.client import Client
from tocsin.errors import DeliveryError
from tocsin.event import Headers, Record

_ANSWER_SECONDS = 10.0
_LOOK_SECONDS = 0.1
_AT_ONCE = 1_000
# Where a name is no UTF-8 the client returns a list with NULL in it, beside an exception. `message.headers()`, once
# Python has specialised that call, does not look for one, and unpacking NULL is a SIGSEGV; a call from C always looks.
_ask_headers = methodcaller("headers")
_UNREADABLE: Headers = (("tocsin-headers-unreadable", b""),)


class Reader:
    """Reads records by offset. Going on where the last call ended costs least."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._consumer = client.made(Consumer, client.settings.reader(client.complaints.hear))
        self._at: tuple[str, int, int] | None = None  # what the next call can read on at

    def close(self) -> None:
        self._consumer.close()

    def read(self, topic: str, partition: int, offset: int, max_records: int) -> list[Record]:
        """Return up to so many committed records from `offset` on, fewer where the broker is slow; [] at the end.

        Offsets have gaps: markers of transactions, and records of those that were not committed. Raises DeliveryError.
        """
        if self._at != (topic, partition, offset):
            self._consumer.assign([TopicPartition(topic, partition, offset)])
        self._at = None
        records: list[Record] = []
        deadline = time.monotonic() + _ANSWER_SECONDS
        while len(records) < max_records:
            for message in self._consumer.consume(min(_AT_ONCE, max_records - len(records)), _LOOK_SECONDS):
                error = message.error()
                if error is None:
                    records.append(record_of(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    return records
                else:
                    self._client.complaints.raise_as_ours(error, f"reading `{topic}`")
            self._client.complaints.raise_refusal()
            if time.monotonic() > deadline:
                if records:
                    break
                raise DeliveryError(f"Kafka at {self._client.settings.servers}: reading `{topic}`: no answer")
        self._at = (topic, partition, records[-1].offset + 1)
        return records

    def read_all(self, topic: str, partition: int) -> Iterator[Record]:
        """Yield all committed records of a partition."""
        offset = 0
        while records := self.read(topic, partition, offset, _AT_ONCE):
            yield from records
            offset = records[-1].offset + 1


def record_of(message: Any) -> Record:  # a Message, whose types allow what only an error lacks
    """Return what was read, in our words."""
    _, timestamp_ms = message.timestamp()
    return Record(
        message.value() or b"",
        message.key() or b"",
        _headers_of(message),
        timestamp_ms * 1000,
        message.topic(),
        message.partition(),
        message.offset(),
    )


def _headers_of(message: Any) -> Headers:
    """Return the headers; where a name is no UTF-8 the client has none of them, and a mark stands for all."""
    try:
        found = _ask_headers(message)  # once only: a second answer would have NULL for that name
    except (SystemError, UnicodeDecodeError):
        return _UNREADABLE
    return tuple([(name, value or b"") for name, value in found]) if found else ()
