"""Say what to look at first, and why: how grave a burst of alerts on one host is.

A burst is a run of alerts on one host; it goes on as long as, within an hour, a rule fires that had been silent there
for an hour. Each rule in it counts once, however often it fired, by the weight of its level; less, the more hosts it
fires on; and several tactics in one burst make it graver.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from tocsin.stats.report.findings import Burst
from tocsin.verdict import LEVELS

PAUSE_MINUTES = 60
LEVEL_WEIGHTS: Mapping[str, float] = {"critical": 100, "high": 30, "medium": 8, "low": 2, "informational": 0.5}
TACTIC_WEIGHT = 0.2  # a second tactic makes a burst graver by a fifth, a third by two
BURST_RULES = 6  # that are named

HOW = (
    "Each entry is a run on one host: it goes on as long as, within an hour, a rule fires that had been silent there "
    "for an hour. Each rule in it counts once, however often it fired: critical 100, high 30, medium 8, low 2, "
    "informational 0.5, divided by 1 + log10 of the number of hosts on which it fired. Each tactic after the first "
    "adds a fifth to the sum."
)


def reasons(burst: Burst, host_count: int) -> Iterator[str]:
    """Yield why a burst is where it is, in a few words each; no text of a log is in them."""
    grave = {level: count for level in reversed(LEVELS) if (count := burst.levels.get(level, 0))}
    yield ", ".join(f"{count:,} {level}" for level, count in grave.items())
    if len(burst.tactics) > 1:
        yield f"{len(burst.tactics)} tactics"
    said = f"{burst.rule_count:,} rule{'' if burst.rule_count == 1 else 's'}"
    alone = f", {burst.rules_here_alone:,} of them on no other host"
    yield said + (alone if burst.rules_here_alone and host_count > 1 else "")


def duration(span: timedelta) -> str:
    """Return a span of time for people: `38 min`."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} d"
