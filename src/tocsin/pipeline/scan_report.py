"""Report on the detections of a scan: they are put into a database of its own, with the views of a store."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tocsin.config import Config
from tocsin.errors import DeliveryError
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.reasons import Reasons
from tocsin.pipeline.report import matrix_of
from tocsin.pipeline.rules import preparation_of
from tocsin.pipeline.scan import Scanner
from tocsin.pipeline.statistics import statistics_of
from tocsin.stages.scan import Detection
from tocsin.stats.report.findings import Limits, Wording
from tocsin.stats.report.page import Report, write_page
from tocsin.stats.report.pictures import pictures_of
from tocsin.stats.report.queries import read_findings
from tocsin.stats.statistics import Filters
from tocsin.verdict import LEVELS

_WORDING = Wording("Tocsin scan", "detection", "--format jsonl")
_MEMORY = "1GB"
_ROWS_AT_ONCE = 2_000
_BYTES_AT_ONCE = 16 << 20

_TEXT = pa.string()
_PLACED: list["pa.Field[Any]"] = [
    pa.field("topic", _TEXT),  # the file
    pa.field("partition", pa.int32()),  # -1: a file has none
    pa.field("offset", pa.int64()),  # line or record
    pa.field("time", pa.timestamp("us")),
    pa.field("host", _TEXT),
    pa.field("event_id", _TEXT),
    pa.field("level", _TEXT),
]
_EVENTS = pa.schema([*_PLACED, pa.field("event", _TEXT)])
_ALERTS = pa.schema(
    [
        *_PLACED,
        *(pa.field(name, _TEXT) for name in ("rule_id", "rule_title", "author", "license")),
        *(pa.field(name, pa.list_(_TEXT)) for name in ("tactics", "techniques")),
        pa.field("has_event", pa.bool_()),
    ]
)
# What DuckDB says of a disk that is full depends on what it was doing; afterwards it refuses all.
_NO_ROOM = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.TransactionException, duckdb.FatalException)
_VIEWS = """
CREATE VIEW events AS SELECT *, '' AS "user", '' AS format, 'detection' AS basis, NULL::VARCHAR AS activity_tactic
FROM event_rows;
CREATE VIEW alerts AS SELECT *, '' AS "user" FROM alert_rows;
CREATE VIEW dead_letters AS SELECT '' AS reason WHERE false;
"""

Notes = Callable[[int], Sequence[str]]  # count of detections -> what was read, and what could not be


def report_of_scan(
    config: Config,
    scanner: Scanner,
    detections: Iterable[Detection],
    min_level: str,
    notes: Notes,
    write: Callable[[str], object],
    limits: Limits | None = None,
) -> int:
    """Write the page when all detections are known; return how many there were. Raises DeliveryError: no room."""
    started = time.monotonic()
    limits = limits or Limits()
    with _database() as database:
        rows = _Rows(database)
        for detection in detections:
            rows.add(detection)
        rows.flush()
        took = f"reading took {time.monotonic() - started:,.1f} seconds"
        for piece in _pages(config, scanner, database, min_level, [*notes(rows.count), took], limits):
            write(piece)
        return rows.count


def _pages(
    config: Config,
    scanner: Scanner,
    database: duckdb.DuckDBPyConnection,
    min_level: str,
    notes: Sequence[str],
    limits: Limits,
) -> Iterator[str]:
    filters = Filters(min_level=None if min_level == LEVELS[0] else min_level)
    statistics = statistics_of(database, filters)
    reasons = Reasons(
        scanner.rule_set, scanner.attack, preparation_of(config), normaliser_of(config), limits.explained_rules
    )
    return write_page(
        Report(
            wording=_WORDING,
            matrix=matrix_of(scanner.attack),
            made=datetime.now(UTC),
            events=scanner.scan.counts.events,
            findings=read_findings(database, filters, limits, has_event="has_event"),
            statistics=statistics,
            notes=notes,
            limits=limits,
            explain=reasons.why,
            pictures=tuple(pictures_of(statistics, (), _WORDING.finding)),
        )
    )


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database in a temporary folder, which goes with it."""
    try:
        with tempfile.TemporaryDirectory(prefix="tocsin-scan-", ignore_cleanup_errors=True) as folder:
            database = duckdb.connect(
                str(Path(folder) / "detections.duckdb"), config={"memory_limit": _MEMORY, "temp_directory": folder}
            )
            try:
                for name, schema in (("event_rows", _EVENTS), ("alert_rows", _ALERTS)):
                    database.register("empty", schema.empty_table())
                    database.execute(f"CREATE TABLE {name} AS FROM empty")
                database.execute(_VIEWS)
                yield database
            finally:
                database.close()
    except _NO_ROOM as error:
        hint = "it needs room for temporary files, and TMPDIR names another folder for them"
        raise DeliveryError(f"scan: the page cannot be made ({error}): {hint}") from error


class _Rows:
    """Takes detections, and puts them into the database some at a time."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self.count = 0
        self._database = database
        self._events: list[dict[str, object]] = []
        self._alerts: list[dict[str, object]] = []
        self._bytes = 0

    def add(self, detection: Detection) -> None:
        """Add one; those of one event come one after another, and only some carry it."""
        self.count += 1
        rule = detection.rule
        event = _event_row(detection)
        last = self._events[-1] if self._events else None
        if last and (last["topic"], last["offset"]) == (event["topic"], event["offset"]):
            last["event"] = last["event"] or event["event"]
        else:
            if len(self._alerts) >= _ROWS_AT_ONCE or self._bytes >= _BYTES_AT_ONCE:
                self.flush()
            self._events.append(event)
        self._bytes += len(detection.event)
        row = event | {
            "rule_id": rule.id,
            "rule_title": _storable(rule.title),
            "author": _storable(rule.author),
            "license": _storable(rule.license),
            "tactics": list(rule.tactics),
            "techniques": list(rule.techniques),
        }
        del row["event"]
        self._alerts.append(row)

    def flush(self) -> None:
        """Put away what is there; all detections of an event are put away with it."""
        kept = {(event["topic"], event["offset"]) for event in self._events if event["event"]}
        for alert in self._alerts:
            alert["has_event"] = (alert["topic"], alert["offset"]) in kept
        for name, rows, schema in (("event_rows", self._events, _EVENTS), ("alert_rows", self._alerts, _ALERTS)):
            self._database.register("rows", pa.Table.from_pylist(rows, schema))
            self._database.execute(f"INSERT INTO {name} FROM rows")
            self._database.unregister("rows")
            rows.clear()
        self._bytes = 0


def _event_row(detection: Detection) -> dict[str, object]:
    return {
        "topic": _storable(detection.file),
        "partition": -1,
        "offset": detection.number,
        "time": datetime.fromisoformat(detection.time).replace(tzinfo=None) if detection.time else None,
        "host": _storable(detection.host),
        "event_id": detection.event_id,
        "level": detection.rule.level,
        "event": detection.event.decode("utf-8", "replace") or None,
    }


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
