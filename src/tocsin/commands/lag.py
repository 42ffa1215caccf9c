"""Show how far each group is behind, by topic and partition: in records, and in seconds (age of the oldest unread).

Beside it, how fast records come and are read, when all will be read at this rate, and a verdict: OK (what waits is read
within ten seconds, or all of it within a quarter of an hour), BEHIND (it reads, and is later than that), STALLED
(somebody should read, and nothing is read), STOPPED (nobody reads). On Kafka, markers of transactions count as records
until the group has passed them."""

import argparse
import csv
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tocsin.commands.options import add_places, config_of, new_file, picture, seconds
from tocsin.commands.output import refuse_overwriting
from tocsin.errors import ConfigError, DeliveryError
from tocsin.plain import plain

if TYPE_CHECKING:
    from tocsin.config import Config
    from tocsin.pipeline.lag import LagReader, MovingLag

HELP = "show how far classify and store are behind"
EXAMPLES = """\
examples:
  tocsin lag
  tocsin lag --watch
  tocsin lag --watch --seconds 600 --plot lag.png --csv lag.csv
  tocsin lag --json --bus kafka://localhost:9092
"""

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_FIELDS = (
    "time", "group", "topic", "partition", "committed", "end", "records", "oldest_age_seconds", "in_per_second",
    "out_per_second", "drain_seconds", "verdict",
)  # fmt: skip

_See = Callable[[datetime, "Sequence[MovingLag]"], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON array; with --watch one a line")
    parser.add_argument("--watch", action="store_true", help="go on, a look every two seconds, until Ctrl-C")
    parser.add_argument("--seconds", type=seconds, metavar="N", help="with --watch: end after so long")
    parser.add_argument("--plot", type=picture, metavar="FILE", help="with --watch: draw it at the end, .png or .svg")
    parser.add_argument("--csv", type=new_file, metavar="FILE", help="with --watch: write each look to this file")


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    _refuse_without_effect(parsed)
    from tocsin.pipeline.lag import LagReader
    from tocsin.pipeline.topology import existing_bus

    with closing(existing_bus(config)) as bus, ExitStack() as opened:
        reader = LagReader(bus)
        if not parsed.watch:
            reader.read()
            time.sleep(_LOOK_SECONDS)
            if parsed.json:
                import json

                print(json.dumps(_objects(datetime.now(UTC), reader.read()), indent=2))
            else:
                _print(datetime.now(UTC), reader.read())
            return 0
        seen: list[_See] = []  # what was printed is also in the files
        if parsed.csv:
            seen.append(opened.enter_context(_written(parsed.csv)))
        if parsed.plot:
            seen.append(opened.enter_context(_drawn(parsed.plot, config)))
        _watch(reader, parsed.seconds, [*seen, _print_json if parsed.json else _print])
    return 0


def _refuse_without_effect(parsed: argparse.Namespace) -> None:
    """Raise ConfigError for options that mean nothing beside the others, before anything is waited for."""
    given = [flag for flag in ("seconds", "plot", "csv") if getattr(parsed, flag) is not None]
    if given and not parsed.watch:
        raise ConfigError(f"{', '.join(f'--{flag}' for flag in given)} needs --watch")
    refuse_overwriting({"--plot": parsed.plot, "--csv": parsed.csv}, ())


def _watch(reader: "LagReader", seconds: float | None, seen: "Sequence[_See]") -> None:
    """Look again and again; a bus that does not answer now is asked again."""
    end = None if seconds is None else time.monotonic() + seconds
    with suppress(DeliveryError):  # what rates are counted from; without it from the next look
        reader.read()
    while end is None or time.monotonic() < end:
        time.sleep(_LOOK_SECONDS if end is None else max(0.0, min(_LOOK_SECONDS, end - time.monotonic())))
        now = datetime.now(UTC)
        try:
            lags = reader.read()
        except DeliveryError as error:
            log.warning("%s", error)
            continue
        for see in seen:
            see(now, lags)


@contextmanager
def _written(path: Path) -> "Iterator[_See]":
    """Write each look as it comes, a row a partition."""
    from tocsin.sinks.cells import safe_cell

    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, _FIELDS)
        table.writeheader()

        def see(now: datetime, lags: "Sequence[MovingLag]") -> None:
            for row in _objects(now, lags):
                table.writerow(row | {name: safe_cell(row[name]) for name in ("group", "topic")})
            file.flush()

        yield see


@contextmanager
def _drawn(path: Path, config: "Config") -> "Iterator[_See]":
    """Keep the looks, and draw them in the end, however it comes."""
    from tocsin.stats.lag_history import LagHistory, LagLook

    history = LagHistory()
    try:
        yield lambda now, lags: history.add(LagLook(now, [each.lag for each in lags]))
    finally:
        from tocsin.stats.lag_plot import draw_lag  # takes half a second to import

        draw_lag(history.looks, path, where=config["bus"] or f"embedded bus in {config.data}")
        print(f"picture: {path}", file=sys.stderr)


def _print_json(now: datetime, lags: "Sequence[MovingLag]") -> None:
    import json

    print(json.dumps(_objects(now, lags)), flush=True)


def _print(now: datetime, lags: "Sequence[MovingLag]") -> None:
    from tocsin.pipeline.lag import worst

    print(
        f"{'group':10} {'topic':18} {'part.':>5} {'committed':>12} {'end':>12} {'lag':>10} {'oldest':>9}"
        f" {'in/s':>8} {'out/s':>8} {'drained in':>10}  verdict"
    )
    for each in lags:
        lag = each.lag
        print(
            f"{plain(lag.group):10} {plain(lag.topic):18} {lag.partition:5} {lag.committed:12} {lag.end:12}"
            f" {lag.records:10} {lag.oldest_age_seconds:7.1f} s {each.in_per_second:8,.0f} {each.out_per_second:8,.0f}"
            f" {_drained(each):>10}  {each.verdict}"
        )
    total = sum(each.lag.records for each in lags)
    print(f"{now:%H:%M:%S} UTC: total lag: {total:,} records; {worst([each.verdict for each in lags])}", flush=True)


def _drained(moving: "MovingLag") -> str:
    """Say when all will be read; of the few records on their way to a group that keeps up that is of no interest."""
    if moving.lag.records and moving.verdict == "STOPPED":
        return "never"
    if moving.lag.records and moving.verdict == "OK" and (moving.keeps_up or moving.drain_seconds is None):
        return "keeps up"
    return "never" if moving.drain_seconds is None else f"{moving.drain_seconds:,.0f} s"


def _objects(now: datetime, lags: "Sequence[MovingLag]") -> list[dict[str, Any]]:
    """Return the fields of each partition, ready for JSON."""
    time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        {
            "time": time,
            "group": each.lag.group,
            "topic": each.lag.topic,
            "partition": each.lag.partition,
            "committed": each.lag.committed,
            "end": each.lag.end,
            "records": each.lag.records,
            "oldest_age_seconds": each.lag.oldest_age_seconds,
            "in_per_second": each.in_per_second,
            "out_per_second": each.out_per_second,
            "drain_seconds": each.drain_seconds,
            "verdict": str(each.verdict),
        }
        for each in lags
    ]
