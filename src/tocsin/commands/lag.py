"""Show how far each group is behind, by topic and partition: in records, and in seconds (age of the oldest unread).

Beside it, how fast records come and are read, when all will be read at this rate, and a verdict: OK (all is read, or it
catches up), BEHIND (it reads, and falls behind further), STALLED (somebody should read, and nothing is read), STOPPED
(nobody reads). On Kafka, markers of transactions count as records until the group has passed them."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from tocsin.commands.options import add_places, config_of

if TYPE_CHECKING:
    from tocsin.pipeline.lag import MovingLag

HELP = "show how far classify and store are behind"
EXAMPLES = """\
examples:
  tocsin lag
  tocsin lag --watch
  tocsin lag --json --bus kafka://localhost:9092
"""

_LOOK_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON array; with --watch one a line")
    parser.add_argument("--watch", action="store_true", help="go on, a look every two seconds, until Ctrl-C")


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    import json

    from tocsin.pipeline.lag import LagReader
    from tocsin.pipeline.topology import existing_bus

    bus = existing_bus(config)
    reader = LagReader(bus)
    reader.read()
    try:
        while True:
            time.sleep(_LOOK_SECONDS)
            lags = reader.read()
            if parsed.json:
                print(json.dumps([_object(lag) for lag in lags], indent=None if parsed.watch else 2), flush=True)
            else:
                _print(lags)
            if not parsed.watch:
                return 0
    finally:
        bus.close()


def _print(lags: "list[MovingLag]") -> None:
    from tocsin.pipeline.lag import worst

    print(
        f"{'group':10} {'topic':18} {'part.':>5} {'committed':>12} {'end':>12} {'lag':>10} {'oldest':>9}"
        f" {'in/s':>8} {'out/s':>8} {'drained in':>10}  verdict"
    )
    for each in lags:
        lag = each.lag
        drain = "never" if each.drain_seconds is None else f"{each.drain_seconds:.0f} s"
        print(
            f"{lag.group:10} {lag.topic:18} {lag.partition:5} {lag.committed:12} {lag.end:12} {lag.records:10}"
            f" {lag.oldest_age_seconds:7.1f} s {each.in_per_second:8,.0f} {each.out_per_second:8,.0f} {drain:>10}"
            f"  {each.verdict}"
        )
    total = sum(each.lag.records for each in lags)
    print(f"total lag: {total:,} records; {worst([each.verdict for each in lags])}", flush=True)


def _object(each: "MovingLag") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(each.lag),
        "records": each.lag.records,
        "in_per_second": each.in_per_second,
        "out_per_second": each.out_per_second,
        "drain_seconds": each.drain_seconds,
        "verdict": str(each.verdict),
    }
