"""Sum up a run beside its statistics: what was detected, what was missed, what each stage cost."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from tocsin.pipeline.labels import Label
from tocsin.telemetry.meter import StageFigures
from tocsin.verdict import LEVELS

_LABELLED = "SEMI JOIN (SELECT unnest($ids) AS event_id) USING (event_id)"
_ALERTING = f"SELECT DISTINCT event_id FROM alerts {_LABELLED}"  # noqa: S608  texts of our own
_SEEN = f"SELECT DISTINCT event_id FROM events {_LABELLED} WHERE basis = 'detection'"  # noqa: S608

_STORED = f"SELECT DISTINCT event_id FROM events {_LABELLED}"  # noqa: S608

# Below alert: a rule saw it, of a level below that of alerts. For correlation: no single event shows it.
DETECTED, BELOW_ALERT, FOR_CORRELATION, MISSED = OUTCOMES = ("detected", "below alert", "for correlation", "missed")
NOT_STORED = "not stored here"  # not yet, not any more, or in another data directory: a bus may be shared


@dataclass(frozen=True)
class AttackStep:
    """One step of one simulated attack, and what became of it."""

    scenario: str
    run: str
    step: int
    title: str
    technique: str
    detectable: str  # "event", or "correlation": no single event shows it
    is_detected: bool  # one of its events raised an alert
    is_seen: bool  # a rule below the alert level matched one of its events
    is_stored: bool  # all of its events are, in this store: else nobody can say here that it was missed

    @property
    def outcome(self) -> str:
        """Return one of OUTCOMES, or NOT_STORED."""
        if self.is_detected:
            return DETECTED
        if not self.is_stored:
            return NOT_STORED
        if self.is_seen:
            return BELOW_ALERT
        return FOR_CORRELATION if self.detectable == "correlation" else MISSED


@dataclass(frozen=True)
class StageCost:
    """What an event cost in one stage: CPU, and where the wall time went, in microseconds."""

    stage: str
    records: int
    cpu_us: float
    parts_us: Mapping[str, float]


def detection_tactics(store: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """Return tactic id -> events with a detection of that tactic, whatever its level."""
    return dict(store.execute("SELECT unnest(tactics) AS tactic, count(*) FROM events GROUP BY 1").fetchall())


def dead_letters_by_cause(store: duckdb.DuckDBPyConnection) -> Mapping[tuple[str, str], int]:
    """Return (stage, reason) -> dead letters; those of `produce` never were on the bus."""
    sql = "SELECT stage, reason, count(*) FROM dead_letters GROUP BY ALL ORDER BY 3 DESC, 1, 2"
    return {(stage, reason): count for stage, reason, count in store.execute(sql).fetchall()}


def events_without_time(store: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """Return the flags of events that are stored under their ingest time -> events."""
    sql = (
        "SELECT flag, count(*) FROM (SELECT unnest(flags) AS flag FROM events WHERE time_source = 'ingest')"
        " WHERE flag IN ('missing_time', 'unreadable_time') GROUP BY 1 ORDER BY 1"
    )
    return dict(store.execute(sql).fetchall())


def attack_steps(store: duckdb.DuckDBPyConnection, labels: Iterable[Label]) -> list[AttackStep]:
    """Hold the labels against what is stored."""
    labels = list(labels)
    alerting = _ids(store, _ALERTING, labels)
    seen = _ids(store, _SEEN, labels)
    stored = _ids(store, _STORED, labels)
    events: dict[tuple[str, str, int], list[Label]] = defaultdict(list)
    for label in labels:
        events[(label.scenario, label.run, label.step)].append(label)
    return [
        AttackStep(
            *key,
            title=labelled[0].title,
            technique=labelled[0].technique,
            detectable=labelled[0].detectable,
            is_detected=any(label.event_id in alerting for label in labelled),
            is_seen=any(label.event_id in seen for label in labelled),
            is_stored=all(label.event_id in stored for label in labelled),
        )
        for key, labelled in sorted(events.items())
    ]


def alerts_without_label(store: duckdb.DuckDBPyConnection, labels: Iterable[Label]) -> Mapping[str, int]:
    """Return rule title -> alerts on events that are part of no labelled attack."""
    labelled = {label.event_id for label in labels}
    counts: dict[str, int] = defaultdict(int)
    for event_id, title in store.execute("SELECT event_id, rule_title FROM alerts").fetchall():
        if event_id not in labelled:
            counts[title] += 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def gravest_alert(store: duckdb.DuckDBPyConnection) -> tuple[str, str, str] | None:
    """Return event id, level and rule title of the newest alert of the highest level there is; None without any."""
    rank = f"list_position({list(LEVELS)}, level)"
    sql = f"SELECT event_id, level, rule_title FROM alerts ORDER BY {rank} DESC, time DESC, event_id LIMIT 1"  # noqa: S608
    return store.execute(sql).fetchone()


def stage_costs(figures: Iterable[StageFigures]) -> list[StageCost]:
    """Sum up the processes of each stage."""
    stages: dict[str, list[StageFigures]] = defaultdict(list)
    for figure in figures:
        stages[figure.stage].append(figure)
    costs = []
    for stage, processes in stages.items():
        records = sum(process.records for process in processes)
        if not records:
            continue
        parts: dict[str, float] = defaultdict(float)
        for process in processes:
            for part, seconds in process.parts.items():
                parts[part] += seconds * 1e6 / records
        cpu = sum(process.cpu_seconds for process in processes) * 1e6 / records
        costs.append(StageCost(stage, records, cpu, dict(parts)))
    return costs


def _ids(store: duckdb.DuckDBPyConnection, sql: str, labels: Iterable[Label]) -> set[str]:
    """Return those of the labelled events that a query finds; there may be millions of others."""
    return {event_id for (event_id,) in store.execute(sql, {"ids": [label.event_id for label in labels]}).fetchall()}
