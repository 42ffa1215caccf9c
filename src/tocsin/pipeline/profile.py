"""Profile rules on files of events: source, normaliser and a matcher that is measured."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tocsin.config import Config
from tocsin.errors import DecodeError
from tocsin.event import Stamp
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.rules import RuleSet, load_rule_set, preparation_of, user_cache
from tocsin.rules.attack import Attack
from tocsin.rules.match import Matcher
from tocsin.rules.profile import FieldCost, Profile, RuleCost
from tocsin.rules.progress import OnProgress, unseen
from tocsin.sources.files import FilesSettings, FilesSource
from tocsin.timestamps import clock_us


@dataclass
class Totals:
    """What was read, and how long each step took."""

    events: int = 0
    unreadable: int = 0
    signatures: int = 0  # that were new
    normalise_seconds: float = 0.0
    match_seconds: float = 0.0


class Profiler:
    """A profile in the making: `run` it, then ask what things cost."""

    def __init__(
        self, config: Config, paths: Sequence[Path], rules: Sequence[Path], on_progress: OnProgress = unseen
    ) -> None:
        """With `rules`, they replace the built-in pack. Raises ConfigError."""
        self.totals = Totals()
        self.rule_set: RuleSet = load_rule_set(
            Attack.load(), rules, not rules, user_cache(), preparation_of(config), on_progress
        )
        self._profile = Profile()
        self._matcher = Matcher(self.rule_set.matcher.rules, cache=user_cache(), probe=self._profile)
        gc.freeze()  # the rules stay to the end: looking for cycles among them would be charged to whatever is timed
        self._normalise = normaliser_of(config)
        self._source = FilesSource(FilesSettings(tuple(paths)), None, clock_us)

    def progress(self) -> tuple[int, int]:
        """Return the bytes read, and the bytes of all files as they lie on disk."""
        return self._source.progress()

    def run(self, is_stopped: Callable[[], bool], on_batch: Callable[[], None]) -> None:
        """Match all events, or those before a stop."""
        try:
            while not is_stopped() and (batch := self._source.read()) is not None:
                self.totals.unreadable += sum(map(len, batch.aside.values()))
                for record in batch.records:
                    stamp = Stamp.of(record)
                    self._match(record.value, stamp.ingest_us if stamp else 0)
                on_batch()
        finally:
            self._source.close()
            self.totals.signatures = self._matcher.counts.signatures

    def rule_costs(self) -> Sequence[RuleCost]:
        return self._profile.rule_costs(self._matcher)

    def field_costs(self) -> Sequence[FieldCost]:
        return self._profile.field_costs()

    def _match(self, raw: bytes, ingest_us: int) -> None:
        started = perf_counter()
        try:
            event = self._normalise(raw, ingest_us)
        except DecodeError:
            self.totals.unreadable += 1
            return
        normalised = perf_counter()
        rules = self._matcher.match(event)
        self.totals.match_seconds += perf_counter() - normalised
        self.totals.normalise_seconds += normalised - started
        self.totals.events += 1
        self._profile.add_hits(rules)
