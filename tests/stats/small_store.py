"""A store for tests: the columns that statistics ask for, over the rows that a test names."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import duckdb

TACTICS = (
    ("TA0001", "Initial Access"),
    ("TA0002", "Execution"),
    ("TA0003", "Persistence"),
    ("TA0008", "Lateral Movement"),
    ("TA0040", "Impact"),
)


def event(time: str | None, host: str = "ws-1", user: str = "ann", **columns: Any) -> dict[str, Any]:
    """Make a row of `events`; `activity` is the activity tactic."""
    activity = columns.get("activity")
    level = columns.get("level")
    return {
        "time": _time(time),
        "host": host,
        "user": user,
        "format": columns.get("format", "evtx-json"),
        "basis": "detection" if level else "activity" if activity else "none",
        "level": level,
        "activity_tactic": activity,
    }


def alert(time: str | None, rule: str = "r1", host: str | None = "ws-1", **columns: Any) -> dict[str, Any]:
    """Make a row of `alerts`."""
    return {
        "time": _time(time),
        "host": host,
        "user": columns.get("user", "ann"),
        "rule_id": rule,
        "rule_title": columns.get("title", f"Rule {rule}"),
        "level": columns.get("level", "medium"),
        "tactics": columns.get("tactics", ["TA0002"]),
        "techniques": columns.get("techniques", ["T1059.001"]),
    }


def store_of(
    events: Iterable[dict[str, Any]] = (), alerts: Iterable[dict[str, Any]] = (), dead_letters: Iterable[str] = ()
) -> duckdb.DuckDBPyConnection:
    """Return a connection with the three views; `dead_letters` are reasons."""
    store = duckdb.connect()
    store.execute("""
        CREATE TABLE event_rows ("time" TIMESTAMP, host VARCHAR, "user" VARCHAR, format VARCHAR, basis VARCHAR,
            level VARCHAR, activity_tactic VARCHAR);
        CREATE TABLE alert_rows ("time" TIMESTAMP, host VARCHAR, "user" VARCHAR, rule_id VARCHAR, rule_title VARCHAR,
            level VARCHAR, tactics VARCHAR[], techniques VARCHAR[]);
        CREATE TABLE dead_letter_rows (reason VARCHAR);
        CREATE VIEW events AS FROM event_rows;
        CREATE VIEW alerts AS FROM alert_rows;
        CREATE VIEW dead_letters AS FROM dead_letter_rows;
    """)
    columns = [list(column) for column in zip(*(row.values() for row in events), strict=True)]
    if columns:
        store.execute(
            "INSERT INTO event_rows SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
            columns,
        )
    for row in alerts:
        store.execute("INSERT INTO alert_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", list(row.values()))
    for reason in dead_letters:
        store.execute("INSERT INTO dead_letter_rows VALUES (?)", [reason])
    return store


def _time(time: str | None) -> datetime | None:
    return datetime.fromisoformat(time) if time else None
