"""A store is closed when it has been read, and a file that goes meanwhile is an error in our words."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.sinks.classified import classified
from tests.sinks.store_folder import stored

from tocsin.config import Config, load_config
from tocsin.errors import ConfigError
from tocsin.pipeline import report
from tocsin.pipeline.reading import existing_store
from tocsin.stats.statistics import Filters


@pytest.fixture
def config(tmp_path: Path) -> Config:
    stored(tmp_path / "store", [classified(1), classified(2)])
    return load_config({"data": str(tmp_path)}, {})


def test_a_store_is_closed_also_where_its_reader_fails(config: Config) -> None:
    with pytest.raises(KeyError), existing_store(config, "stats", "less") as store:
        raise KeyError
    with pytest.raises(duckdb.ConnectionException):
        store.execute("FROM events")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (duckdb.OutOfMemoryException, "stats: it needs more memory than .* ask for less: --host"),
        (duckdb.IOException, "stats: text\nIf a file is missing .* run it again"),
        (duckdb.PermissionException, "stats: text\nIf a file is missing .* run it again"),
        (duckdb.InvalidInputException, "stats: text"),
    ],
)
def test_what_the_database_cannot_do_is_said_in_our_words(config: Config, kind: type[duckdb.Error], said: str) -> None:
    with pytest.raises(ConfigError, match=said), existing_store(config, "stats", "--host"):
        raise kind("text")


def test_a_file_that_goes_while_a_report_is_made_is_no_traceback(config: Config, tmp_path: Path) -> None:
    def on_progress(what: str, done: int, total: int) -> None:
        if what == "events of alerts" and done == total:
            for file in _segments(tmp_path):
                file.unlink()

    with pytest.raises(ConfigError, match=r"(?s)report: .*If a file is missing that was there before"):
        list(report.report_of_store(config, Filters(), on_progress=on_progress))


def _segments(folder: Path) -> Iterator[Path]:
    return (folder / "store").rglob("*.parquet")
