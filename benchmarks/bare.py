"""The least that a program must do with confluent-kafka, beside which our stages are measured; run by kafka.py.

    python benchmarks/bare.py produce FILE --servers HOST:PORT
    python benchmarks/bare.py classify|store --servers HOST:PORT [--batch N] [--at-least-once]
    python benchmarks/bare.py loop --servers HOST:PORT

Client properties, batch sizes and headers are ours, but no ids, positions, normalising, rules or files. `loop`
does what `classify` does here, but on our bus and in our loop: what these cost by themselves.
"""

import argparse
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.kafka import KafkaBus, KafkaSettings
from tocsin.event import CLASSIFIED_EVENTS, EVENT_AT_HEADER, RAW_EVENTS, STAMP_HEADER, TRACEPARENT_HEADER, Record
from tocsin.flow import Batch, Outputs, pump
from tocsin.telemetry.meter import StageMeter

GROUP = "bare-{}"
_AT_ONCE = 500
_SECONDS = 30.0
_HEADERS = [(STAMP_HEADER, bytes(25)), (TRACEPARENT_HEADER, b"00-%b-%b-00" % (b"1" * 32, b"1" * 16))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("produce", "classify", "store", "loop"))
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--servers", required=True)
    parser.add_argument("--batch", type=int, default=1000, help="records in a transaction")
    parser.add_argument("--at-least-once", action="store_true", help="no transactions: flush, then commit offsets")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = KafkaSettings(options.servers, Path(folder))
        if options.what == "produce":
            _produce(settings, options.file, options.batch)
        elif options.what == "classify":
            _classify(settings, options.batch, not options.at_least_once)
        elif options.what == "loop":
            _loop(settings)
        else:
            _store(settings, options.batch)


def _produce(settings: KafkaSettings, path: Path, batch: int) -> None:
    producer = _producer(settings, is_transactional=True)
    partitions = len(producer.list_topics(RAW_EVENTS, 10).topics[RAW_EVENTS].partitions)
    with path.open("rb") as file:
        turn = 0
        while lines := list(islice(file, batch)):
            producer.begin_transaction()
            now_ms = int(time.time() * 1000)
            for line in lines:
                _write(producer, RAW_EVENTS, line[:-1], None, turn % partitions, now_ms, list(_HEADERS))
            producer.commit_transaction(_SECONDS)
            turn += 1
    time.sleep(3600)  # until it was measured


def _classify(settings: KafkaSettings, batch: int, is_transactional: bool) -> None:
    consumer, producer = _consumer(settings, RAW_EVENTS, "classify"), _producer(settings, is_transactional)
    while True:
        messages = _consumed(consumer, batch)
        if not messages:
            continue
        if is_transactional:
            producer.begin_transaction()
        for message in messages:
            value = message.value()
            host = _host(orjson.loads(value))
            headers = [(EVENT_AT_HEADER, b"700"), *(message.headers() or ())]
            _write(producer, CLASSIFIED_EVENTS, value, host, -1, message.timestamp()[1], headers)
        offsets = _offsets(messages)
        if is_transactional:
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), _SECONDS)
            producer.commit_transaction(_SECONDS)
        else:
            producer.flush(_SECONDS)
            consumer.commit(offsets=offsets, asynchronous=False)


def _loop(settings: KafkaSettings) -> None:
    """On our bus: read, decode, write, commit."""

    def step(batch: Batch) -> Outputs:
        written = []
        for record in batch.records:
            event = orjson.loads(record.value)
            written.append(Record(record.value, _host(event), ((EVENT_AT_HEADER, b"700"), *record.headers), 1))
        return {CLASSIFIED_EVENTS: written}

    bus = KafkaBus(settings, "loop")
    bus.ensure_topics({}, {"loop": [RAW_EVENTS]})
    consumer = bus.consumer("loop", [RAW_EVENTS], ConsumerSettings())
    pump(consumer, step, bus.committer(group="loop"), StageMeter(settings.folder, "loop"), lambda: False)


def _host(event: Any) -> bytes:
    name = event.get("Hostname") or event.get("Event", {}).get("System", {}).get("Computer", "")
    return str(name).encode()


def _store(settings: KafkaSettings, batch: int) -> None:
    consumer = _consumer(settings, CLASSIFIED_EVENTS, "store")
    while True:
        messages = _consumed(consumer, batch)
        for message in messages:
            orjson.loads(message.value())
        if messages:
            consumer.commit(offsets=_offsets(messages), asynchronous=False)


def _producer(settings: KafkaSettings, is_transactional: bool) -> Any:
    properties = settings.producer("bare", print)
    if not is_transactional:
        del properties["transactional.id"]
        del properties["transaction.timeout.ms"]
    producer = Producer(properties)
    if is_transactional:
        producer.init_transactions(_SECONDS)
    return producer


def _consumer(settings: KafkaSettings, topic: str, name: str) -> Consumer:
    properties = settings.consumer(GROUP.format(name), "bare", print)
    consumer = Consumer({**properties, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    return consumer


def _consumed(consumer: Consumer, count: int) -> list[Any]:
    messages: list[Any] = []
    seconds = 0.25
    while len(messages) < count:
        taken = consumer.consume(min(_AT_ONCE, count - len(messages)), seconds)
        if not taken:
            break
        seconds = 0.0
        for message in taken:
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() != KafkaError._PARTITION_EOF:
                raise RuntimeError(error)
    return messages


def _offsets(messages: list[Any]) -> list[TopicPartition]:
    following = {(message.topic(), message.partition()): message.offset() + 1 for message in messages}
    return [TopicPartition(topic, partition, offset) for (topic, partition), offset in following.items()]


def _write(
    producer: Any, topic: str, value: bytes, key: bytes | None, partition: int, time_ms: int, headers: list[Any]
) -> None:
    while True:
        try:
            producer.produce(topic, value, key, partition, timestamp=time_ms, headers=headers)
            return
        except BufferError:
            producer.poll(0.1)


if __name__ == "__main__":
    main()
