"""A store for tests of reports: rows that a test names, as the views `events` and `alerts`."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb

from tocsin.stats.queries import read_statistics
from tocsin.stats.report.findings import Explain, Findings, Limits, Matrix, Simulated, Technique, Why, Wording
from tocsin.stats.report.page import Report, write_page
from tocsin.stats.report.queries import read_findings
from tocsin.stats.statistics import Filters

TACTICS = {"TA0001": "Initial Access", "TA0002": "Execution", "TA0007": "Discovery", "TA0040": "Impact"}
MATRIX = Matrix(
    "19.0",
    "© The MITRE Corporation.",
    TACTICS,
    {
        "T1059": Technique("T1059", "Command and Scripting Interpreter", ("TA0002",)),
        "T1059.001": Technique("T1059.001", "PowerShell", ("TA0002",)),
        "T1078": Technique("T1078", "Valid Accounts", ("TA0001", "TA0040")),
        "T1033": Technique("T1033", "System Owner/User Discovery", ("TA0007",)),
    },
)
WORDING = Wording("Tocsin report", "alert", "a command")
EVERYTHING = Filters()

_COLUMNS = """topic VARCHAR, "partition" INTEGER, "offset" BIGINT, event_id VARCHAR, time TIMESTAMP, host VARCHAR,
    "user" VARCHAR, level VARCHAR"""
_offsets = itertools.count()


def alert(time: str | None, rule: str = "r1", host: str = "ws-1", **others: Any) -> dict[str, Any]:
    """Make an alert with an event of its own; `level`, `title`, `tactics`, `techniques`, `event` may be named."""
    offset = next(_offsets)
    return {
        "topic": "raw-events",
        "partition": 0,
        "offset": offset,
        "event_id": f"{offset:032x}",
        "time": datetime.fromisoformat(f"2026-01-12 {time}") if time else None,
        "host": host,
        "user": others.get("user", "ann"),
        "level": others.get("level", "medium"),
        "rule_id": rule,
        "rule_title": others.get("title", f"Rule {rule}"),
        "author": "An author",
        "license": "MIT",
        "tactics": others.get("tactics", ["TA0002"]),
        "techniques": others.get("techniques", ["T1059.001"]),
        "event": others.get("event", '{"a":1}'),
    }


def store_of(alerts: Sequence[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the views of a store."""
    store = duckdb.connect()
    store.execute(f"""
        CREATE TABLE events ({_COLUMNS}, event VARCHAR, format VARCHAR, basis VARCHAR, activity_tactic VARCHAR);
        CREATE TABLE alerts ({_COLUMNS}, rule_id VARCHAR, rule_title VARCHAR, author VARCHAR, license VARCHAR,
            tactics VARCHAR[], techniques VARCHAR[]);
        CREATE TABLE dead_letters (reason VARCHAR);
    """)
    for row in alerts:
        values = list(row.values())
        store.execute(f"INSERT INTO alerts VALUES ({', '.join('?' * 14)})", values[:14])
        event = [*values[:8], row["event"], "a-format", "detection", None]
        store.execute(f"INSERT INTO events VALUES ({', '.join('?' * 12)})", event)
    return store


def findings_of(alerts: Sequence[dict[str, Any]], limits: Limits | None = None, **filters: Any) -> Findings:
    return read_findings(store_of(alerts), Filters(**filters), limits or Limits())


def page_of(
    alerts: Sequence[dict[str, Any]],
    limits: Limits | None = None,
    notes: Sequence[str] = (),
    explain: Explain = lambda _rule, _event: Why(),
    simulated: Simulated | None = None,
    filters: Filters = EVERYTHING,
) -> str:
    """Return the page of a store with those alerts."""
    store = store_of(alerts)
    limits = limits or Limits()
    report = Report(
        wording=WORDING,
        matrix=MATRIX,
        made=datetime(2026, 1, 13, tzinfo=UTC),
        events=len(alerts),
        findings=read_findings(store, filters, limits),
        statistics=read_statistics(store, list(TACTICS.items()), filters),
        notes=notes,
        limits=limits,
        explain=explain,
        simulated=simulated or Simulated({}),
    )
    return "".join(write_page(report))
