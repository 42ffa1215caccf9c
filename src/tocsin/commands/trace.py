"""Show where an event was, and how long: a bar for each span of its trace, the waits between them by name.

The id of the trace is the id of the event: the column `event_id` of `events` and `alerts`. Clocks that disagree, spans
that are missing or not ours, errors and links are shown; no time is corrected."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.commands.options import add_places, config_of, new_file
from tocsin.config import Config
from tocsin.errors import ConfigError
from tocsin.plain import console_of_stdout, plain, print_json

if TYPE_CHECKING:
    from tocsin.telemetry.spans import Span

HELP = "show the trace of one event: its spans and waits"
EXAMPLES = """\
examples:
  tocsin trace --slowest 10                            events that took longest, one of each group that went together
  tocsin trace --rule mimikatz --host ws-017           those on which a rule fired, of one host
  tocsin trace 5f0c1e                                  the beginning of an id is enough, where no other begins so
  tocsin trace 5f0c1e9a7b3d4286a1c04e8f92d7b635 --jaeger http://localhost:16686
  tocsin trace 5F0C1E9A-7B3D-4286-A1C0-4E8F92D7B635 --jaeger http://localhost:16686 --png trace.png
  tocsin trace 5f0c1e9a7b3d4286a1c04e8f92d7b635 --jaeger http://localhost:16686 --json | jq .gaps
"""

_PIPED_COLUMNS = 100  # where there is no terminal to ask
_LISTED = 10  # events, unless another number is asked for
_ID = re.compile(r"[0-9a-f]{4,32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ID_DIGITS = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "event_id",
        nargs="?",
        type=event_id,
        metavar="EVENT_ID",
        help="32 hex digits, their beginning (4 or more), or the same as a UUID",
    )
    parser.add_argument(
        "--slowest",
        type=whole_number,
        nargs="?",
        const=_LISTED,
        metavar="N",
        help="list those that took longest, one of each group that went together: so many (10)",
    )
    parser.add_argument("--rule", default="", metavar="RULE", help="list events it fired on: id, or part of a title")
    parser.add_argument(
        "--host", default="", metavar="HOST", help="list events of this host, with its domain or without"
    )
    parser.add_argument(
        "--jaeger", metavar="URL", help="ask the Jaeger at this address, such as http://localhost:16686"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object: spans, gaps, what is odd")
    parser.add_argument("--png", type=new_file, metavar="FILE", help="draw it, too: .png, or .svg")
    add_places(parser)


def event_id(text: str) -> str:
    """Read an event id, or its beginning, for argparse."""
    digits = text.strip().lower()
    if not _ID.fullmatch(digits):
        raise argparse.ArgumentTypeError(
            f"`{plain(text, 80)}` is no event id: it has 32 hex digits, and at least the first 4 are needed"
        )
    digits = digits.replace("-", "")
    if digits == "0" * _ID_DIGITS:
        raise argparse.ArgumentTypeError("no event has the id of 32 zeros")
    return digits


def whole_number(text: str) -> int:
    """Read a number above 0, for argparse."""
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"`{plain(text, 20)}` is no number above 0")
    return count


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    if parsed.png and parsed.png.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"--png: cannot draw `{parsed.png}`: give a name that ends in .png or .svg")
    is_list = parsed.slowest is not None or parsed.rule or parsed.host
    if (parsed.event_id is None) == (not is_list):
        raise ConfigError("trace: give an EVENT_ID, or find one by --slowest, --rule, --host; not both")
    if is_list:
        return _list(config, parsed)
    spans = _spans(config, parsed)
    if parsed.png:
        _draw(spans, parsed.png)
    if parsed.json:
        from tocsin.stats.trace_json import trace_object

        print_json(trace_object(spans))
    else:
        _print(spans)
    return 0


def _spans(config: Config, parsed: argparse.Namespace) -> "Sequence[Span]":
    if parsed.jaeger is None:
        from tocsin.pipeline.trace import spans_of

        return spans_of(config, parsed.event_id)
    if len(parsed.event_id) != _ID_DIGITS:
        raise ConfigError("trace: Jaeger finds a trace by the whole id, 32 hex digits")
    from tocsin.telemetry.jaeger import JaegerClient

    return JaegerClient(parsed.jaeger).trace(bytes.fromhex(parsed.event_id))


def _list(config: Config, parsed: argparse.Namespace) -> int:
    """List events of the store, so that one can be looked at."""
    if parsed.jaeger is not None or parsed.png:
        raise ConfigError("trace: --slowest, --rule and --host list events of the store: no --jaeger, no --png")
    from tocsin.pipeline.trace import events_worth_a_look
    from tocsin.sinks.stored_traces import Wanted

    wanted = Wanted(parsed.rule, parsed.host, is_slowest_first=parsed.slowest is not None)
    found = events_worth_a_look(config, wanted, parsed.slowest or _LISTED)
    if parsed.json:
        print_json(found)
        return 0
    if not found:
        print("trace: no such event has a trace")
        return 0
    from tocsin.stats.durations import short_duration
    from tocsin.timestamps import iso_utc

    print(f"{'event':32}  {'in all':>8}  {'ingested':27}  {'host':26}  level and rule")
    for each in found:
        seconds = "" if each.seconds is None else short_duration(int(each.seconds * 1e9))
        host, rule = plain(each.host, 26), plain(f"{each.level} {_rule_of(each.rules, parsed.rule)}".strip(), 60)
        print(f"{plain(each.event_id, 32):32}  {seconds:>8}  {iso_utc(each.ingest_us)}  {host:26}  {rule}".rstrip())
    return 0


def _rule_of(titles: Sequence[str], wanted: str) -> str:
    """Return which of the rules that fired to name: the one that was asked for."""
    return next((title for title in titles if wanted.lower() in title.lower()), titles[0] if titles else "")


def _draw(spans: "Sequence[Span]", path: Path) -> None:
    from tocsin.stats.waterfall_plot import draw_waterfall  # takes half a second to import

    draw_waterfall(spans, path)
    print(f"picture: {path}", file=sys.stderr)


def _print(spans: "Sequence[Span]") -> None:
    from tocsin.stats.waterfall import waterfall_lines

    console = console_of_stdout()
    width = console.width if console.is_terminal else _PIPED_COLUMNS
    for line in waterfall_lines(spans, width):
        console.print(line, soft_wrap=True)
