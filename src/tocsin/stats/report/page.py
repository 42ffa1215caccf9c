"""Write a report as one HTML file that loads nothing and runs nothing.

All of it is text that logs and rules may have chosen; `markup` keeps it text. Should anything get through all the same,
the policy of the page lets no script run, and no address be asked.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from tocsin.stats.report.alerts import alert_sections
from tocsin.stats.report.findings import (
    NOTHING_SIMULATED,
    Explain,
    Findings,
    Limits,
    Matrix,
    Picture,
    Simulated,
    Wording,
)
from tocsin.stats.report.first import look_first
from tocsin.stats.report.markup import LINE_END, Markup, closing, element, escaped, joined, moment, opening
from tocsin.stats.report.matrix import matrix_section
from tocsin.stats.report.tables import host_table, rule_table, step_table, tactic_table
from tocsin.stats.statistics import Statistics
from tocsin.verdict import LEVELS

_STYLE = files("tocsin.stats.report").joinpath("page.css").read_text("utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)


@dataclass(frozen=True)
class Report:
    """All that a page says. `events`: how many were looked at."""

    wording: Wording
    matrix: Matrix
    made: datetime
    events: int
    findings: Findings
    statistics: Statistics
    notes: Sequence[str]  # about what was read
    limits: Limits
    explain: Explain
    pictures: Sequence[Picture] = ()
    simulated: Simulated = NOTHING_SIMULATED


def write_page(report: Report) -> Iterator[str]:
    """Yield the page piece by piece, UTF-8 without lone surrogates."""
    sections = _sections(report)
    yield _head(report.wording.title)
    yield from _overview(report, list(sections))
    for place, (title, pieces) in enumerate(sections.items()):
        yield opening("section", id=f"s{place}")
        yield element("h2", title) + LINE_END
        yield from pieces
        yield closing("section")
    yield from _foot(report)


def _sections(report: Report) -> Mapping[str, Iterator[Markup]]:
    """Return the sections that have something to say, by their titles."""
    findings, wording = report.findings, report.wording
    if not findings.count:
        return {}
    sections: dict[str, Iterator[Markup]] = {
        "What to look at first": look_first(findings, report.matrix, report.simulated),
    }
    if report.pictures:
        sections["Over time"] = _pictures(report.pictures)
    sections |= {
        "ATT&CK matrix": matrix_section(findings.fired, report.statistics, report.matrix, wording),
        "By tactic": tactic_table(findings, report.statistics, wording),
        "By host": host_table(findings, report.matrix, wording),
        "By rule": rule_table(findings, report.matrix, wording, report.limits),
    }
    if report.simulated.steps:
        sections["Simulated attacks"] = step_table(report.simulated.steps, report.statistics.filters.min_level)
    sections[f"{wording.finding.capitalize()}s, by host"] = alert_sections(
        findings, report.matrix, wording, report.limits, report.simulated, report.explain
    )
    return sections


def _head(title: str) -> Markup:
    return Markup(f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escaped(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
""")


def _overview(report: Report, titles: Sequence[str]) -> Iterator[Markup]:
    """Title, what was looked at, how much was found, what could not be read."""
    findings, wording = report.findings, report.wording
    yield opening("header")
    yield element("h1", wording.title) + LINE_END
    yield element("p", joined(_scope(report), "  ·  "), class_="scope") + LINE_END
    yield opening("ul", class_="tiles")
    tiles = [
        (report.events, "events"),
        (findings.count, f"{wording.finding}s"),
        *((report.statistics.totals.alert_levels.get(level, 0), level) for level in reversed(LEVELS)),
        (findings.host_count, f"hosts with {wording.finding}s"),
        (len(findings.rules), "rules that fired"),
    ]
    for count, name in tiles:
        if count or name not in LEVELS:
            yield element("li", element("b", f"{count:,}"), name, class_=name if name in LEVELS else None)
    yield closing("ul")
    yield from _notes(report)
    links = [element("a", title, href=f"#s{place}") for place, title in enumerate(titles)]
    yield (element("nav", *links) if links else element("p", f"No {wording.finding}s were found.")) + LINE_END
    yield closing("header")


def _scope(report: Report) -> Iterator[str]:
    """Yield of what time this is, what was asked for, when it was made."""
    findings, filters = report.findings, report.statistics.filters
    if findings.first and findings.last:
        yield f"{report.wording.finding}s from {moment(findings.first)} to {moment(findings.last)} UTC"
    elif findings.count:
        yield f"no {report.wording.finding} has a time"
    if filters.since_utc:
        yield f"events from {filters.since_utc:%Y-%m-%d %H:%M:%S} UTC"
    if filters.until_utc:
        yield f"events before {filters.until_utc:%Y-%m-%d %H:%M:%S} UTC"
    if filters.host is not None:
        yield f"host {filters.host}"
    if filters.min_level:
        yield f"level {filters.min_level} or above"
    yield f"made {report.made:%Y-%m-%d %H:%M:%S} UTC"


def _notes(report: Report) -> Iterator[Markup]:
    notes, most = report.notes, report.limits.notes
    if not notes:
        return
    yield opening("ul", class_="notes")
    for note in notes[:most]:
        yield element("li", note) + LINE_END
    if len(notes) > most:
        yield element("li", f"and {len(notes) - most:,} more notes, on standard error") + LINE_END
    yield closing("ul")


def _pictures(pictures: Sequence[Picture]) -> Iterator[Markup]:
    for picture in pictures:
        source = Markup("data:image/png;base64," + base64.b64encode(picture.png).decode())
        image = Markup(f'<img src="{source}" alt="{escaped(picture.words)}">')
        yield element("figure", element("div", image, class_="scroll"), element("figcaption", picture.words)) + LINE_END


def _foot(report: Report) -> Iterator[Markup]:
    matrix = report.matrix
    said = (
        f"Made by Tocsin. All times are UTC. MITRE ATT&CK Enterprise {matrix.version}: {matrix.copyright} "
        "This page loads nothing and runs nothing; text from logs stands as it came, with characters that hide or "
        r"reorder text written as \uNNNN."
    )
    yield element("footer", element("p", said)) + LINE_END
    yield closing("body", "html")
