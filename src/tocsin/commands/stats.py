"""Draw what the store holds: detections by tactic over time, distribution, top rules and hosts; activity apart.

Prints the figures as a table, and writes the picture. With --latency both say how long each step took the events."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.commands.options import add_places, add_span, config_of, new_file, picture, refuse_empty_span
from tocsin.config import Config
from tocsin.errors import ConfigError
from tocsin.plain import console_of_stdout, print_json
from tocsin.verdict import LEVELS

if TYPE_CHECKING:
    from tocsin.stats.statistics import Filters

HELP = "statistics of the store: table and picture"
EXAMPLES = """\
examples:
  tocsin stats                                         table, and statistics.png in the data directory
  tocsin stats --output week.svg --since 2026-01-12 --until 2026-01-19
  tocsin stats --host ws-017.corp.example --min-level high
  tocsin stats --latency                               where time goes from source to disk, and latency.png
  tocsin stats --latency --min-level high --since 2026-01-12 --json
  tocsin stats --navigator fired.json                  layer for ATT&CK Navigator: alerts by technique
  tocsin stats --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    parser.add_argument(
        "--output",
        type=picture,
        metavar="FILE",
        help="picture, .png or .svg (default: statistics.png, or latency.png, in the data directory, of all events)",
    )
    add_span(parser, "events")
    parser.add_argument("--host", metavar="HOST", help="events of one host")
    parser.add_argument("--min-level", choices=LEVELS, metavar="LEVEL", help="alerts of that level or above")
    parser.add_argument(
        "--latency", action="store_true", help="how long each step took: percentiles, in place of what was detected"
    )
    parser.add_argument("--navigator", type=new_file, metavar="FILE", help="layer of what fired, for ATT&CK Navigator")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object instead of tables; draw only with --output"
    )


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    refuse_empty_span(parsed)
    return _latency(config, parsed) if parsed.latency else _detections(config, parsed)


def _detections(config: Config, parsed: argparse.Namespace) -> int:
    from tocsin.pipeline.coverage import write_fired_layer
    from tocsin.pipeline.labels import labels_of
    from tocsin.pipeline.reading import existing_store
    from tocsin.pipeline.statistics import draw, statistics_of
    from tocsin.stats.tables import as_json, print_statistics

    filters = _filters(parsed)
    with existing_store(config, "stats", "--since and --until, --host") as store:
        statistics = statistics_of(store, filters)
        if parsed.navigator:
            write_fired_layer(store, filters, parsed.navigator)
            print(f"layer: {parsed.navigator}", file=sys.stderr)
    if not statistics.totals.events:
        print("stats: no event is like that", file=sys.stderr)
    _draw(config, parsed, "statistics.png", lambda path: draw(statistics, labels_of(config), path))
    if parsed.json:
        print_json(as_json(statistics))
    else:
        print_statistics(statistics, console_of_stdout())
    return 0


def _latency(config: Config, parsed: argparse.Namespace) -> int:
    if parsed.navigator:
        raise ConfigError("stats: --navigator is a layer of what fired; --latency has none")
    from tocsin.pipeline.latency import draw, latency_of
    from tocsin.stats.latency_table import latency_object, print_latency

    latency = latency_of(config, _filters(parsed))
    if not latency.events:
        print("stats: no event is like that", file=sys.stderr)
    elif latency.untimed == latency.events:
        print("stats: no stage kept its times with these events: trace.policy was off when they came", file=sys.stderr)
    _draw(config, parsed, "latency.png", partial(draw, latency))
    if parsed.json:
        print_json(latency_object(latency))
    else:
        print_latency(latency, console_of_stdout())
    return 0


def _filters(parsed: argparse.Namespace) -> "Filters":
    from tocsin.stats.statistics import Filters

    return Filters(parsed.since, parsed.until, parsed.host, parsed.min_level)


def _draw(config: Config, parsed: argparse.Namespace, name: str, draw: Callable[[Path], None]) -> None:
    """Draw where it was asked for; else under that name in the data directory, of the whole store only."""
    is_whole = (parsed.since, parsed.until, parsed.host, parsed.min_level) == (None, None, None, None)
    if path := parsed.output or (config.data / name if is_whole and not parsed.json else None):
        draw(path)
        print(f"picture: {path}", file=sys.stderr)
