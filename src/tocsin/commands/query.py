"""Ask the store in SQL. One SELECT over the views `events`, `alerts` and `dead_letters`; it can read nothing else."""

import argparse
import json
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tocsin.commands.options import add_places, config_of
from tocsin.plain import console_of_stdout, counted, plain, plain_json

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HELP = "ask the store in SQL"
EXAMPLES = """\
examples:
  tocsin query "SELECT rule_title, level, count(*) AS alerts FROM alerts GROUP BY ALL ORDER BY alerts DESC"
  tocsin query "SELECT time, host, event->>'$.Event.EventData.CommandLine' FROM events WHERE level = 'critical'"
  tocsin query "SELECT reason, count(*) FROM dead_letters GROUP BY 1" --json
  tocsin query "DESCRIBE events"
"""


_TABLE_ROWS = 1_000  # a table is laid out as a whole before its first line is printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    parser.add_argument("sql", metavar="SQL", help="one SELECT (or DESCRIBE, SUMMARIZE, EXPLAIN) statement")
    parser.add_argument("--json", action="store_true", help="print one JSON array of objects")


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.reading import open_existing_store
    from tocsin.sinks.reader import query

    with closing(open_existing_store(config)) as store:
        return _print(query(store, parsed.sql), is_json=parsed.json)


def _print(cursor: "DuckDBPyConnection", *, is_json: bool) -> int:
    names = [column[0] for column in cursor.description or ()]
    if names == ["explain_key", "explain_value"] and not is_json:
        for _, plan in cursor.fetchall():
            print("\n".join(map(plain, plan.splitlines())))
        return 0
    if is_json:
        _print_json(names, cursor.fetchall())
        return 0
    rows = cursor.fetchmany(_TABLE_ROWS + 1)
    _print_table(names, rows[:_TABLE_ROWS])
    if len(rows) > _TABLE_ROWS:
        print(f"query: the first {_TABLE_ROWS:,} rows; there are more: --json prints all", file=sys.stderr)
    return 0


def _print_json(names: list[str], rows: list[tuple[object, ...]]) -> None:
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
    objects = [dict(zip(_distinct(names), row, strict=True)) for row in rows]
    try:
        written = orjson.dumps(objects, default=_as_json, option=options)
    except TypeError:  # a number of more than 64 bits
        written = json.dumps(objects, default=_as_json, indent=2, ensure_ascii=False).encode()
    sys.stdout.buffer.write(plain_json(written) + b"\n")


def _distinct(names: list[str]) -> list[str]:
    """Return the names of columns, those that come again with a number: `host`, `host_2`."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return distinct


def _as_json(value: object) -> str:
    """Bytes as text where they are, else in hex; times, which are all UTC, with their zone; others as DuckDB does."""
    if isinstance(value, datetime):
        utc = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return utc.isoformat(" ") + "Z"
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return str(value)


def _print_table(names: list[str], rows: list[tuple[object, ...]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(Text(plain(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else plain(_as_json(value))) for value in row))
    console_of_stdout().print(table)
    print(counted(len(rows), "row"))
