"""Report on what is stored: findings, drawings, why each rule fired, and the simulated attacks where there are some."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import duckdb

from tocsin.config import Config
from tocsin.pipeline.labels import Label, labels_of, names_of
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.reading import existing_store
from tocsin.pipeline.reasons import Reasons
from tocsin.pipeline.rules import RuleSet, load_rule_set, preparation_of, user_cache
from tocsin.pipeline.statistics import spans_of, statistics_of
from tocsin.pipeline.summary import attack_steps, dead_letters_by_cause, events_without_time
from tocsin.plain import counted
from tocsin.rules.attack import Attack
from tocsin.rules.progress import OnProgress, unseen
from tocsin.stats.report.findings import Limits, Mark, Matrix, Simulated, Step, Technique, Wording
from tocsin.stats.report.page import Report, write_page
from tocsin.stats.report.pictures import pictures_of
from tocsin.stats.report.queries import read_findings
from tocsin.stats.statistics import Filters

_WORDING = Wording("Tocsin report", "alert", 'tocsin query "FROM alerts"')
_JUDGED = "SELECT DISTINCT rules_digest, attack_version FROM events WHERE basis = 'detection' ORDER BY ALL"


def report_of_store(
    config: Config, filters: Filters, limits: Limits | None = None, on_progress: OnProgress = unseen
) -> Iterator[str]:
    """Yield the page of a store, piece by piece. Raises ConfigError: no store, or rules that cannot be loaded."""
    limits = limits or Limits()
    attack, preparation = Attack.load(), preparation_of(config)
    with existing_store(config, "report", "--min-level, --since and --until, --host") as store:
        rules = load_rule_set(
            attack, config["classify.rules"], config["classify.builtin"], user_cache(), preparation, on_progress
        )
        statistics = statistics_of(store, filters)
        findings = read_findings(
            store, filters, limits, lambda done, total: on_progress("events of alerts", done, total)
        )
        labels = [label for label in labels_of(config) if _is_meant(label, filters)]
        simulated, notes = _simulated(store, labels), _notes(store, rules, attack.version, filters)
    return write_page(
        Report(
            wording=_WORDING,
            matrix=matrix_of(attack),
            made=datetime.now(UTC),
            events=statistics.totals.events,
            findings=findings,
            statistics=statistics,
            notes=notes,
            limits=limits,
            explain=Reasons(rules, attack, preparation, normaliser_of(config), limits.explained_rules).why,
            pictures=tuple(pictures_of(statistics, spans_of(labels), _WORDING.finding)),
            simulated=simulated,
        )
    )


def matrix_of(attack: Attack) -> Matrix:
    """Return what a page needs of ATT&CK."""
    ids = {tactic.shortname: tactic.id for tactic in attack.tactics}
    techniques = {
        id_: Technique(id_, one.name, tuple(ids[name] for name in one.tactics if name in ids))
        for id_, one in attack.techniques.items()
        if not (one.deprecated or one.revoked)
    }
    return Matrix(attack.version, attack.copyright, {tactic.id: tactic.name for tactic in attack.tactics}, techniques)


def _is_meant(label: Label, filters: Filters) -> bool:
    time = datetime.fromisoformat(label.time)
    return (
        (filters.host is None or label.host.lower() == filters.host)
        and (filters.since_utc is None or time >= filters.since_utc)
        and (filters.until_utc is None or time < filters.until_utc)
    )


def _simulated(store: duckdb.DuckDBPyConnection, labels: Sequence[Label]) -> Simulated:
    name = names_of(labels)
    marks = {label.event_id: Mark(name(label), label.step, label.title, label.technique) for label in labels}
    steps = [
        Step(name(step), step.step, step.title, step.technique, step.outcome, step.is_detected)
        for step in (attack_steps(store, labels) if labels else ())
    ]
    return Simulated(marks, steps)


def _notes(store: duckdb.DuckDBPyConnection, rules: RuleSet, attack_version: str, filters: Filters) -> list[str]:
    """Say what could not be read, and whether the rules and the ATT&CK that explain are those that judged.

    All of it is of the whole store: a record that could not be read has no host and no time of its own.
    """
    whole = "" if filters == Filters() else " of the whole store"
    early = {"produce": " before the bus"}
    notes = [
        f"{counted(count, 'record')}{whole} could not be read{early.get(stage, '')}: {reason}"
        for (stage, reason), count in dead_letters_by_cause(store).items()
    ]
    notes += [
        f"{counted(count, 'event')}{whole} {'stands' if count == 1 else 'stand'} at the time of reading: {flag}"
        for flag, count in events_without_time(store).items()
    ]
    judged = store.execute(_JUDGED).fetchall()
    if {digest for digest, _ in judged} - {rules.digest}:
        notes.append(
            f"not all events{whole} were judged by the rules that are loaded here: why a rule fired is said by the "
            "rules as they are now"
        )
    if others := sorted({version or "?" for _, version in judged} - {attack_version}):
        notes.append(
            f"some events{whole} were judged by ATT&CK {', '.join(others)}; the matrix here is {attack_version}, and "
            "what it does not name is not in it"
        )
    return notes
