"""The alerts themselves, host by host: each with why its rule fired, and its event."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec

from tocsin.stats.report.findings import Alert, Explain, Findings, Limits, Line, Matrix, Rule, Simulated, Why, Wording
from tocsin.stats.report.first import host_anchors
from tocsin.stats.report.markup import (
    LINE_END,
    Markup,
    badge,
    cell,
    closing,
    element,
    escaped_lines,
    joined,
    log,
    moment,
    opening,
    table,
)

_OPEN_HOSTS = 3
_VALUE_CHARACTERS = 400
_TEXT_CHARACTERS = 2000
_VALUES_SHOWN = 20
_WANTED_SHOWN = 3
_LINES_SHOWN = 40


def alert_sections(
    findings: Findings, matrix: Matrix, wording: Wording, limits: Limits, simulated: Simulated, explain: Explain
) -> Iterator[Markup]:
    """Yield a section for each host, in the order in which to look at them; its alerts by time."""
    listed = len(findings.listed)
    if listed < findings.count:
        yield element(
            "p",
            f"{listed:,} are listed, {findings.count - listed:,} more are not: the first {limits.rows_per_rule:,} of "
            f"each rule, of these at most {limits.rows:,} or {limits.page_bytes >> 20} MB of events, the gravest "
            "first. ",
            element("code", wording.all_of_them),
            " has all.",
        )
    anchors = host_anchors(findings)
    for place, (host, alerts) in enumerate(groupby(findings.listed, key=lambda alert: alert.host)):
        of_host = list(alerts)
        yield opening("details", class_="host", id=anchors[host], open="" if place < _OPEN_HOSTS else None)
        said = element("span", f"{wording.findings(len(of_host))} listed", class_="faint")
        yield element("summary", element("h3", log(host or "(no host named)")), said) + LINE_END
        for alert in of_host:
            yield _alert(alert, findings.rules[alert.rule], matrix, limits, simulated, explain)
        yield closing("details")


def _alert(alert: Alert, rule: Rule, matrix: Matrix, limits: Limits, simulated: Simulated, explain: Explain) -> Markup:
    mark = simulated.by_event.get(alert.event_id)
    summary = [
        badge(alert.level),
        element("time", moment(alert.time, "milliseconds")),
        log(rule.title),
        element("span", log(alert.user), class_="user") if alert.user else "",
        element("span", f"simulated: {mark.attack}, step {mark.number}", class_="simulated") if mark else "",
    ]
    body = [
        element("summary", joined([part for part in summary if part], " ")),
        _facts(alert, rule, matrix, f"{mark.title} [{mark.technique}]" if mark else ""),
        *_why(alert, explain),
        *_event(alert, limits),
    ]
    return element("details", *body, class_="alert") + LINE_END


def _facts(alert: Alert, rule: Rule, matrix: Matrix, step: str) -> Markup:
    techniques = [
        f"{id_} {matrix.techniques[id_].name}" if id_ in matrix.techniques else id_ for id_ in rule.techniques
    ]
    facts = {
        "rule": rule.id,
        "author": rule.author,
        "licence": rule.license,
        "tactics": ", ".join(matrix.tactics.get(tactic, tactic) for tactic in rule.tactics),
        "techniques": ", ".join(techniques),
        "place": alert.place,
        "event id": alert.event_id,
        "simulated": step,
    }
    rows = [element("dt", name) + element("dd", log(said, _TEXT_CHARACTERS)) for name, said in facts.items() if said]
    return element("dl", *rows, class_="facts")


def _why(alert: Alert, explain: Explain) -> Iterator[Markup]:
    if alert.event is None:
        yield element("p", "Its event was not kept for this page.")
        return
    why = Why(note="the event is too long to be looked at here") if alert.is_cut else explain(alert.rule, alert.event)
    yield element("h4", "Why it matched")
    if why.note:
        yield element("p", f"Not known: {why.note}.", class_="faint")
        return
    yield element("p", "Condition: ", element("code", why.condition))
    lines = [(selection.name, line) for selection in why.selections for line in selection.lines]
    rows = (
        (
            cell(log(name)),
            cell(log(line.key or "(any field)")),
            cell(log(_values(line), _TEXT_CHARACTERS)),
            cell(log(_wanted(line), _TEXT_CHARACTERS)),
        )
        for name, line in lines[:_LINES_SHOWN]
    )
    yield from table(("selection", "field", "in the event", "the rule asks for"), rows, class_="why")
    if len(lines) > _LINES_SHOWN:
        yield element("p", f"And {len(lines) - _LINES_SHOWN:,} more lines.")


def _values(line: Line) -> str:
    if line.values is None:
        return "" if not line.key or line.key.startswith("|") else "(missing)"
    return ", ".join(_excerpt(value, line.wanted) for value in line.values[:_VALUES_SHOWN]) or "(empty)"


def _excerpt(value: str, wanted: Iterable[str]) -> str:
    """Return a value; of a long one, the part where something that the rule asks for plainly stands."""
    if len(value) <= _VALUE_CHARACTERS:
        return value
    folded = value.lower()
    places = [folded.find(bare) for one in wanted if (bare := one.strip("*").lower())]
    start = max(0, min((place for place in places if place >= 0), default=0) - _VALUE_CHARACTERS // 3)
    end = start + _VALUE_CHARACTERS
    return ("…" if start else "") + value[start:end] + ("…" if end < len(value) else "")


def _wanted(line: Line) -> str:
    """Return what the rule asks for, what is plainly there before what else it may be."""
    values = "\n".join(line.values or ()).casefold()
    ranked = sorted(line.wanted, key=lambda wanted: wanted.strip("*").casefold() not in values)
    more = len(ranked) - _WANTED_SHOWN
    shown = " | ".join(_cut(wanted) for wanted in ranked[:_WANTED_SHOWN])
    return f"{shown} | and {more:,} more" if more > 0 else shown


def _cut(text: str) -> str:
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[: _VALUE_CHARACTERS - 1]}…"


def _event(alert: Alert, limits: Limits) -> Iterator[Markup]:
    """Yield an event's JSON, indented where it is short enough."""
    if alert.event is None:
        return
    encoded = alert.event.encode("utf-8", "replace")
    shown = encoded if alert.is_cut else _indented(encoded)
    text = escaped_lines(shown[: limits.event_bytes].decode("utf-8", "replace"))
    yield element("h4", "Event")
    if alert.is_cut or len(shown) > limits.event_bytes:
        text = Markup(f"{text}\n… cut at {limits.event_bytes:,} bytes")
    yield element("pre", text)


def _indented(event: bytes) -> bytes:
    """Indent JSON without reading its values: numbers and repeated names stay as they came."""
    try:
        return msgspec.json.format(event, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return event
