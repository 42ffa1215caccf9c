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
from tocsin.errors import ConfigError
from tocsin.plain import console_of_stdout, plain, plain_json

if TYPE_CHECKING:
    from tocsin.telemetry.spans import Span

HELP = "show the trace of one event: its spans and waits"
EXAMPLES = """\
examples:
  tocsin trace 5f0c1e9a7b3d4286a1c04e8f92d7b635 --jaeger http://localhost:16686
  tocsin trace 5F0C1E9A-7B3D-4286-A1C0-4E8F92D7B635 --jaeger http://localhost:16686 --png trace.png
  tocsin trace 5f0c1e9a7b3d4286a1c04e8f92d7b635 --jaeger http://localhost:16686 --json | jq .gaps
  tocsin query "SELECT time, event_id, rule_title FROM alerts ORDER BY time DESC LIMIT 5"
"""

_PIPED_COLUMNS = 100  # where there is no terminal to ask
_HEX_ID = re.compile(r"[0-9a-f]{32}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event_id", type=event_id, metavar="EVENT_ID", help="32 hex digits, or the same as a UUID")
    parser.add_argument(
        "--jaeger", metavar="URL", help="ask the Jaeger at this address, such as http://localhost:16686"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object: spans, gaps, what is odd")
    parser.add_argument("--png", type=new_file, metavar="FILE", help="draw it, too: .png, or .svg")
    add_places(parser)


def event_id(text: str) -> bytes:
    """Read an event id, for argparse."""
    digits = text.strip().lower()
    if not _HEX_ID.fullmatch(digits) and not _UUID.fullmatch(digits):
        raise argparse.ArgumentTypeError(f"`{plain(text, 80)}` is no event id: it has 32 hex digits")
    read = bytes.fromhex(digits.replace("-", ""))
    if not any(read):
        raise argparse.ArgumentTypeError("no event has the id of 32 zeros")
    return read


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    if parsed.png and parsed.png.suffix.lower() not in (".png", ".svg"):
        raise ConfigError(f"--png: cannot draw `{parsed.png}`: give a name that ends in .png or .svg")
    if parsed.jaeger is not None:
        from tocsin.telemetry.jaeger import JaegerClient

        spans = JaegerClient(parsed.jaeger).trace(parsed.event_id)
    else:
        from tocsin.pipeline.trace import spans_of

        spans = spans_of(config, parsed.event_id.hex())
    if parsed.png:
        _draw(spans, parsed.png)
    if parsed.json:  # last: its reader may stop reading
        import orjson

        from tocsin.stats.trace_json import trace_object

        sys.stdout.buffer.write(plain_json(orjson.dumps(trace_object(spans), option=orjson.OPT_INDENT_2)) + b"\n")
    else:
        _print(spans)
    return 0


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
