"""Tell what became of the traces of a run."""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.config import Config
from tocsin.pipeline.tracing import export_settings
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.trace_counts import trace_counts


@dataclass(frozen=True)
class TraceOutcome:
    """What was counted while a run went on."""

    counts: Mapping[str, int] | None  # outcome -> spans or events, of this run; None: it cannot be read
    waiting: int  # events, and dead letters, that nobody has looked at yet


class RunTraces:
    """Knows what had been counted before a run."""

    def __init__(self, config: Config, environment: Mapping[str, str]) -> None:
        """Raises ConfigError where the settings of the collector are wrong."""
        self._folder = config.store_folder
        self._are_sent = export_settings(config, environment) is not None
        found = trace_counts(self._folder)
        self._before: Mapping[str, int] = found.counts if found else {}

    def outcome(self, manifest: Manifest) -> TraceOutcome | None:
        """Return what became of the traces since; None where none are sent."""
        if not self._are_sent:
            return None
        found = trace_counts(self._folder)
        if found is None:
            return TraceOutcome(None, 0)
        counts = {each: max(0, count - self._before.get(each, 0)) for each, count in found.counts.items()}
        waiting = sum(manifest.rows_behind(writer, found.positions.get(writer, 0)) for writer in manifest.writers())
        return TraceOutcome(counts, waiting)
