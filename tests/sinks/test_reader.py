from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from tests.sinks.classified import DETECTION, QUIET_DETECTION, classified, dead_letter, detection_verdict
from tests.sinks.store_folder import segments_of, stored
from tocsin.errors import ConfigError
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.reader import open_store, query

OTHER = DETECTION | {"id": "other", "title": "Other", "level": "medium"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Three events, the second with two alerts and a match that is none, and a dead letter."""
    judged = detection_verdict(DETECTION, QUIET_DETECTION, OTHER)
    records = [classified(1), classified(2, judged=judged, alerts=["a1", "a2"]), classified(3), dead_letter(4)]
    folder = tmp_path_factory.mktemp("parent") / "it's [a] *store*"
    stored(folder, records)
    connection = open_store(folder)
    yield connection
    connection.close()


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return query(connection, sql).fetchall()


def listed_file(connection: duckdb.DuckDBPyConnection) -> str:
    [[path]] = rows(connection, "SELECT DISTINCT file_name FROM parquet_metadata(current_setting('allowed_paths')[1])")
    return str(path)


def test_an_empty_store_has_the_same_views_with_the_same_columns_as_a_full_one(
    tmp_path: Path, store: duckdb.DuckDBPyConnection
) -> None:
    Manifest(tmp_path / "empty").close()
    empty = open_store(tmp_path / "empty")
    for view in ("events", "alerts", "dead_letters"):
        assert rows(empty, f"DESCRIBE {view}") == rows(store, f"DESCRIBE {view}")
        assert rows(empty, f"SELECT count(*) FROM {view}") == [(0,)]


def test_the_columns_of_the_views_are_those_of_the_reference(store: duckdb.DuckDBPyConnection) -> None:
    text, number, texts = "VARCHAR", "BIGINT", "VARCHAR[]"
    assert [row[:2] for row in rows(store, "DESCRIBE events")] == [
        ("topic", text), ("partition", "INTEGER"), ("offset", number), ("event_id", text), ("time", "TIMESTAMP"),
        ("time_source", text), ("ingest_time", "TIMESTAMP"), ("host", text), ("user", text), ("format", text),
        ("product", text), ("service", text), ("categories", texts), ("channel", text), ("provider", text),
        ("code", text), ("flags", texts), ("basis", text), ("level", text), ("activity_tactic", text),
        ("tactics", texts), ("techniques", texts), ("rules", texts), ("matches", text), ("alert_ids", texts),
        ("rules_digest", text), ("attack_version", text), ("event", text), ("raw", "BLOB"),
        ("trace", "BLOB"),
    ]  # fmt: skip
    assert [row[:2] for row in rows(store, "DESCRIBE alerts")] == [
        ("alert_id", text), ("event_id", text), ("time", "TIMESTAMP"), ("ingest_time", "TIMESTAMP"), ("host", text),
        ("user", text), ("rule_id", text), ("rule_title", text), ("level", text), ("author", text),
        ("license", text), ("tactics", texts), ("techniques", texts), ("topic", text), ("partition", "INTEGER"),
        ("offset", number),
    ]  # fmt: skip
    assert [row[:2] for row in rows(store, "DESCRIBE dead_letters")] == [
        ("topic", text), ("partition", "INTEGER"), ("offset", number), ("time", "TIMESTAMP"), ("stage", text),
        ("reason", text), ("detail", text), ("place", text), ("length", number), ("sha256", text),
        ("event_id", text), ("raw", "BLOB"),
        ("trace", "BLOB"),
    ]  # fmt: skip


def test_each_match_that_is_an_alert_is_a_row_of_alerts(store: duckdb.DuckDBPyConnection) -> None:
    columns = 'alert_id, rule_title, level, tactics, techniques, time, "offset"'
    assert rows(store, f"SELECT {columns} FROM alerts ORDER BY 1") == [
        ("a1", "Suspicious Encoded PowerShell", "high", ["TA0002"], ["T1059.001"], datetime(2026, 1, 12, 12), 2),
        ("a2", "Other", "medium", ["TA0002"], ["T1059.001"], datetime(2026, 1, 12, 12), 2),
    ]  # fmt: skip


def test_an_alert_stored_before_licences_were_kept_has_none(tmp_path: Path, store: duckdb.DuckDBPyConnection) -> None:
    early = {name: value for name, value in DETECTION.items() if name != "license"}
    stored(tmp_path, [classified(1, judged=detection_verdict(early), alerts=["a1"])])
    assert rows(open_store(tmp_path), "SELECT author, license FROM alerts") == [("ann", None)]
    assert rows(store, "SELECT DISTINCT author, license FROM alerts") == [("ann", "DRL 1.1")]


def test_events_and_dead_letters_are_there_as_they_came(store: duckdb.DuckDBPyConnection) -> None:
    assert rows(store, 'SELECT "offset", event->>\'EventID\', raw FROM events ORDER BY 1') == [
        (1, "1", None), (2, "1", None), (3, "1", None),
    ]  # fmt: skip
    assert rows(store, "SELECT place, raw FROM dead_letters") == [("raw-events/0/7", b"\xff\x00")]


def test_a_connection_stays_at_the_moment_at_which_it_was_opened(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)])
    early = open_store(tmp_path)
    stored(tmp_path, [classified(2)], name="w1")
    assert rows(early, "SELECT count(*) FROM events") == [(1,)]
    assert rows(open_store(tmp_path), "SELECT count(*) FROM events") == [(2,)]


def test_files_that_are_not_listed_are_not_read(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)])
    listed = tmp_path / segments_of(tmp_path)[0].path
    listed.with_name("w0-000000000002.parquet").write_bytes(listed.read_bytes())
    assert rows(open_store(tmp_path), "SELECT count(*) FROM events") == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "  select 1 ;",
        "-- comment\nSELECT 1",
        "VALUES (1)",
        "FROM events",
        "WITH e AS (FROM events) SELECT count(*) FROM e",
        "DESCRIBE events",
        "SUMMARIZE events",
        "SHOW TABLES",
        "EXPLAIN SELECT * FROM alerts",
        "EXPLAIN ANALYZE SELECT * FROM events",
        "PIVOT events ON level IN ('high') USING count(*)",
    ],
)
def test_what_only_reads_is_run(store: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert rows(store, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "COPY events TO '/tmp/tocsin-stolen.csv'",
        "COPY (SELECT 1) TO '{listed}' (USE_TMP_FILE false)",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{listed}' (USE_TMP_FILE false)",
        "explain/**/analyze/**/copy (SELECT 1) TO '{listed}' (USE_TMP_FILE false)",
        "/* explain */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{listed}' (USE_TMP_FILE false)",
        "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{listed}' (USE_TMP_FILE false)",
        "EXPLAIN COPY (SELECT 1) TO '{listed}'",
        "EXPLAIN CREATE TABLE t AS SELECT 1",
        "ATTACH '/tmp/tocsin-other.db'",
        "ATTACH ':memory:' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET threads = 1",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "SET VARIABLE x = 1",
        "CALL enable_logging()",
        "CHECKPOINT",
        "CREATE TABLE t (x INTEGER)",
        "CREATE SECRET s (TYPE s3)",
        "CREATE MACRO m() AS 1",
        "DROP VIEW events",
        "INSERT INTO events SELECT * FROM events",
        "DELETE FROM events",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "USE memory",
        "VACUUM",
        "EXPORT DATABASE '/tmp/tocsin-export'",
        "IMPORT DATABASE '/tmp/tocsin-export'",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY events TO '/tmp/tocsin-stolen.csv'",
        "",
        "-- nothing",
        "no sql",
    ],
)
def test_what_does_more_than_read_is_refused(store: duckdb.DuckDBPyConnection, sql: str) -> None:
    file = Path(listed_file(store))
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="query: "):
        query(store, sql.format(listed=str(file).replace("'", "''")))
    assert file.read_bytes() == before
    assert rows(store, "SELECT count(*) FROM events") == [(3,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_json('/etc/passwd')",
        "SELECT * FROM read_ndjson_objects('/etc/passwd')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('/tmp/*.parquet')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '/tmp/x.csv'",
        "SELECT * FROM read_text('https://example.com/')",
        "SELECT * FROM read_parquet('s3://bucket/file.parquet')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM glob('*')",
        "SELECT * FROM query('COPY (SELECT 1) TO ''/tmp/tocsin-x''')",
        "SELECT * FROM query_table('/etc/passwd')",
        "SELECT getenv('HOME')",
        "SELECT * FROM store",
        "SELECT * FROM sqlite_scan('/tmp/x', 'y')",
        "SELECT * FROM duckdb_secrets()",
    ],
)
def test_no_file_no_network_and_no_environment_can_be_reached(store: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises((ConfigError, duckdb.Error)):
        rows(store, sql)


def test_variables_of_the_program_cannot_be_reached(store: duckdb.DuckDBPyConnection) -> None:
    secrets = pa.table({"secret": [1]})
    with pytest.raises(ConfigError, match="secrets does not exist"):
        query(store, "SELECT * FROM secrets")
    assert secrets.num_rows == 1


def test_files_of_the_store_that_are_not_listed_cannot_be_reached(tmp_path: Path) -> None:
    stored(tmp_path, [classified(1)])
    listed = tmp_path / segments_of(tmp_path)[0].path
    other = listed.with_name("other.parquet")
    other.write_bytes(listed.read_bytes())
    store = open_store(tmp_path)
    for path in (other, listed.parent / "x" / ".." / "other.parquet", tmp_path / "manifest.sqlite"):
        with pytest.raises(ConfigError):
            rows(store, f"SELECT * FROM read_blob('{path}')")


def test_a_folder_without_a_store_is_an_error_that_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is none in .*`tocsin run`"):
        open_store(tmp_path)


def test_the_error_of_a_query_says_what_is_wrong_with_it(store: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ConfigError, match=r'query: .*Referenced column "hots" not found'):
        query(store, "SELECT hots FROM events")
