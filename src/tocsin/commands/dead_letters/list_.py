"""List dead letters: place, time, stage, reason, where the record lay, length; then how many of each reason."""

import argparse
import sys
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from tocsin.commands.dead_letters.selecting import add_selection, selection_of
from tocsin.commands.options import config_of
from tocsin.plain import console_of_stdout, counted, plain, plain_json

if TYPE_CHECKING:
    from tocsin.pipeline.dead_letters import Found

HELP = "list what could not be read, the newest last"
EXAMPLES = """\
examples:
  tocsin dead-letters list                             the newest 50, and how many there are of each reason
  tocsin dead-letters list --stage classify --limit 1000
  tocsin dead-letters list --json | jq -r '.[] | select(.replayed_at == "") | .place'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="the newest N (default: 50 in a table, all as JSON)")
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def main(parsed: argparse.Namespace) -> int:
    config, selection = config_of(parsed), selection_of(parsed)
    from tocsin.pipeline.dead_letters import dead_letters

    limit = parsed.limit if parsed.limit is not None else None if parsed.json else 50
    newest: deque[Found] = deque(maxlen=max(0, limit) if limit is not None else None)
    reasons: Counter[str] = Counter()
    for found in dead_letters(config, selection):
        newest.append(found)
        reasons[found.letter.reason] += 1
    if parsed.json:
        import orjson

        sys.stdout.buffer.write(plain_json(orjson.dumps([_object(each) for each in newest], option=2)) + b"\n")
        return 0
    _print_table(newest)
    counts = ", ".join(f"{plain(reason) or 'no reason'} {count:,}" for reason, count in reasons.most_common())
    print(f"{counted(reasons.total(), 'dead letter')}{': ' + counts if counts else ''}")
    return 0


def _print_table(letters: "deque[Found]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from tocsin.timestamps import iso_utc

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("place", "time", "stage", "reason", "where it lay", "bytes", "what was wrong", "replayed"):
        table.add_column(name, overflow="fold")
    for each in letters:
        letter = each.letter
        cells = (
            each.address,
            iso_utc(max(0, each.time_us))[:19],
            letter.stage,
            letter.reason,
            letter.place,
            f"{letter.length:,}",
            letter.detail,
            each.replayed_at[:19],
        )
        table.add_row(*(Text(plain(cell, 120)) for cell in cells))
    if letters:
        console_of_stdout().print(table)


def _object(each: "Found") -> dict[str, Any]:
    from tocsin.timestamps import iso_utc

    letter = each.letter
    return {
        "place": each.address,
        "time": iso_utc(max(0, each.time_us)),
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "record": letter.place,
        "length": letter.length,
        "sha256": letter.sha256,
        "is_whole": letter.is_whole,
        "replayed_at": each.replayed_at,
    }
