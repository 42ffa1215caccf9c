"""Show how far each group is behind, by topic and partition: in records, and in seconds (age of the oldest unread)."""

import argparse

from tocsin.commands.options import add_places, config_of

HELP = "show how far classify and store are behind"
EXAMPLES = """\
examples:
  tocsin lag
  tocsin lag --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.topology import existing_bus

    bus = existing_bus(config)
    lags = [lag for group in bus.groups() for lag in bus.lag(group)]
    if parsed.json:
        import json
        from dataclasses import asdict

        print(json.dumps([{**asdict(lag), "records": lag.records} for lag in lags], indent=2))
        return 0
    print(f"{'group':12} {'topic':20} {'partition':>9} {'committed':>12} {'end':>12} {'lag':>10} {'oldest':>10}")
    for lag in lags:
        print(
            f"{lag.group:12} {lag.topic:20} {lag.partition:9} {lag.committed:12} {lag.end:12} {lag.records:10}"
            f" {lag.oldest_age_seconds:8.1f} s"
        )
    print(f"total lag: {sum(lag.records for lag in lags):,} records")
    return 0
