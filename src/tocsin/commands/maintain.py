"""Merge small segments of the store into large ones, remove what is older or more than is kept, give space back.

`store` and `run` do this all the time; this command is for doing it by hand, or once."""

import argparse

from tocsin.commands.options import add_places, add_setting, add_stage, config_of

HELP = "merge and prune the store (part of `store` and `run`)"
EXAMPLES = """\
examples:
  tocsin maintain --once
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_setting(parser, "--retention-days", "store.retention_days", "DAYS")
    add_setting(parser, "--retention-gb", "store.retention_gb", "GB")
    parser.add_argument("--once", action="store_true", help="do what there is to do, then end")
    add_stage(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.maintain import maintain
    from tocsin.supervisor import StopSignal

    maintain(config, parsed.once, StopSignal(parsed.supervised))
    return 0
