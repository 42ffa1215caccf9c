"""Measure the stages on a real Kafka, each beside a bare confluent-kafka loop that moves the same bytes.

    python benchmarks/kafka.py [--events FOLDER] [--rules FOLDER...] [--limit N] [--turns N] [--only PART...]

Topics are filled before. Ours and the bare loop take turns (A B A B), each as one process; what counts is the median
of the turns, in µs of CPU of that process an event, from the first batch to the last, so without its start. The bare
loop (bare.py) has the same client properties, transactions and headers. Parts: produce, classify, two (processes of
classify), store, skew (a host that sends half of all events).
"""

import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import astuple
from itertools import count
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from match import commit, events_of, machine, parsed_by, parser_of
from on_kafka import Cost, Kafka, cost_until, kafka_running, load, parts_of, run_tocsin, running, versions

from tocsin.event import ALERTS, CLASSIFIED_EVENTS, DEAD_LETTERS, RAW_EVENTS

PARTS = ("produce", "classify", "two", "store", "skew")
_BARE = Path(__file__).with_name("bare.py")
_OF_CLASSIFY, _OF_STORE = 2_000, 10_000  # records in a batch of ours
_HOSTS = 50
_NUMBERS = count()


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--limit", type=int, default=100_000, help="at most so many events of the natural mix")
    parser.add_argument("--turns", type=int, default=3, help="of each, in alternation (default: 3)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    arguments = parsed_by(parser)
    print(f"machine: {machine()}; commit: {commit()}\n{versions()}; {load()}")
    lines = events_of(arguments.events)
    lines = lines[:: max(1, len(lines) // arguments.limit)]
    size = sum(map(len, lines))
    print(
        f"measured: {len(lines)} of them, evenly taken, {size / len(lines):.0f} bytes an event; {arguments.turns} turns"
    )
    with kafka_running() as kafka:
        corpus = kafka.folder / "corpus.jsonl"
        corpus.write_bytes(b"\n".join(lines) + b"\n")
        bench = _Bench(kafka, corpus, len(lines), arguments.turns, arguments.rules)
        for part in arguments.only:
            getattr(bench, part)()
            sys.stdout.flush()


class _Bench:
    """The parts, each of which prints what it found."""

    def __init__(self, kafka: Kafka, corpus: Path, events: int, turns: int, rules: Sequence[Path]) -> None:
        self._kafka = kafka
        self._corpus = corpus
        self._events = events
        self._turns = turns
        self._rules = ["--no-builtin", "--rules", *(path.resolve() for path in rules)] if rules else []
        self._place = ("--bus", kafka.cluster.url)
        self._parts = ""  # where the last one spent its time

    def produce(self) -> None:
        """From a file to `raw-events`."""

        def ours() -> Cost:
            return self._produced("-m", "tocsin", "produce", "--input", self._corpus, *self._place)

        def bare() -> Cost:
            return self._produced(_BARE, "produce", self._corpus, "--servers", self._kafka.servers)

        def bare_larger() -> Cost:
            return self._produced(_BARE, "produce", self._corpus, "--servers", self._kafka.servers, "--batch", 5000)

        self._compare(
            "produce, a file of JSON Lines", {"ours": ours, "bare": bare, "bare, 5,000 a transaction": bare_larger}
        )

    def classify(self) -> None:
        """From `raw-events` to `classified-events`."""
        self._fill_raw()
        at_least_once = "bare, at-least-once"
        self._compare(
            "classify",
            {
                "ours": self._classified,
                "bare": self._bare_classified,
                "our loop, decoded only": self._looped,
                at_least_once: lambda: self._bare_classified("--at-least-once"),
            },
        )
        self._fill_classified()
        print(f"  matches: {len(self._read(CLASSIFIED_EVENTS)):,} verdicts, {len(self._read(ALERTS)):,} alerts")

    def two(self) -> None:
        """Two processes of classify beside one."""
        self._fill_raw()
        self._compare("classify", {"two processes": lambda: self._classified("--workers", 2), "one": self._classified})

    def store(self) -> None:
        """From `classified-events` to files."""
        self._fill_classified()
        self._compare("store", {"ours": self._stored, "bare, decoded only": self._bare_stored})

    def skew(self) -> None:
        """Two processes of store, where hosts send the same, and where one sends half."""
        self._fill_classified()
        found = self._read(CLASSIFIED_EVENTS)
        found_ends = self._kafka.ends(CLASSIFIED_EVENTS)
        print(f"\nskew: records of the corpus in the partitions of {CLASSIFIED_EVENTS}: {_shares(found_ends)}")
        even: list[Cost] = []
        skewed: list[Cost] = []
        for _ in range(self._turns):
            for name, costs, keys in (
                ("50 hosts alike", even, [b"host-%d" % (n % _HOSTS) for n in range(len(found))]),
                ("half of one host", skewed, [b"host-%d" % (n % (2 * _HOSTS) * (n % 2)) for n in range(len(found))]),
            ):
                self._refill(found, keys)
                cost = self._stored("--workers", 2)
                costs.append(cost)
                print(f"  {name:26} {cost}; partitions {_shares(self._kafka.ends(CLASSIFIED_EVENTS))}")
        ratio = statistics.median(c.wall_us for c in skewed) / statistics.median(c.wall_us for c in even)
        print(f"  half of one host takes {ratio:.2f} x the time by the clock")

    # One turn of each

    def _produced(self, *command: object) -> Cost:
        data, kafka = self._new_folder(), self._kafka
        kafka.delete(RAW_EVENTS)
        run_tocsin("topics", "create", *self._place, cwd=data)
        raw = self._events
        with running(*command, cwd=data) as process:
            cost = cost_until([process], lambda: min(kafka.end(RAW_EVENTS), raw), raw, raw)
        self._parts = parts_of(data)
        return cost

    def _classified(self, *options: object) -> Cost:
        command = ("-m", "tocsin", "classify", *self._place, *self._rules, *options)
        return self._consumed("tocsin-classify", RAW_EVENTS, command)

    def _bare_classified(self, *options: object) -> Cost:
        command = (_BARE, "classify", "--servers", self._kafka.servers, "--batch", _OF_CLASSIFY, *options)
        return self._consumed("bare-classify", RAW_EVENTS, command)

    def _looped(self) -> Cost:
        return self._consumed("tocsin-loop", RAW_EVENTS, (_BARE, "loop", "--servers", self._kafka.servers))

    def _stored(self, *options: object) -> Cost:
        return self._consumed("tocsin-store", CLASSIFIED_EVENTS, ("-m", "tocsin", "store", *self._place, *options))

    def _bare_stored(self) -> Cost:
        command = (_BARE, "store", "--servers", self._kafka.servers, "--batch", _OF_STORE)
        return self._consumed("bare-store", CLASSIFIED_EVENTS, command)

    def _consumed(self, group: str, topic: str, command: Sequence[object]) -> Cost:
        kafka = self._kafka
        kafka.forget(group)
        end = kafka.end(topic) - 4  # a group may stop before the last marker of each partition
        data = self._new_folder()
        with running(*command, cwd=data) as process:
            cost = cost_until([process], lambda: min(end, kafka.committed(group, topic)), end, self._events)
        self._parts = parts_of(data)
        return cost

    # What is there before

    def _fill_raw(self) -> None:
        self._kafka.delete(RAW_EVENTS)
        run_tocsin("produce", "--input", self._corpus, *self._place, cwd=self._new_folder())

    def _fill_classified(self) -> None:
        self._fill_raw()
        self._kafka.delete(CLASSIFIED_EVENTS, ALERTS, DEAD_LETTERS)
        self._kafka.forget("tocsin-classify")
        run_tocsin("classify", "--until-idle", 1, *self._rules, *self._place, cwd=self._new_folder())

    def _compare(self, title: str, measures: dict[str, Callable[[], Cost]]) -> None:
        """Measure in turns, and print the medians with the ratio of the first to each other."""
        costs: dict[str, list[Cost]] = {name: [] for name in measures}
        parts: dict[str, str] = {}
        for _ in range(self._turns):
            for name, measure in measures.items():
                costs[name].append(measure())
                parts[name] = self._parts
        print(f"\n{title}: {load()}")
        first = next(iter(measures))
        for name, turns in costs.items():
            cost = _median(turns)
            spread = f"{min(turn.cpu_us for turn in turns):.1f} to {max(turn.cpu_us for turn in turns):.1f}"
            ratio = (
                "" if name == first else f"; {first} has {cost.cpu_us / _median(costs[first]).cpu_us:.2f} x its speed"
            )
            print(f"  {name:26} {cost} (CPU {spread}){ratio}")
            if parts[name]:
                print(f"    its last turn by the clock, µs an event: {parts[name]}")

    def _new_folder(self) -> Path:
        """Return an installation that has never read anything."""
        folder = self._kafka.folder / f"installation-{next(_NUMBERS)}"
        folder.mkdir()
        return folder

    def _read(self, topic: str) -> list[tuple[bytes, list[tuple[str, bytes]]]]:
        """Return value and headers of all records of a topic."""
        properties = {"bootstrap.servers": self._kafka.servers, "group.id": "reader", "enable.partition.eof": True}
        with closing(Consumer(properties)) as consumer:
            partitions = consumer.list_topics(topic, 10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
            found: list[tuple[bytes, list[tuple[str, bytes]]]] = []
            ended = 0
            while ended < len(partitions):
                for message in consumer.consume(500, 1.0):
                    if message.error() is not None:
                        ended += 1
                    else:
                        headers: Any = message.headers() or []
                        found.append((message.value() or b"", headers))
        return found

    def _refill(self, found: Sequence[tuple[bytes, list[tuple[str, bytes]]]], keys: Sequence[bytes]) -> None:
        """Write classified events anew, under other keys."""
        self._kafka.delete(CLASSIFIED_EVENTS)
        run_tocsin("topics", "create", *self._place, cwd=self._new_folder())
        producer: Any = Producer({"bootstrap.servers": self._kafka.servers, "compression.type": "lz4", "linger.ms": 20})
        for (value, headers), key in zip(found, keys, strict=True):
            while True:
                try:
                    producer.produce(CLASSIFIED_EVENTS, value, key, headers=headers)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush(60)


def _median(costs: Sequence[Cost]) -> Cost:
    cpu_us, wall_us = (statistics.median(values) for values in zip(*map(astuple, costs), strict=True))
    return Cost(cpu_us, wall_us)


def _shares(ends: Sequence[int]) -> str:
    return ", ".join(f"{end / max(1, sum(ends)):.0%}" for end in ends)


if __name__ == "__main__":
    main()
