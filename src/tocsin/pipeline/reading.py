"""Read what is stored: open it, and draw its statistics."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from tocsin.config import Config
from tocsin.errors import ConfigError
from tocsin.pipeline.labels import Label
from tocsin.pipeline.store import list_commits
from tocsin.pipeline.topology import open_bus
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.reader import open_store
