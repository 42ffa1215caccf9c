"""Write the detections of a scan as a page: one HTML file that loads nothing and runs nothing.

All of it is text that logs and rules may have chosen: it is escaped, and characters that reorder or hide what is read
are written as `\\uNNNN`. Should anything get through all the same, the policy of the page lets no script run.
"""

import base64
import hashlib
import html
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from typing import TextIO

import msgspec

from tocsin.commands.page_rows import Row, Rows
from tocsin.errors import DeliveryError
from tocsin.plain import plain
from tocsin.stages.scan import Carried, Detection
from tocsin.verdict import LEVELS

_MAX_ROWS = 10_000
_MAX_PAGE_BYTES = 64 << 20  # of events; a browser should still open the page
_MAX_EVENT_BYTES = 64 << 10
CARRIED = Carried(per_rule=1000, event_bytes=_MAX_EVENT_BYTES + 1)  # one more says that there is more

_MAX_TEXT = 2000  # characters of a title, a host, a place
_MAX_HOSTS = 200
_MAX_NOTES = 200

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 100rem; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100% }
th, td { border-bottom: 1px solid #8884; padding: .25rem .6rem; text-align: left; vertical-align: top }
td { overflow-wrap: anywhere }
th { white-space: nowrap }
.number { text-align: right; white-space: nowrap }
.time, .level { white-space: nowrap }
.critical, .high { color: #c8102e; font-weight: 600 }
.medium { color: #a86400 }
.low { color: #0a7a8c }
.informational { opacity: .7 }
pre { max-height: 30rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px }
summary { cursor: pointer }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
_HEAD = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width">
<title>Tocsin scan</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Tocsin scan</h1>
"""

Notes = Callable[[int], Sequence[str]]  # count of detections -> what was read, and what could not be


def print_page(detections: Iterable[Detection], tactic_names: Mapping[str, str], out: TextIO, *, notes: Notes) -> int:
    """Write the page when all detections are known; return how many there were. Raises DeliveryError: no room."""
    started = time.monotonic()
    try:
        with closing(Rows(CARRIED.per_rule)) as rows:
            for detection in detections:
                rows.add(detection)
            seconds = time.monotonic() - started
            for piece in _page(rows, tactic_names, notes(rows.count), seconds):
                out.buffer.write(piece.encode())
            out.buffer.flush()
            return rows.count
    except sqlite3.OperationalError as error:
        hint = "it needs room for temporary files, and TMPDIR names another folder for them"
        raise DeliveryError(f"scan: the page cannot be made ({error}): {hint}") from error


def _page(rows: Rows, tactic_names: Mapping[str, str], notes: Sequence[str], seconds: float) -> Iterator[str]:
    listed = _listed(rows)
    yield _HEAD
    yield from _summary(rows, notes, seconds)
    yield from _levels(rows)
    yield from _rules(rows, listed, tactic_names)
    yield from _hosts(rows)
    yield from _detections(rows, sum(listed.values()))
    yield "</body>\n</html>\n"


def _listed(rows: Rows) -> Counter[str]:
    """Count by rule the rows that the page has room for: the gravest first."""
    listed: Counter[str] = Counter()
    room = _MAX_PAGE_BYTES
    for rule, size in islice(rows.sizes(), _MAX_ROWS):
        room -= size
        if room < 0:
            break
        listed[rule] += 1
    return listed


def _summary(rows: Rows, notes: Sequence[str], seconds: float) -> Iterator[str]:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    times = f"{_time(rows.first_time)} to {_time(rows.last_time)}" if rows.first_time else "none has a time"
    yield "<h2>Summary</h2>\n<ul>\n"
    yield f'<li class="made">made {now} UTC; reading took {seconds:,.1f} seconds</li>\n'
    if rows.count:
        yield f"<li>events detected: {_text(times)}{' UTC' if rows.first_time else ''}</li>\n"
    yield from (f"<li>{_text(note)}</li>\n" for note in notes[:_MAX_NOTES])
    if len(notes) > _MAX_NOTES:
        yield f"<li>and {len(notes) - _MAX_NOTES:,} more notes, on standard error</li>\n"
    yield "</ul>\n"


def _levels(rows: Rows) -> Iterator[str]:
    by_level = rows.by_level()
    yield "<h2>By level</h2>\n"
    body = ((_level(level), _number(by_level[level])) for level in reversed(LEVELS) if by_level.get(level))
    yield from _table(("level", "detections"), body)


def _rules(rows: Rows, listed: Mapping[str, int], tactic_names: Mapping[str, str]) -> Iterator[str]:
    yield "<h2>By rule</h2>\n"
    rules = sorted(rows.rules.values(), key=lambda rule: (-LEVELS.index(rule.level), -rows.by_rule[rule.id], rule.id))
    body = (
        (
            _level(rule.level),
            _cell(rule.title),
            _cell(", ".join(tactic_names[tactic] for tactic in rule.tactics)),
            _cell(", ".join(rule.techniques)),
            _cell(rule.author),
            _cell(rule.license),
            _number(rows.by_rule[rule.id]),
            _number(listed.get(rule.id, 0)),
        )
        for rule in rules
    )
    names = ("level", "rule", "tactics", "techniques", "author", "licence", "detections", "listed below")
    yield from _table(names, body)


def _hosts(rows: Rows) -> Iterator[str]:
    yield "<h2>By host</h2>\n"
    hosts = rows.hosts(_MAX_HOSTS)
    yield from _table(
        ("highest level", "host", "detections"),
        ((_level(level), _cell(host or "(none named)"), _number(count)) for host, count, level in hosts),
    )
    more = rows.host_count() - len(hosts)
    if more:
        yield f"<p>And {more:,} more hosts.</p>\n"


def _detections(rows: Rows, listed: int) -> Iterator[str]:
    yield "<h2>Detections</h2>\n"
    if listed < rows.count:
        yield (
            f"<p>{listed:,} are listed, {rows.count - listed:,} more are not: "
            f"the first {CARRIED.per_rule:,} of each rule, of these at most {_MAX_ROWS:,} "
            f"or {_MAX_PAGE_BYTES >> 20} MB of events, the gravest first. "
            "<code>--format jsonl</code> has all.</p>\n"
        )
    body = (
        (
            _level(row.rule.level),
            f'<td class="time">{_text(_time(row.time))}</td>',
            _cell(row.host),
            f"<td>{_text(row.rule.title)}{_details(row)}</td>",
            _cell(row.place),
        )
        for row in islice(rows.all(), listed)
    )
    yield from _table(("level", "time (UTC)", "host", "rule", "place"), body)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"<table>\n<thead><tr>{''.join(f'<th>{name}</th>' for name in names)}</tr></thead>\n<tbody>\n"
    for cells in rows:
        yield f"<tr>{''.join(cells)}</tr>\n"
    yield "</tbody>\n</table>\n"


def _details(row: Row) -> str:
    if not row.event:
        return ""
    return f"<details><summary>event</summary><pre>{_event(row.event)}</pre></details>"


def _event(event: bytes) -> str:
    """Return an event's JSON, indented where it is short enough, as the content of an element."""
    is_cut = len(event) > _MAX_EVENT_BYTES
    shown = event[:_MAX_EVENT_BYTES] if is_cut else _indented(event)
    lines = shown[:_MAX_EVENT_BYTES].decode("utf-8", "replace").split("\n")
    text = "\n".join(html.escape(plain(line), quote=False) for line in lines)
    return f"{text}\n… cut at {_MAX_EVENT_BYTES:,} bytes" if is_cut or len(shown) > _MAX_EVENT_BYTES else text


def _indented(event: bytes) -> bytes:
    """Indent JSON without reading its values: numbers and repeated names stay as they came."""
    try:
        return msgspec.json.format(event, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return event


def _text(text: str) -> str:
    """Return text as the content of an element or a quoted attribute."""
    return html.escape(plain(text, _MAX_TEXT))


def _cell(text: str) -> str:
    return f"<td>{_text(text)}</td>"


def _level(level: str) -> str:
    return f'<td class="level {level}">{level}</td>'


def _number(number: int) -> str:
    return f'<td class="number">{number:,}</td>'


def _time(iso: str) -> str:
    return iso[:23].replace("T", " ")
