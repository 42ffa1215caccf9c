"""What rules cover, and what real logs can feed of them; layers of both for ATT&CK Navigator."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tocsin.config import Config
from tocsin.errors import ConfigError, DecodeError
from tocsin.event import Logsource
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.rules import load_rule_set, preparation_of, user_cache
from tocsin.rules.attack import Attack
from tocsin.rules.coverage import Starved, starved
from tocsin.rules.navigator import layer, write_layer
from tocsin.rules.rule import Rule
from tocsin.schema.routable import routable_logsources
from tocsin.sources.files import FilesSettings, FilesSource
from tocsin.stats.queries import fired_techniques
from tocsin.stats.statistics import Filters
from tocsin.timestamps import clock_us

_MAX_NAMES = 20_000  # of fields of one log source: more are hostile


@dataclass(frozen=True)
class Coverage:
    attack: Attack
    rules: Sequence[Rule]  # detections
    starved: Sequence[Starved]
    events: int | None  # of the logs that were read; None: it was asked of all formats that are known
    problems: Sequence[str] = ()  # which logs could not be read


def coverage(config: Config, rules: Sequence[Path], logs: Sequence[Path], is_stopped: Callable[[], bool]) -> Coverage:
    """Say what rules cover. With `logs`, those that these cannot feed are listed, else those that no format can."""
    attack = Attack.load()
    rule_set = load_rule_set(attack, rules, not rules, user_cache(), preparation_of(config))
    detections = [rule for rule in rule_set.rules if not rule.is_baseline]
    sources: Mapping[Logsource, Collection[str] | None] = dict.fromkeys(routable_logsources())
    events = None
    problems: Sequence[str] = ()
    if logs:
        sources, events, problems = _seen_in(config, logs, is_stopped)
        if not events and not is_stopped():
            raise ConfigError("--logs: not one event could be read there", *problems)
    return Coverage(attack, detections, starved(detections, sources), events, problems)


def _seen_in(
    config: Config, logs: Sequence[Path], is_stopped: Callable[[], bool]
) -> tuple[dict[Logsource, Collection[str] | None], int, Sequence[str]]:
    """Return the log sources of events with the names of their fields, how many events there were, and problems."""
    normalise = normaliser_of(config)
    names: dict[Logsource, set[str]] = {}
    events = 0
    source = FilesSource(FilesSettings(tuple(logs)), None, clock_us)
    try:
        while not is_stopped() and (batch := source.read()) is not None:
            for record in batch.records:
                try:
                    event = normalise(record.value, 0)
                except DecodeError:
                    continue
                events += 1
                known = names.setdefault(event.shape.logsource, set())
                if len(known) < _MAX_NAMES:
                    known.update(event.fields, event.overlay)
    finally:
        source.close()
    return dict(names), events, source.report.problems


def write_coverage_layer(found: Coverage, path: Path) -> None:
    """Write a layer: the score of a technique is the number of rules for it."""
    rows = [(technique, rule.title, 1) for rule in found.rules for technique in rule.techniques]
    write_layer(path, layer("Rules", f"{len(found.rules)} detection rules of Tocsin", found.attack, rows))


def write_fired_layer(store: duckdb.DuckDBPyConnection, filters: Filters, path: Path) -> None:
    """Write a layer of what is stored: the score of a technique is the number of alerts."""
    rows = fired_techniques(store, filters)
    write_layer(path, layer("Alerts", "What fired in Tocsin, by alerts", Attack.load(), rows))
