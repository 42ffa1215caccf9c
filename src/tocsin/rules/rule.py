"""What a Sigma rule is once it is loaded."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tocsin.errors import RuleError
from tocsin.event import Logsource
from tocsin.rules.tree import Tree
from tocsin.verdict import LEVELS

__all__ = ["LEVELS", "Rule", "RuleLogsource", "rules_digest"]


@dataclass(frozen=True)
class RuleLogsource:
    """Which events a rule asks to see; an empty part fits any."""

    product: str = ""
    category: str = ""
    service: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.product, self.category, self.service)))

    def fits(self, logsource: Logsource) -> bool:
        """Say whether an event of that log source is one of those the rule asks for."""
        return (
            self.product in ("", logsource.product)
            and self.service in ("", logsource.service)
            and (not self.category or self.category in logsource.categories)
        )

    def contains(self, other: "RuleLogsource") -> bool:
        """Say whether what another one asks for is all within what this one does."""
        return (
            self.product in ("", other.product)
            and self.category in ("", other.category)
            and self.service in ("", other.service)
        )


@dataclass(frozen=True, eq=False)
class Rule:
    """One Sigma rule, checked, with its ATT&CK tags resolved. Known by identity, so that it is quick as a key."""

    id: str  # the rule's UUID; where it has none, one derived from its content
    title: str
    name: str  # by which filters may call it; "" for none
    level: str  # one of LEVELS
    status: str
    author: str
    license: str  # by the rule, else of the pack it lies in; "" where neither names a known one
    description: str
    references: tuple[str, ...]
    falsepositives: tuple[str, ...]
    tags: tuple[str, ...]
    tactics: tuple[str, ...]  # ids, in matrix order
    techniques: tuple[str, ...]  # ids, current ones
    unknown_tags: tuple[str, ...]  # attack.* tags that ATT&CK does not know
    logsource: RuleLogsource
    path: str
    line: int  # of its first key, from 1
    digest: str  # of its text, 32 hex digits
    is_baseline: bool  # says what an event is (`activity_tactic`), not that it is bad
    condition: Tree = field(repr=False)
    field_lines: Mapping[str, int] = field(repr=False)  # field name -> line of its first use

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


def rules_digest(rules: Iterable[Rule]) -> str:
    """Name a set of rules by 16 hex digits, whatever the order and the files they came from."""
    parts = sorted(f"{rule.id} {rule.digest} {rule.is_baseline:d}" for rule in rules)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def split_duplicates(rules: Iterable[Rule]) -> tuple[list[Rule], list[RuleError]]:
    """Keep the first rule of each id; the others are errors that name both places."""
    by_id: dict[str, Rule] = {}
    errors = []
    for rule in rules:
        first = by_id.setdefault(rule.id, rule)
        if first is not rule:
            errors.append(RuleError(rule.place, f"has the id of {first.place} ({rule.id}): give it one of its own"))
    return list(by_id.values()), errors
