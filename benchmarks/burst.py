"""Measure a burst on a real Kafka: is a source held up by a slow consumer, and does the lag drain afterwards?

    python benchmarks/burst.py [--rate N] [--seconds N] [--slow N] [--turns N] [--plot FILE]

`tocsin produce --burst RATE:SECONDS` of simulated events, by turns on a topic that nobody reads, and on one that a
`classify --max-rate SLOW` reads, with `store` behind it. After the last burst classify goes on without a limit until
all is stored. `tocsin lag --watch --plot` draws that last turn from outside.
"""

import argparse
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from match import commit, machine
from on_kafka import Kafka, kafka_running, load, run_tocsin, running, versions

from tocsin.event import ALERTS, CLASSIFIED_EVENTS, DEAD_LETTERS, RAW_EVENTS

_AROUND_SECONDS = 6.0  # before the burst and after it, to be seen in the picture
_LONGEST_SECONDS = 600.0
_TOPICS = (RAW_EVENTS, CLASSIFIED_EVENTS, ALERTS, DEAD_LETTERS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=20_000, help="events a second of the burst (default: 20,000)")
    parser.add_argument("--seconds", type=int, default=30, help="of the burst (default: 30)")
    parser.add_argument("--slow", type=int, default=1_000, help="events a second that classify may take meanwhile")
    parser.add_argument("--turns", type=int, default=2, help="of each, in alternation (default: 2)")
    parser.add_argument("--plot", type=Path, help="where to put the picture, .png or .svg")
    options = parser.parse_args()
    print(f"machine: {machine()}; commit: {commit()}\n{versions()}; {load()}")
    print(f"burst: {options.rate:,}/s for {options.seconds} s, simulated events; classify may take {options.slow:,}/s")
    with kafka_running() as kafka:
        without, with_slow = [], []
        for turn in range(options.turns):
            without.append(_produced(kafka, options, turn))
            print(f"  nobody reads:           {without[-1]:9,.0f}/s achieved; {load()}", flush=True)
            is_last = turn == options.turns - 1
            with_slow.append(_beside_slow(kafka, options, turn, options.plot if is_last else None, is_last))
            print(f"  a slow classify reads:  {with_slow[-1]:9,.0f}/s achieved; {load()}", flush=True)
        ratio = statistics.median(with_slow) / statistics.median(without)
        print(f"  with the slow consumer produce is {ratio:.3f} x as fast as without (median of {options.turns} turns)")


def _produced(kafka: Kafka, options: argparse.Namespace, turn: int) -> float:
    """Produce the burst on a new topic; return the events a second, from the first on the topic to the last."""
    kafka.delete(*_TOPICS)
    data = _folder(kafka, f"produce-{turn}")
    run_tocsin("topics", "create", "--bus", kafka.cluster.url, cwd=data)
    return _burst(kafka, options, data)


def _burst(kafka: Kafka, options: argparse.Namespace, data: Path) -> float:
    events: int = options.rate * options.seconds
    produce = ("produce", "--burst", f"{options.rate}:{options.seconds}", "--count", events, "--attacks", "none")
    before = kafka.end(RAW_EVENTS)
    with running("-m", "tocsin", *produce, "--bus", kafka.cluster.url, cwd=data):
        first = _when(lambda: kafka.end(RAW_EVENTS) > before)
        already = kafka.end(RAW_EVENTS) - before
        last = _when(lambda: kafka.end(RAW_EVENTS) - before >= events)
    return float(events - already) / (last - first)


def _beside_slow(kafka: Kafka, options: argparse.Namespace, turn: int, plot: Path | None, is_drained: bool) -> float:
    """Produce the burst while a slow classify reads; drain it, where that is wanted, and draw it."""
    kafka.delete(*_TOPICS)
    for group in ("tocsin-classify", "tocsin-store"):
        kafka.forget(group)
    data = _folder(kafka, f"slow-{turn}")
    place = ("--bus", kafka.cluster.url)
    run_tocsin("topics", "create", *place, cwd=data)
    picture = data / ("lag" + (plot.suffix if plot else ".png"))
    watch = ("lag", "--watch", "--plot", picture, "--csv", data / "lag.csv", *place)
    with running("-m", "tocsin", "store", *place, cwd=data), running("-m", "tocsin", *watch, cwd=data) as watching:
        with running("-m", "tocsin", "classify", "--max-rate", options.slow, *place, cwd=data):
            _when(lambda: _has_members(kafka, "tocsin-classify") and _has_members(kafka, "tocsin-store"))
            time.sleep(_AROUND_SECONDS)
            rate = _burst(kafka, options, data)
            if is_drained:
                time.sleep(_AROUND_SECONDS)
        if is_drained:
            _drain(kafka, options, data)
            time.sleep(_AROUND_SECONDS)
        watching.terminate()  # as Ctrl-C, which a job in the background would not hear
        watching.wait(60)
    if plot:
        shutil.copy(picture, plot)
        print(f"  picture: {plot}")
    return rate


def _drain(kafka: Kafka, options: argparse.Namespace, data: Path) -> None:
    """Let classify go as fast as it can until all is classified and stored."""
    lag = kafka.end(RAW_EVENTS) - kafka.committed("tocsin-classify", RAW_EVENTS)
    started = time.monotonic()
    with running("-m", "tocsin", "classify", "--bus", kafka.cluster.url, cwd=data):
        _when(lambda: _lag(kafka, "tocsin-classify", RAW_EVENTS) <= 0)
        classified = time.monotonic() - started
        _when(lambda: _lag(kafka, "tocsin-store", CLASSIFIED_EVENTS) <= 0)
        stored = time.monotonic() - started
        time.sleep(_AROUND_SECONDS)
    events = options.rate * options.seconds
    print(
        f"  drained: {lag:,} of {events:,} were behind when the limit went; classified {classified:.0f} s after it,"
        f" its start included ({lag / classified:,.0f}/s); all stored after {stored:.0f} s"
    )


def _lag(kafka: Kafka, group: str, topic: str) -> int:
    return kafka.end(topic) - kafka.committed(group, topic)


def _has_members(kafka: Kafka, group: str) -> bool:
    described = kafka.admin.describe_consumer_groups([group])[group].result(10)
    return bool(described.members)


def _when(is_so: Callable[[], bool]) -> float:
    """Wait until it is so; return when that was."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            sys.exit(f"not so after {_LONGEST_SECONDS:.0f} s")
        time.sleep(0.05)
    return time.monotonic()


def _folder(kafka: Kafka, name: str) -> Path:
    folder = kafka.folder / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
