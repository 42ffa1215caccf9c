"""Draw what the store holds: detections by tactic over time, distribution, top rules and hosts; activity apart.

Prints the figures as a table, and writes the picture."""

import argparse
import sys

from tocsin.commands.options import add_places, add_span, config_of, new_file, picture, refuse_empty_span
from tocsin.plain import console_of_stdout, plain_json
from tocsin.verdict import LEVELS

HELP = "statistics of the store: table and picture"
EXAMPLES = """\
examples:
  tocsin stats                                         table, and statistics.png in the data directory
  tocsin stats --output week.svg --since 2026-01-12 --until 2026-01-19
  tocsin stats --host ws-017.corp.example --min-level high
  tocsin stats --navigator fired.json                  layer for ATT&CK Navigator: alerts by technique
  tocsin stats --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    parser.add_argument(
        "--output",
        type=picture,
        metavar="FILE",
        help="picture, .png or .svg (default: statistics.png in the data directory, of the whole store only)",
    )
    add_span(parser, "events")
    parser.add_argument("--host", metavar="HOST", help="events of one host")
    parser.add_argument("--min-level", choices=LEVELS, metavar="LEVEL", help="alerts of that level or above")
    parser.add_argument("--navigator", type=new_file, metavar="FILE", help="layer of what fired, for ATT&CK Navigator")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object instead of tables; draw only with --output"
    )


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    refuse_empty_span(parsed)
    from tocsin.pipeline.coverage import write_fired_layer
    from tocsin.pipeline.labels import labels_of
    from tocsin.pipeline.reading import existing_store
    from tocsin.pipeline.statistics import draw, statistics_of
    from tocsin.stats.statistics import Filters
    from tocsin.stats.tables import as_json, print_statistics

    filters = (parsed.since, parsed.until, parsed.host, parsed.min_level)
    with existing_store(config, "stats", "--since and --until, --host") as store:
        statistics = statistics_of(store, Filters(*filters))
        if parsed.navigator:
            write_fired_layer(store, Filters(*filters), parsed.navigator)
            print(f"layer: {parsed.navigator}", file=sys.stderr)
    if not statistics.totals.events:
        print("stats: no event is like that", file=sys.stderr)
    is_whole = filters == (None, None, None, None)
    path = parsed.output or (config.data / "statistics.png" if is_whole and not parsed.json else None)
    if path:
        draw(statistics, labels_of(config), path)
        print(f"picture: {path}", file=sys.stderr)
    if parsed.json:  # last: its reader may stop reading
        import orjson

        sys.stdout.buffer.write(plain_json(orjson.dumps(as_json(statistics), option=orjson.OPT_INDENT_2)) + b"\n")
    else:
        print_statistics(statistics, console_of_stdout())
    return 0
