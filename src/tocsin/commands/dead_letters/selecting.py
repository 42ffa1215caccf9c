"""The options that say which dead letters are meant."""

import argparse
from typing import TYPE_CHECKING

from tocsin.commands.options import add_places, add_span, refuse_empty_span

if TYPE_CHECKING:
    from tocsin.pipeline.dead_letters import Selection


def add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("places", nargs="*", metavar="PLACE", help="partition/offset, as `list` shows (default: all)")
    parser.add_argument("--reason", default="", metavar="CODE", help="those of this reason, such as not_json")
    parser.add_argument("--stage", choices=("produce", "classify", "store"), default="", help="those of this stage")
    add_span(parser, "those that became dead letters")
    add_places(parser)


def selection_of(parsed: argparse.Namespace) -> "Selection":
    """Return what the options say. Raises ConfigError."""
    from tocsin.pipeline.dead_letters import Selection

    refuse_empty_span(parsed)
    return Selection(parsed.places, parsed.reason, parsed.stage, parsed.since, parsed.until)


def count(text: str) -> int:
    """Read a number of records; argparse shows the name of this function in its error."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number
