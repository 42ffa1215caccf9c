"""What is said of one event: its detections, tactics and techniques, and what kind of activity it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LEVELS = ("informational", "low", "medium", "high", "critical")


class JudgedRule(Protocol):
    """What a verdict needs to know of a rule."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def author(self) -> str: ...
    @property
    def license(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def is_baseline(self) -> bool: ...
    @property
    def tactics(self) -> tuple[str, ...]: ...
    @property
    def techniques(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Verdict:
    """Detections come from detection rules alone; the activity is another matter, from the baseline pack."""

    basis: str  # detection | activity | none
    level: str | None  # the highest of the detections
    activity_tactic: str | None  # tactic id
    tactics: tuple[str, ...]  # of the detections, ids in matrix order
    techniques: tuple[str, ...]  # of the detections, sorted
    detections: tuple[JudgedRule, ...]


def judge(matches: Sequence[JudgedRule], tactic_order: Sequence[str]) -> Verdict:
    """Sum up the rules that matched one event. `tactic_order`: the tactic ids in matrix order."""
    detections = tuple(rule for rule in matches if not rule.is_baseline)
    activity = {tactic for rule in matches if rule.is_baseline for tactic in rule.tactics}
    tactics = {tactic for rule in detections for tactic in rule.tactics}
    return Verdict(
        basis="detection" if detections else "activity" if activity else "none",
        level=max((rule.level for rule in detections), key=LEVELS.index, default=None),
        activity_tactic=next((tactic for tactic in tactic_order if tactic in activity), None),
        tactics=tuple(tactic for tactic in tactic_order if tactic in tactics),
        techniques=tuple(sorted({technique for rule in detections for technique in rule.techniques})),
        detections=detections,
    )


def is_alert(rule: JudgedRule, alert_level: str) -> bool:
    """Whether a match of this detection rule is an alert: its level is the alert level or above."""
    return LEVELS.index(rule.level) >= LEVELS.index(alert_level)
