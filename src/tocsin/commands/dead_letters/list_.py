"""List dead letters: place, time, stage, reason, where the record lay, length; then how many of each reason."""

import argparse
import sys
from collections import Counter, deque
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from tocsin.commands.dead_letters.selecting import add_selection, count, selection_of
from tocsin.commands.options import config_of
from tocsin.plain import console_of_stdout, counted, plain, plain_json

if TYPE_CHECKING:
    from tocsin.pipeline.dead_letters import Found

_Row = dict[str, Any]
_ROWS = 50

HELP = "list what could not be read, the newest last"
EXAMPLES = """\
examples:
  tocsin dead-letters list                             the newest 50, and how many there are of each reason
  tocsin dead-letters list --stage classify --limit 1000
  tocsin dead-letters list --json | jq -r '.[] | select(.replayed_at == "") | .place'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument("--limit", type=count, metavar="N", help="the newest N (default: 50 in a table, all as JSON)")
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def main(parsed: argparse.Namespace) -> int:
    config, selection = config_of(parsed), selection_of(parsed)
    from tocsin.pipeline.dead_letters import dead_letters

    letters = dead_letters(config, selection)
    if parsed.json:
        _print_json(map(_row, letters) if parsed.limit is None else deque(map(_row, letters), maxlen=parsed.limit))
        return 0
    newest: deque[_Row] = deque(maxlen=_ROWS if parsed.limit is None else parsed.limit)
    reasons: Counter[str] = Counter()
    for found in letters:
        newest.append(_row(found))
        reasons[found.letter.reason] += 1
    _print_table(newest)
    counts = ", ".join(f"{plain(reason) or 'no reason'} {number:,}" for reason, number in reasons.most_common())
    print(f"{counted(reasons.total(), 'dead letter')}{': ' + counts if counts else ''}")
    return 0


def _print_json(rows: Iterable[_Row]) -> None:
    """Print each row as it comes: there may be more than fit into memory."""
    import orjson

    out = sys.stdout.buffer
    before = b"["  # only once there is something: what goes wrong before shows itself as an error alone
    for row in rows:
        out.write(before + b"\n" + plain_json(orjson.dumps(row)))
        before = b","
    out.write((b"" if before == b"," else before) + b"\n]\n")


def _print_table(rows: Collection[_Row]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("place", "time", "stage", "reason", "where it lay", "bytes", "what was wrong", "attempts", "replayed"):
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = (
            row["place"],
            row["time"][:19],
            row["stage"],
            row["reason"],
            row["record"],
            f"{row['length']:,}",
            row["detail"],
            str(row["attempts"] or ""),
            row["replayed_at"][:19],
        )
        table.add_row(*(Text(plain(cell, 120)) for cell in cells))
    if rows:
        console_of_stdout().print(table)


def _row(each: "Found") -> _Row:
    """Return what is told of one: its bytes are not kept."""
    from tocsin.timestamps import iso_utc

    letter = each.letter
    return {
        "place": each.address,
        "time": iso_utc(each.time_us),
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "record": letter.place,
        "topic": letter.topic,
        "partition": letter.partition if letter.topic else None,
        "offset": letter.offset if letter.topic else None,
        "length": letter.length,
        "sha256": letter.sha256,
        "is_whole": letter.is_whole,
        "attempts": each.attempts,
        "replayed_at": each.replayed_at,
    }
