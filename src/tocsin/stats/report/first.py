"""What to look at first: the gravest bursts of alerts, each with why."""

from collections.abc import Iterator, Mapping

from tocsin.stats.report.findings import Alert, Burst, Findings, Matrix, Simulated
from tocsin.stats.report.markup import (
    LINE_END,
    Markup,
    badge,
    closing,
    element,
    joined,
    level_class,
    log,
    moment,
    opening,
)
from tocsin.stats.report.ranking import HOW, duration, reasons
from tocsin.verdict import LEVELS


def look_first(findings: Findings, matrix: Matrix, simulated: Simulated) -> Iterator[Markup]:
    """Yield a card for each burst."""
    anchors = host_anchors(findings)
    yield opening("ol", class_="first")
    for place, burst in enumerate(findings.bursts, 1):
        yield _card(place, burst, findings, matrix, anchors.get(burst.host), _attacks(burst, findings, simulated))
    yield closing("ol")
    more = findings.burst_count - len(findings.bursts)
    rest = f"{more:,} more, less grave, are not in this list. " if more else ""
    yield element("p", rest + HOW, class_="faint") + LINE_END


def host_anchors(findings: Findings) -> Mapping[str, str]:
    """Return the id of the section of each host whose alerts are listed."""
    names = dict.fromkeys(alert.host for alert in findings.listed)
    return {name: f"h{place}" for place, name in enumerate(names, 1)}


def _card(
    place: int, burst: Burst, findings: Findings, matrix: Matrix, anchor: str | None, attacks: list[str]
) -> Markup:
    name = burst.host or "(no host named)"
    highest = max(burst.levels, key=LEVELS.index)
    head = [
        element("b", f"{place}."),
        element("h3", element("a", log(name), href=f"#{anchor}") if anchor else log(name)),
        badge(highest),
        element("span", _span(burst)),
        *(element("span", f"simulated: {attack}", class_="simulated") for attack in attacks),
        element("span", f"score {burst.score:,.0f}", class_="score"),
    ]
    tactics = [element("span", matrix.tactics.get(tactic, tactic)) for tactic in burst.tactics]
    rules = [findings.rules[rule] for rule in burst.rules]
    body = [
        element("div", *head, class_="head"),
        element("p", joined(reasons(burst, findings.host_count), "  ·  ")),
        element("p", joined(tactics, " → "), class_="chain faint") if tactics else "",
        element("ul", *(element("li", badge(rule.level), " ", log(rule.title)) for rule in rules)),
    ]
    return element("li", *body, class_=level_class(highest)) + LINE_END


def _span(burst: Burst) -> str:
    if burst.first is None or burst.last is None:
        return "no time"
    return f"{moment(burst.first)} UTC, {duration(burst.last - burst.first)}"


def _attacks(burst: Burst, findings: Findings, simulated: Simulated) -> list[str]:
    """Return the names of the simulated attacks that listed alerts of a burst are part of."""
    names = {
        simulated.by_event[alert.event_id].attack
        for alert in findings.listed
        if alert.event_id in simulated.by_event and _is_within(alert, burst)
    }
    return sorted(names)


def _is_within(alert: Alert, burst: Burst) -> bool:
    if alert.host != burst.host or alert.time is None or burst.first is None or burst.last is None:
        return False
    return burst.first <= alert.time <= burst.last
