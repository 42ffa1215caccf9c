"""Compile rules to a matcher."""

from collections.abc import Iterable
from pathlib import Path

from tocsin.errors import RuleError
from tocsin.rules.match import Matcher
from tocsin.rules.probe import Probe
from tocsin.rules.progress import OnProgress, unseen
from tocsin.rules.rule import Rule, split_duplicates


def compile_rules(
    rules: Iterable[Rule],
    cache: Path | None = None,
    on_progress: OnProgress = unseen,
    probe: Probe | None = None,
) -> tuple[Matcher, list[RuleError]]:
    """Compile rules to a matcher. One with the id of another, from a pack loaded before, is left out and reported.

    `cache`: a folder of this user alone, where what was compiled is kept for the next start.
    """
    distinct, errors = split_duplicates(rules)
    return Matcher(distinct, cache=cache, on_progress=on_progress, probe=probe), errors
