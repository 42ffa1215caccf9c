"""Open the store for SQL: three views over what is listed, and nothing else within reach."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from tocsin.errors import ConfigError
from tocsin.sinks import layout
from tocsin.sinks.columns import DEAD_LETTER_SCHEMA, EVENT_SCHEMA
from tocsin.sinks.manifest import Segment, listed_segments

_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?", re.IGNORECASE)
_DUCKDB_TYPES = {
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.timestamp("us"): "TIMESTAMP",
}
# Columns that a query does not ask for are not read, so the ids, a list on every row, are picked at the very end.
_ALERTS = """
CREATE VIEW alerts AS
SELECT alert_ids[number] AS alert_id, event_id, time, ingest_time, host, "user", match.id AS rule_id,
    match.title AS rule_title, match.level AS level, match.author AS author, match.license AS license,
    match.tactics AS tactics, match.techniques AS techniques, topic, "partition", "offset"
FROM (
    SELECT *, unnest(alerting) AS match, generate_subscripts(alerting, 1) AS number
    FROM (
        SELECT topic, "partition", "offset", event_id, time, ingest_time, host, "user", alert_ids,
            [match FOR match IN from_json(matches, '[{"id": "VARCHAR", "title": "VARCHAR", "level": "VARCHAR",
                "author": "VARCHAR", "license": "VARCHAR", "alert": "BOOLEAN", "tactics": ["VARCHAR"],
                "techniques": ["VARCHAR"]}]')
                IF match.alert] AS alerting
        FROM events WHERE level IS NOT NULL
    )
)
"""


@dataclass(frozen=True)
class ReaderSettings:
    """What a query may use."""

    memory: str = "2GB"
    threads: int = os.cpu_count() or 1


def open_store(folder: Path, settings: ReaderSettings | None = None) -> duckdb.DuckDBPyConnection:
    """Open what is listed at this moment as the views `events`, `alerts` and `dead_letters`.

    The connection stays at that moment, for as long as the files are there: a file that compaction replaces is deleted
    after its grace period. No other file, no network and no setting can be reached from its SQL; for SQL that others
    wrote use `query`. Raises ConfigError where there is no store, or one of a newer version.
    """
    if not layout.check_version(folder):
        raise ConfigError(f"store: there is none in `{folder}`; `tocsin run` or `tocsin store` makes one")
    segments = listed_segments(folder)
    of_kind = {kind: [segment for segment in segments if segment.kind == kind] for kind in layout.KINDS}
    connection = connected(settings)
    try:
        connection.execute(_view("events", EVENT_SCHEMA, folder, of_kind[layout.EVENTS]))
        connection.execute(_view("dead_letters", DEAD_LETTER_SCHEMA, folder, of_kind[layout.DEAD_LETTERS]))
        connection.execute(_ALERTS)
        connection.execute(f"SET allowed_paths = {_list(_paths(folder, segments))}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise ConfigError(f"store: `{folder}` cannot be read: {error}") from error
    return connection


def connected(settings: ReaderSettings | None = None) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB without a database, within bounds: it writes nothing, and loads nothing from anywhere."""
    settings = settings or ReaderSettings()
    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": settings.memory,
            "threads": settings.threads,
            "temp_directory": "",
            "python_enable_replacements": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
        },
    )


def query(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    """Run one SELECT, VALUES, FROM, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN of these and return its cursor.

    Raises ConfigError for anything else, and for what DuckDB refuses.
    """
    with asking("query", "a shorter time, fewer columns, a LIMIT"):
        cursor = connection.cursor()
        _check_reads_only(cursor, sql)
        return cursor.execute(sql)


@contextmanager
def asking(who: str, less: str) -> Iterator[None]:
    """Say in our words what DuckDB cannot do: `who` asked, and what `less` would be. Raises ConfigError."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise ConfigError(
            f"{who}: it needs more memory than the {ReaderSettings().memory} that a query may use; ask for less: {less}"
        ) from error
    except (duckdb.IOException, duckdb.PermissionException) as error:  # a file that has gone may be one, or the other
        raise ConfigError(
            f"{who}: {error}\nIf a file is missing that was there before, it was replaced: run it again"
        ) from error
    except duckdb.Error as error:
        raise ConfigError(f"{who}: {error}") from error


def _check_reads_only(cursor: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = cursor.extract_statements(sql)
    if len(statements) != 1:
        raise ConfigError(f"query: one statement is needed, here are {len(statements)}")
    kind = statements[0].type
    explain = _EXPLAIN.match(sql)
    if kind == duckdb.StatementType.EXPLAIN and explain:
        # EXPLAIN ANALYZE runs what it explains, so what is left without these words must be a query by itself.
        _check_reads_only(cursor, sql[explain.end() :])
    elif kind != duckdb.StatementType.SELECT:
        raise ConfigError(
            f"query: {kind.name} is not allowed; only SELECT, VALUES, DESCRIBE, SUMMARIZE, SHOW and EXPLAIN are"
            " (PIVOT needs its values: `ON column IN (...)`)"
        )


def _view(name: str, schema: pa.Schema, folder: Path, segments: Sequence[Segment]) -> str:
    columns = ", ".join(f'"{field.name}"' for field in schema)
    sources = []
    for has_trace in (True, False):
        paths = _paths(folder, [segment for segment in segments if (segment.trace is not None) == has_trace])
        if paths:
            source = f"read_parquet({_list(paths)}, hive_partitioning = false)"
            sources.append(source if has_trace else f"(SELECT *, NULL::BLOB AS trace FROM {source})")  # noqa: S608
    if not sources:
        columns = ", ".join(f'NULL::{_type(field.type)} AS "{field.name}"' for field in schema)
        return f"CREATE VIEW {name} AS SELECT {columns} WHERE false"
    selects = [f"SELECT {columns} FROM {source}" for source in sources]  # noqa: S608  names and paths of our own
    return f"CREATE VIEW {name} AS {' UNION ALL '.join(selects)}"


def _paths(folder: Path, segments: Sequence[Segment]) -> list[str]:
    return [str((folder / segment.path).resolve()) for segment in segments]


def _type(arrow: pa.DataType) -> str:
    return f"{_type(arrow.value_type)}[]" if isinstance(arrow, pa.ListType) else _DUCKDB_TYPES[arrow]


def _list(texts: Sequence[str]) -> str:
    return "[{}]".format(", ".join("'" + text.replace("'", "''") + "'" for text in texts))
