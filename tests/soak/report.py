"""What a soak found, as a table for people and as JSON."""

import json
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.soak.plan import KINDS, Fault
from tests.soak.state import State

AIM_SECONDS = 10.0


def report_of(state: State, planned: Sequence[Fault]) -> dict[str, Any]:
    """Return the figures."""
    return {
        "terms": dict(state.terms),
        "seconds": round(state.seconds, 1),
        "rounds": len(state.rounds),
        "records": sum(each.records for each in state.rounds),
        "dead_letters": sum(each.dead_letters for each in state.rounds),
        "lost": sum(each.lost for each in state.rounds),
        "doubled": sum(each.doubled for each in state.rounds),
        "failures": state.failures,
        "faults": _faults(state, planned),
        "recovery": _recovery(state),
    }


def _faults(state: State, planned: Sequence[Fault]) -> dict[str, dict[str, int]]:
    found = {name: {"planned": 0, "done": 0} for name in KINDS}
    for fault in planned:
        unit = KINDS[fault.kind].unit
        found[fault.kind]["planned"] += unit
        found[fault.kind]["done"] += unit * (fault.id in state.done)
    return {name: each for name, each in found.items() if each["planned"]}


def _recovery(state: State) -> dict[str, dict[str, float]]:
    seconds: dict[str, list[float]] = defaultdict(list)
    for recoveries in state.done.values():
        for each in recoveries:
            seconds[each.label].append(each.seconds)
    return {
        label: {
            "times": len(found),
            "median": round(statistics.median(found), 2),
            "worst": round(max(found), 2),
            "beyond_aim": sum(each > AIM_SECONDS for each in found),
        }
        for label, found in sorted(seconds.items())
    }


def as_markdown(report: Mapping[str, Any]) -> str:
    """Return the figures as two tables."""
    lines = [
        f"{report['records']:,} records ({report['dead_letters']:,} of them dead letters) in {report['rounds']} rounds,"
        f" {report['seconds'] / 60:.0f} minutes: **{report['lost']} lost, {report['doubled']} doubled**.",
        "",
        "| fault | done | of |",
        "|---|---|---|",
        *(f"| {name} | {each['done']} | {each['planned']} |" for name, each in report["faults"].items()),
        "",
        f"| seconds until it goes on, after | times | median | worst | beyond {AIM_SECONDS:.0f} s |",
        "|---|---|---|---|---|",
        *(
            f"| {label} | {each['times']} | {each['median']:.1f} | {each['worst']:.1f} | {each['beyond_aim'] or '–'} |"
            for label, each in report["recovery"].items()
        ),
        *(f"\nFailure: {failure}" for failure in report["failures"]),
    ]
    return "\n".join(lines) + "\n"


def write_report(report: Mapping[str, Any], folder: Path) -> None:
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "report.md").write_text(as_markdown(report))
