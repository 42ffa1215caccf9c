"""Statistics of the store, with the simulated attacks marked."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from tocsin.pipeline.labels import Label, names_of
from tocsin.rules.attack import Attack
from tocsin.stats.labels import LabelSpan, label_spans
from tocsin.stats.queries import read_statistics
from tocsin.stats.statistics import Filters, Statistics


def statistics_of(store: duckdb.DuckDBPyConnection, filters: Filters) -> Statistics:
    """Count what the store holds."""
    return read_statistics(store, [(tactic.id, tactic.name) for tactic in Attack.load().tactics], filters)


def draw(statistics: Statistics, labels: Sequence[Label], path: Path) -> None:
    """Draw the statistics as PNG or SVG, by the suffix of `path`."""
    from tocsin.stats.plots import draw_statistics  # takes half a second to import

    draw_statistics(statistics, path, labels=spans_of(labels))


def spans_of(labels: Sequence[Label]) -> list[LabelSpan]:
    """Name each attack by its scenario; by its run, where a scenario runs more than once."""
    name = names_of(labels)
    return label_spans((name(label), datetime.fromisoformat(label.time)) for label in labels)
