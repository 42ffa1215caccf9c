"""Where the time of the stored events went."""

from pathlib import Path

from tocsin.config import Config
from tocsin.pipeline.reading import existing_store
from tocsin.pipeline.topology import is_shared
from tocsin.sinks.stored_times import stored_times
from tocsin.stats.conditions import IS_WANTED, IS_WANTED_ALERT, alert_values_of, values_of
from tocsin.stats.latency import BUS, KAFKA, Latency, LatencyCount
from tocsin.stats.statistics import Filters


def latency_of(config: Config, filters: Filters) -> Latency:
    """Read how long each step took the events that are wanted; with a least level, those on which such a rule fired.

    Raises ConfigError.
    """
    condition, values = (IS_WANTED_ALERT, alert_values_of) if filters.min_level else (IS_WANTED, values_of)
    count = LatencyCount(KAFKA if is_shared(config) else BUS)
    with existing_store(config, "stats", "--since and --until, --host"):  # what is committed is listed now
        for times in stored_times(config.store_folder, condition, values(filters)):
            count.add(times.traces, times.trace, times.ingest_us, times.events)
    return count.latency(filters)


def draw(latency: Latency, path: Path) -> None:
    """Draw it as PNG or SVG, by the suffix of `path`."""
    from tocsin.stats.latency_plot import draw_latency  # takes half a second to import

    draw_latency(latency, path)
