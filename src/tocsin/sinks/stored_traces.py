"""Find events of the store for their traces: by id, those that took longest, that a rule fired on, of a host."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from tocsin.sinks.layout import DEAD_LETTERS, EVENTS
from tocsin.sinks.manifest import Segment, listed_segments
from tocsin.sinks.reader import asking, connected
from tocsin.sinks.traces import columns_of
from tocsin.telemetry.stage_times import unpacked

# The id of a rule that fired, or a part of the title of one.
_RULE_FIRED = """level IS NOT NULL AND (list_contains(rules, $rule) OR len([
    match FOR match IN from_json(matches, '[{"title": "VARCHAR"}]') IF contains(lower(match.title), lower($rule))
]) > 0)"""
_FOUND_MOST = 1_000  # rows of one id: repeats of a record of others


@dataclass(frozen=True)
class Wanted:
    """Which events: all that is given must hold."""

    rule: str = ""  # the id of a rule that fired, or a part of its title
    host: str = ""
    is_slowest_first: bool = False  # else the newest first


@dataclass(frozen=True)
class Found:
    """One event that was looked for."""

    event_id: str
    ingest_us: int
    seconds: float | None  # from ingest to durable; None: nobody kept it
    host: str
    level: str
    rules: Sequence[str]  # titles


class StoredTraces:
    """What a store holds at this moment. Raises ConfigError in DuckDB's stead."""

    def __init__(self, folder: Path) -> None:
        listed = [segment for segment in listed_segments(folder) if segment.trace is not None]
        self._written: Mapping[str, bytes] = {str(folder / each.path): each.trace or b"" for each in listed}
        self._paths = {kind: _paths(folder, listed, kind) for kind in (EVENTS, DEAD_LETTERS)}

    def rows_of(self, prefix: str) -> Mapping[str, pa.Table]:
        """Return, by kind of segment, the rows whose event id begins so, each with its whole trace."""
        found = {}
        for kind in self._paths:
            columns = ", ".join(f'"{name}"' for name in columns_of(kind) if name != "trace")
            where = f"WHERE starts_with(event_id, $prefix) LIMIT {_FOUND_MOST}"
            sql = f"SELECT {columns}, trace, filename FROM stored {where}"  # noqa: S608  names of our own
            rows = self._asked(kind, sql, {"prefix": prefix})
            if rows is not None and rows.num_rows:
                found[kind] = self._whole(rows)
        return found

    def events(self, wanted: Wanted, count: int) -> list[Found]:
        """Return so many events."""
        conditions = ["trace IS NOT NULL"]
        if wanted.rule:
            conditions.append(_RULE_FIRED)
        if wanted.host:
            conditions.append("(lower(host) = lower($host) OR starts_with(lower(host), lower($host) || '.'))")
        given = {name: value for name, value in (("rule", wanted.rule), ("host", wanted.host)) if value}
        # Of events that share a trace's times the one that was ingested first waited longest.
        sharing, order = "trace, filename", ""
        if not wanted.is_slowest_first:
            sharing, order = "trace, filename, event_id", f"ORDER BY ingest_time DESC LIMIT {count}"
        # Names and conditions are our own; what was asked for are parameters.
        sql = f"""
            SELECT trace, filename, min(ingest_time) AS ingest_time,
                unnest(arg_min({{event_id: event_id, host: host, level: level, matches: matches}}, ingest_time))
            FROM stored WHERE {" AND ".join(conditions)} GROUP BY {sharing} {order}
        """  # noqa: S608
        rows = self._asked(EVENTS, sql, given)
        found = [] if rows is None else [_found(row) for row in self._whole(rows).to_pylist()]
        if wanted.is_slowest_first:
            found.sort(key=lambda each: each.seconds or 0.0, reverse=True)
        return found[:count]

    def _asked(self, kind: str, sql: str, parameters: Mapping[str, object]) -> pa.Table | None:
        """Ask all segments of a kind; None where there are none."""
        if not self._paths[kind]:
            return None
        stored = "WITH stored AS (FROM read_parquet($paths, filename = true, hive_partitioning = false)) "
        with asking("trace", "a rarer rule, a host"), closing(connected()) as connection:
            given = {"paths": self._paths[kind], **parameters}
            table: pa.Table = connection.sql(stored + sql, params=given).to_arrow_table()
            return table

    def _whole(self, rows: pa.Table) -> pa.Table:
        """Return rows with when their segment was written behind their traces."""
        at = rows.schema.get_field_index("trace")
        pairs = zip(rows["trace"].to_pylist(), rows["filename"].to_pylist(), strict=True)
        whole = [None if trace is None else trace + self._written.get(str(name), b"") for trace, name in pairs]
        return rows.set_column(at, "trace", pa.array(whole, pa.binary()))


def _paths(folder: Path, segments: Sequence[Segment], kind: str) -> list[str]:
    return [str(folder / segment.path) for segment in segments if segment.kind == kind]


def _found(row: Mapping[str, Any]) -> Found:
    ingest_us = int(row["ingest_time"].replace(tzinfo=UTC).timestamp() * 1e6) if row["ingest_time"] else 0
    parts = unpacked(row["trace"])
    end_us = max(parts[-1].moments_us) if parts else 0
    return Found(
        event_id=row["event_id"] or "",
        ingest_us=ingest_us,
        seconds=max(0, end_us - ingest_us) / 1e6 if parts and ingest_us else None,
        host=row["host"] or "",
        level=row["level"] or "",
        rules=[match["title"] for match in orjson.loads(row["matches"] or "[]")],
    )
