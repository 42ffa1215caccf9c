"""Read what is stored, with all that is committed listed first."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import duckdb

from tocsin.config import Config
from tocsin.pipeline.store import list_commits
from tocsin.pipeline.topology import existing_bus, has_bus, is_shared
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.reader import asking, open_store


@contextmanager
def existing_store(config: Config, who: str, less: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the store as `open_existing_store` opens it, and close it again.

    Raises ConfigError for what DuckDB cannot do, too: `who` asked, and what `less` would be.
    """
    with closing(open_existing_store(config)) as store, asking(who, less):
        yield store


def open_existing_store(config: Config) -> duckdb.DuckDBPyConnection:
    """Open the store for SQL; without what is committed but not listed yet, where this user may only read it.

    Raises ConfigError where there is none.
    """
    has_own_bus = not is_shared(config) and has_bus(config)  # Kafka may be away, and a store lists its commits itself
    is_writable = os.access(config.store_folder, os.W_OK) and os.access(config.bus_folder, os.W_OK)
    if is_writable and has_own_bus and (config.store_folder / "manifest.sqlite").exists():
        with closing(existing_bus(config)) as bus, closing(Manifest(config.store_folder)) as manifest:
            list_commits(bus, manifest)
    return open_store(config.store_folder)
