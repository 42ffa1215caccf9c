"""The tables of a report: by tactic, by host, by rule, and what became of simulated attacks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from tocsin.stats.report.findings import Findings, LevelCounts, Limits, Matrix, Rule, Step, TacticReach, Wording
from tocsin.stats.report.markup import Markup, badge, cell, element, log, moment, number, table
from tocsin.stats.statistics import Statistics
from tocsin.verdict import LEVELS

_RULES_OF_TACTIC = 3


def tactic_table(findings: Findings, statistics: Statistics, wording: Wording) -> Iterator[Markup]:
    """Yield the tactics in matrix order, with the rules that gave most of their alerts."""
    levels = _levels_in(statistics.alert_tactics.values())
    rows = (
        (
            cell(statistics.tactic_name(tactic)),
            *_counts(statistics.alert_tactics[tactic], levels),
            number(reach.rules),
            number(reach.hosts),
            cell(*_titles(tactic, findings.rules.values()), class_="wide"),
        )
        for tactic in statistics.tactics
        if tactic in statistics.alert_tactics
        for reach in [findings.tactic_reach.get(tactic, TacticReach(0, 0))]
    )
    names = ("tactic", *reversed(levels), f"{wording.finding}s", "rules", "hosts", "most of them by")
    yield from table(names, rows)
    yield element("p", f"One {wording.finding} whose rule names two tactics counts in both.", class_="faint")


def host_table(findings: Findings, matrix: Matrix, wording: Wording) -> Iterator[Markup]:
    """Yield the hosts, the one to look at first before the others."""
    levels = _levels_in(host.levels for host in findings.hosts)
    rows = (
        (
            cell(log(host.name or "(no host named)"), class_="wide"),
            *_counts(host.levels, levels),
            number(host.rules),
            cell(", ".join(name for id_, name in matrix.tactics.items() if id_ in host.tactics), class_="wide"),
            cell(*_span(host.first, host.last), class_="time"),
        )
        for host in findings.hosts
    )
    names = ("host", *reversed(levels), f"{wording.finding}s", "rules", "tactics", "first and last (UTC)")
    yield from table(names, rows)
    if more := findings.host_count - len(findings.hosts):
        yield element("p", f"And {more:,} more hosts.")


def rule_table(findings: Findings, matrix: Matrix, wording: Wording, limits: Limits) -> Iterator[Markup]:
    """Yield the rules that fired, the gravest first, with author and licence."""
    shown = list(findings.rules.values())[: limits.rules]
    rows = (
        (
            cell(badge(rule.level)),
            cell(log(rule.title), class_="wide"),
            cell(", ".join(matrix.tactics.get(tactic, tactic) for tactic in rule.tactics)),
            cell(", ".join(rule.techniques)),
            number(rule.alerts),
            number(rule.hosts),
            number(findings.listed_by_rule.get(rule.id, 0)),
            cell(*_span(rule.first, rule.last), class_="time"),
            cell(element("div", log(rule.author)), element("div", log(rule.license))),
        )
        for rule in shown
    )
    names = (
        "level", "rule", "tactics", "techniques", f"{wording.finding}s", "hosts", "listed below",
        "first and last (UTC)", "author and licence",
    )  # fmt: skip
    yield from table(names, rows)
    if more := len(findings.rules) - len(shown):
        yield element("p", f"And {more:,} more rules.")


def step_table(steps: Sequence[Step], min_level: str | None) -> Iterator[Markup]:
    """Yield each step of the simulated attacks with what became of it, also of alerts below the level of the page."""
    found = sum(step.is_found for step in steps)
    whatever = f" of any level, not only of {min_level} or above" if min_level else ""
    yield element("p", f"{found:,} of {len(steps):,} steps raised an alert{whatever}.")
    rows = (
        (
            cell(log(step.attack)),
            number(step.number),
            cell(log(step.title), class_="wide"),
            cell(step.technique),
            cell(element("b", step.outcome) if step.is_found else step.outcome),
        )
        for step in steps
    )
    yield from table(("attack", "step", "what it does", "technique", "outcome"), rows)


def _span(first: datetime | None, last: datetime | None) -> Iterator[Markup]:
    """Yield two times, one below the other; once where there is but one."""
    for said in dict.fromkeys((moment(first), moment(last))):
        yield element("div", said)


def _counts(counts: LevelCounts, levels: Sequence[str]) -> Iterator[Markup]:
    yield from (number(counts.get(level, 0)) for level in reversed(levels))
    yield number(sum(counts.values()))


def _levels_in(counts: Iterable[Mapping[str, int]]) -> list[str]:
    seen = {level for levels in counts for level in levels}
    return [level for level in LEVELS if level in seen]


def _titles(tactic: str, rules: Iterable[Rule]) -> Iterator[Markup]:
    of_tactic = [rule for rule in rules if tactic in rule.tactics or (not tactic and not rule.tactics)]
    most = sorted(of_tactic, key=lambda rule: -rule.alerts)[:_RULES_OF_TACTIC]
    for place, rule in enumerate(most):
        yield element("span", ", " if place else "", log(rule.title), f" ({rule.alerts:,})")
