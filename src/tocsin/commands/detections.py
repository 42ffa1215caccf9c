"""Write the detections of a scan: as a table of rules, as JSON Lines, or as CSV. Each returns how many there were."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TextIO

import orjson

from tocsin.plain import LEVEL_STYLES, console_of, plain, plain_json
from tocsin.sinks.cells import safe_cell
from tocsin.stages.scan import Detection
from tocsin.verdict import LEVELS

Printer = Callable[[Iterable[Detection], Mapping[str, str], TextIO], int]

_HOSTS_KEPT = 1000
_COLUMNS = (
    "event_id", "time", "host", "file", "place", "number", "rule_id", "rule_title", "level", "author", "license",
    "tactics", "tactic_names", "techniques",
)  # fmt: skip


def print_jsonl(detections: Iterable[Detection], tactic_names: Mapping[str, str], out: TextIO) -> int:
    """Print one JSON object a detection, at once."""
    count = 0
    for detection in detections:
        count += 1
        out.buffer.write(plain_json(orjson.dumps(detection.as_object(tactic_names))) + b"\n")
        out.buffer.flush()
    return count


def print_csv(detections: Iterable[Detection], tactic_names: Mapping[str, str], out: TextIO) -> int:
    """Print one row a detection; no cell can be a spreadsheet formula."""
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    count = 0
    for detection in detections:
        count += 1
        rule = detection.rule
        cells = (
            detection.event_id, detection.time, detection.host, detection.file, detection.place,
            str(detection.number), rule.id, rule.title, rule.level, rule.author, rule.license,
            ";".join(rule.tactics), ";".join(tactic_names[tactic] for tactic in rule.tactics),
            ";".join(rule.techniques),
        )  # fmt: skip
        writer.writerow([safe_cell(cell) for cell in cells])
    return count


@dataclass
class _Row:
    """What a table says of one rule."""

    first: Detection
    count: int = 0
    hosts: set[str] = field(default_factory=set)


def print_table(detections: Iterable[Detection], tactic_names: Mapping[str, str], out: TextIO) -> int:
    """Print one line a rule, the gravest first: how often, on which hosts, and where it fired first."""
    rows: dict[str, _Row] = {}
    for detection in detections:
        row = rows.setdefault(detection.rule.id, _Row(detection))
        row.count += 1
        if len(row.hosts) < _HOSTS_KEPT:
            row.hosts.add(detection.host)
    _draw(sorted(rows.values(), key=lambda row: (-LEVELS.index(row.first.rule.level), -row.count)), tactic_names, out)
    return sum(row.count for row in rows.values())


def _draw(rows: Iterable[_Row], tactic_names: Mapping[str, str], out: TextIO) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Detections by rule")
    for name in ("level", "rule", "tactics", "techniques", "events", "hosts", "first seen at"):
        table.add_column(name, justify="right" if name == "events" else "left")
    for row in rows:
        rule = row.first.rule
        names = ", ".join(tactic_names[tactic] for tactic in rule.tactics)
        hosts = (
            next(iter(row.hosts))
            if len(row.hosts) == 1
            else f"{len(row.hosts):,}{' or more' if len(row.hosts) == _HOSTS_KEPT else ''} hosts"
        )
        place = f"{row.first.file}:{row.first.number}"
        texts = (rule.title, names, ", ".join(rule.techniques), f"{row.count:,}", hosts, place)
        table.add_row(Text(rule.level, style=LEVEL_STYLES[rule.level]), *(Text(plain(text)) for text in texts))
    if table.row_count:
        console_of(out).print(table)


PRINTERS: Mapping[str, Printer] = {"table": print_table, "jsonl": print_jsonl, "csv": print_csv}
