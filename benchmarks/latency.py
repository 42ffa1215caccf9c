"""Measure the time from an event's ingest to its alert, and to its row in the store, at a steady rate on both buses.

    python benchmarks/latency.py [--rate N] [--warm-up SECONDS] [--seconds SECONDS] [--buses embedded kafka]

`produce`, `classify` and `store` are processes of their own with default settings, events are simulated. An alert is
there when a reader of committed records has it: a bare confluent-kafka consumer, or one that asks the embedded bus
every few milliseconds. Stored means committed and listed, so visible to `tocsin query`: by the manifest, in buckets
that are 9 % wide.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from match import commit, machine
from on_kafka import kafka_running, load, run_tocsin, running, versions

from tocsin.bus.embedded import EmbeddedBus
from tocsin.bus.kafka.reader import record_of
from tocsin.event import ALERTS, Record, Stamp
from tocsin.sinks.manifest import Manifest, percentiles

_PERCENTS = (50, 99, 99.9)
_LOOK_SECONDS = 0.003
_LONGEST_START_SECONDS = 120.0


class _Alerts(threading.Thread):
    """Takes the time from ingest to now of each alert as it becomes readable, until `stop`."""

    def __init__(self, found: Generator[Sequence[Record]]) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self._found = found
        self._seen: list[tuple[float, float]] = []  # when, seconds since ingest

    def run(self) -> None:
        with closing(self._found):
            for records in self._found:
                now = time.time()
                for record in records:
                    stamp = Stamp.of(record)
                    assert stamp is not None
                    self._seen.append((now, now - stamp.ingest_us / 1e6))
                if self.stop.is_set():
                    return

    def between(self, begin: float, end: float) -> list[float]:
        """Return the latencies of alerts that were seen in that time, the shortest first."""
        return sorted(latency for when, latency in list(self._seen) if begin <= when < end)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=5_000, help="events a second (default: 5,000)")
    parser.add_argument("--warm-up", type=float, default=15, help="seconds before it counts (default: 15)")
    parser.add_argument("--seconds", type=float, default=60, help="that are measured (default: 60)")
    parser.add_argument("--buses", nargs="+", choices=("embedded", "kafka"), default=("embedded", "kafka"))
    options = parser.parse_args()
    print(f"machine: {machine()}; commit: {commit()}\n{versions()}; {load()}")
    print(f"{options.rate:,} simulated events/s; {options.seconds:.0f} s after {options.warm_up:.0f} s of warm-up")
    for bus in options.buses:
        with ExitStack() as opened:
            if bus == "kafka":
                kafka = opened.enter_context(kafka_running())
                folder = kafka.folder / "installation"
                folder.mkdir()
                url, alerts = kafka.cluster.url, _of_kafka(kafka.servers)
            else:
                folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-benchmark-")))
                url, alerts = f"file:{folder / 'bus'}", _of_embedded(folder / "bus")
            _measure(bus, folder, url, alerts, options)


def _measure(bus: str, folder: Path, url: str, found: Generator[Sequence[Record]], options: argparse.Namespace) -> None:
    place = ("--bus", url)
    run_tocsin("topics", "create", *place, cwd=folder)
    alerts = _Alerts(found)
    alerts.start()
    produce = ("produce", "--rate", options.rate, "--count", 0)
    with ExitStack() as stages:
        for command in (("store",), ("classify",), produce):
            stages.enter_context(running("-m", "tocsin", *command, *place, cwd=folder))
        deadline = time.monotonic() + _LONGEST_START_SECONDS
        while not alerts.between(0, time.time()):
            if time.monotonic() > deadline:
                sys.exit(f"no alert came: {(folder / 'output.txt').read_text()[-2000:]}")
            time.sleep(0.1)
        time.sleep(options.warm_up)
        with closing(Manifest(folder / "tocsin-data" / "store")) as manifest:
            begin, before = time.time(), manifest.latencies()
            time.sleep(options.seconds)
            end, stored = time.time(), manifest.latencies()
        stored.subtract(before)
        latencies = alerts.between(begin, end)
        alerts.stop.set()
        alerts.join()
    if not latencies:
        sys.exit("no alert came in that time")
    to_alert = [latencies[min(len(latencies) - 1, int(len(latencies) * percent / 100))] for percent in _PERCENTS]
    print(f"\n{bus}: {load()}")
    print(f"  to alert:  {_shown(to_alert)} ({len(latencies):,} alerts, the slowest {latencies[-1]:.3f} s)")
    total = stored.total()
    print(
        f"  to stored: {_shown(percentiles(stored, *_PERCENTS))} ({total:,} events, {total / options.seconds:,.0f}/s)"
    )
    sys.stdout.flush()


def _of_kafka(servers: str) -> Generator[Sequence[Record]]:
    """Yield alerts as they are committed; nothing now and then."""
    properties = {"bootstrap.servers": servers, "group.id": "latency", "isolation.level": "read_committed"}
    properties["log_level"] = "0"
    with closing(Consumer(properties)) as consumer:
        consumer.assign([TopicPartition(ALERTS, 0, OFFSET_BEGINNING)])
        while True:
            message = consumer.poll(0.2)
            yield [] if message is None or message.error() is not None else [record_of(message)]


def _of_embedded(folder: Path) -> Generator[Sequence[Record]]:
    with closing(EmbeddedBus(folder)) as bus:
        following = 0
        mark = (-1, -1)
        while True:
            if mark == (mark := bus.change_mark()):
                time.sleep(_LOOK_SECONDS)
            records = bus.read_from(ALERTS, 0, following, 10_000)
            following += len(records)
            yield records


def _shown(seconds: Sequence[float | None]) -> str:
    known = [(percent, each) for percent, each in zip(_PERCENTS, seconds, strict=True) if each is not None]
    return ", ".join(f"p{percent:g} {each * 1000:,.0f} ms" for percent, each in known)


if __name__ == "__main__":
    main()
