"""Make the topics that Tocsin reads and writes, or list them with what they hold.

Each stage makes what is missing as it starts; make them first where that needs other rights, or other settings. Topics
that are there are left as they are: where --partitions or --replication ask for something else, `create` says what to
do, and ends with 1 where there is less than that."""

import argparse
import sys
from contextlib import closing

from tocsin.commands.options import add_places, add_setting, config_of
from tocsin.plain import plain

EXIT_LACKING = 1

HELP = "make or list the topics"
EXAMPLES = """\
examples:
  tocsin topics create --bus kafka://localhost:9092 --partitions 12 --replication 3
  tocsin topics list --bus kafka://localhost:9092
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("create", "list"), help="make those that are missing, or show all")
    add_places(parser)
    add_setting(parser, "--partitions", "topics.partitions", "N")
    add_setting(parser, "--replication", "topics.replication", "N")


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.topics import all_topics, differences
    from tocsin.pipeline.topology import existing_bus, open_bus

    is_create = parsed.action == "create"
    with closing(open_bus(config) if is_create else existing_bus(config)) as bus:
        print(f"{'topic':20} {'partitions':>10} {'first offset':>14} {'end':>14}")
        for topic in all_topics(bus, config):
            ends = bus.ends(topic)
            first, end = sum(first for first, _ in ends.values()), sum(end for _, end in ends.values())
            print(f"{topic:20} {len(ends):10} {first:14,} {end:14,}", flush=True)
        found = differences(bus, config) if is_create else []
    for each in found:
        print(f"tocsin: {plain(each.sentence)}", file=sys.stderr)
    return EXIT_LACKING if any(each.is_lacking for each in found) else 0
