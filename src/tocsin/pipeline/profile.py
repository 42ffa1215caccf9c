"""Profile rules on files of events: a scan in which both steps are measured."""

import gc
from collections.abc import Callable, Sequence
from pathlib import Path

from tocsin.config import Config
from tocsin.event import Event
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.rules import RuleSet, load_rule_set, preparation_of, user_cache
from tocsin.rules.attack import Attack
from tocsin.rules.profile import Cost, FieldCost, Profile, RuleCost
from tocsin.rules.progress import OnProgress, unseen
from tocsin.rules.rule import Rule
from tocsin.sources.files import FilesSettings, FilesSource
from tocsin.sources.report import FilesReport
from tocsin.stages.scan import Carried, Counts, Scan
from tocsin.timestamps import clock_us


class Profiler:
    """A profile in the making: `run` it, then ask what things cost."""

    def __init__(
        self, config: Config, paths: Sequence[Path], rules: Sequence[Path], on_progress: OnProgress = unseen
    ) -> None:
        """With `rules`, they replace the built-in pack. Raises ConfigError."""
        self.normalising = Cost()
        self.matching = Cost()
        self._profile = Profile()
        self.rule_set: RuleSet = load_rule_set(
            Attack.load(), rules, not rules, user_cache(), preparation_of(config), on_progress, self._profile
        )
        gc.freeze()  # the rules stay to the end: looking for cycles among them would be charged to whatever is timed
        self._source = FilesSource(FilesSettings(tuple(paths), is_stamped=False), None, clock_us)
        self._match = self.matching.timed(self.rule_set.matcher.match)
        self._scan = Scan(self.normalising.timed(normaliser_of(config)), self, Carried())

    @property
    def counts(self) -> Counts:
        return self._scan.counts

    @property
    def report(self) -> FilesReport:
        return self._source.report

    @property
    def signatures(self) -> int:
        """How many signatures were new."""
        return self.rule_set.matcher.counts.signatures

    def progress(self) -> tuple[int, int]:
        """Return the bytes read, and the bytes of all files as they lie on disk."""
        return self._source.progress()

    def run(self, is_stopped: Callable[[], bool], on_batch: Callable[[], None]) -> None:
        """Match all events, or those before a stop."""
        try:
            while not is_stopped() and (batch := self._source.read()) is not None:
                for _ in self._scan.detections(batch):
                    pass
                on_batch()
        finally:
            self._source.close()

    def match(self, event: Event) -> tuple[Rule, ...]:
        """Match an event as the scan asks for it; count what it fires."""
        rules = self._match(event)
        self._profile.add_hits(rules)
        return rules

    def rule_costs(self) -> Sequence[RuleCost]:
        return self._profile.rule_costs(self.rule_set.matcher)

    def field_costs(self) -> Sequence[FieldCost]:
        return self._profile.field_costs()
