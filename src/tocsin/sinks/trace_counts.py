"""Read what became of the traces of a store, and what waits, without changing anything."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tocsin.telemetry.outcomes import EVENT_OUTCOMES, SPAN_OUTCOMES

_PATIENCE_SECONDS = 1.0  # with one who has locked the file


@dataclass(frozen=True)
class TraceCounts:
    """What stands in `traces.sqlite`."""

    counts: Mapping[str, int]  # outcome -> spans or events, since the file was made; each outcome is there
    positions: Mapping[str, int]  # writer -> the last commit whose traces are done with


def trace_counts(folder: Path) -> TraceCounts | None:
    """Return what became of the traces of the store in `folder`.

    None where there is nothing to be read: no traces were begun, or the file is damaged, locked or of a newer version.
    """
    path = folder / "traces.sqlite"
    if not path.exists():
        return None
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE_SECONDS)) as connection:
            connection.execute("BEGIN")  # both tables as of one moment
            counts = dict(connection.execute("SELECT what, count FROM counts"))
            positions = dict(connection.execute("SELECT writer, seq FROM cursors"))
    except sqlite3.Error:
        return None
    outcomes = (*SPAN_OUTCOMES, *EVENT_OUTCOMES)
    return TraceCounts({each: int(counts.get(each, 0)) for each in outcomes}, positions)
