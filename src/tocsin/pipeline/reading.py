"""Read what is stored, with all that is committed listed first."""

import duckdb

from tocsin.config import Config
from tocsin.pipeline.store import list_commits
from tocsin.pipeline.topology import open_bus
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.reader import open_store


def open_existing_store(config: Config) -> duckdb.DuckDBPyConnection:
    """Open the store for SQL. Raises ConfigError where there is none."""
    if (config.store_folder / "manifest.sqlite").exists() and config.bus_folder.is_dir():
        bus = open_bus(config)
        manifest = Manifest(config.store_folder)
        list_commits(bus, manifest)
        manifest.close()
        bus.close()
    return open_store(config.store_folder)
