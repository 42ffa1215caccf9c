"""Read any place of a topic, in no group: as far as its transactions have ended."""

import time
from collections.abc import Callable, Iterator
from operator import methodcaller
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tocsin.bus.kafka.client import Client
from tocsin.bus.kafka.patience import let_go
from tocsin.errors import DeliveryError, StoppedError
from tocsin.event import Headers, Record

_ANSWER_SECONDS = 10.0
_SOME_SECONDS = 1.0  # who has some by then waits for no more: where somebody writes all the time the end never comes
_LOOK_SECONDS = 0.1
_AT_ONCE = 1_000
# Where a name is no UTF-8 the client returns a list with NULL in it, beside an exception. `message.headers()`, once
# Python has specialised that call, does not look for one, and unpacking NULL is a SIGSEGV; a call from C always looks.
_ask_headers = methodcaller("headers")
NOTHING: Headers = (("tocsin-nothing", b""),)  # of what has no value either
_UNREADABLE: Headers = (("tocsin-headers-unreadable", b""),)


class Reader:
    """Reads records by offset. Going on where the last call ended costs least."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._consumer = client.made(Consumer, client.settings.reader(client.complaints.hear))
        self._at: tuple[str, int, int] | None = None  # what the next call can read on at

    def close(self) -> None:
        let_go(self._consumer.close)

    def read(self, topic: str, partition: int, offset: int, max_records: int, end: int = 0) -> list[Record]:
        """Return up to so many committed records from `offset` on, fewer where they come slowly; [] at the end.

        Offsets have gaps: markers of transactions, and records of those that were not committed. `end`: of what was
        settled before. A leader that is new may say for a moment that its partition ends earlier, and is not believed.
        Raises DeliveryError.
        """
        if self._at != (topic, partition, offset):
            self._consumer.assign([TopicPartition(topic, partition, offset)])
        self._at = None
        records: list[Record] = []
        started = time.monotonic()
        while len(records) < max_records:
            for message in self._taken(topic, min(_AT_ONCE, max_records - len(records))):
                if message.error() is None:
                    if not is_nothing(message):
                        records.append(record_of(message))
                elif message.offset() >= end:
                    return records
            waited = time.monotonic() - started
            if records and waited > min(_SOME_SECONDS, _ANSWER_SECONDS):
                break
            if waited > _ANSWER_SECONDS:
                raise DeliveryError(f"Kafka at {self._client.settings.servers}: reading `{topic}`: no answer")
        self._at = (topic, partition, records[-1].offset + 1)
        return records

    def read_until(self, topic: str, partition: int, end: int, is_stopped: Callable[[], bool]) -> Iterator[Record]:
        """Yield all committed records of a partition before offset `end`, however much is written behind it.

        `end`: of transactions that have all ended (`Client.settle`). What lies right before it may be no record but a
        marker, or never committed: then the next record tells, or the end of the partition. Raises StoppedError, and
        DeliveryError where nothing comes for a while.
        """
        if end <= 0:
            return
        self._consumer.assign([TopicPartition(topic, partition, 0)])
        self._at = None
        following = 0
        heard = time.monotonic()
        while following < end:
            if is_stopped():
                raise StoppedError(f"reading `{topic}`: stopped before its end")
            messages = self._taken(topic, _AT_ONCE)
            for message in messages:
                following = message.offset() + (message.error() is None)  # that of an end is the next one
                if message.error() is None and following <= end and not is_nothing(message):
                    yield record_of(message)
                if following >= end:
                    return
            now = time.monotonic()
            if messages:
                heard = now
            elif now - heard > _ANSWER_SECONDS:
                raise DeliveryError(
                    f"Kafka at {self._client.settings.servers}: reading `{topic}`: nothing came for"
                    f" {_ANSWER_SECONDS:.0f} s at offset {following} of {end}; it may be tried again"
                )

    def _taken(self, topic: str, count: int) -> list[Any]:
        """Return what has come soon: records, or that this is the end. Raises other errors as ours."""
        messages: list[Any] = self._consumer.consume(count, _LOOK_SECONDS)
        for error in filter(None, (message.error() for message in messages)):
            if error.code() != KafkaError._PARTITION_EOF:
                self._client.complaints.raise_as_ours(error, f"reading `{topic}`")
        self._client.heed_complaints()
        return messages


def is_nothing(message: Any) -> bool:
    """Whether it is no record, but one that a writer had to write to have something carried out."""
    return message.value() is None and _headers_of(message) == NOTHING


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
