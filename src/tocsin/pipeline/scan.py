"""Scan files with rules: source, normaliser and matcher in one process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.config import Config
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.rules import RuleSet, load_rule_set, preparation_of, user_cache
from tocsin.rules.attack import Attack
from tocsin.sources.files import FilesSettings, FilesSource
from tocsin.stages.scan import Detection, Scan
from tocsin.timestamps import clock_us


@dataclass(frozen=True)
class Scanner:
    """A scan ready to run."""

    attack: Attack
    rule_set: RuleSet
    source: FilesSource
    scan: Scan

    @property
    def tactic_names(self) -> dict[str, str]:
        return {tactic.id: tactic.name for tactic in self.attack.tactics}

    def detections(self, is_stopped: Callable[[], bool], on_batch: Callable[[], None]) -> Iterator[Detection]:
        """Yield detections until all files are read, or a stop; those of the baseline, which are ordinary, left out."""
        try:
            while not is_stopped():
                batch = self.source.read()
                if batch is None:
                    return
                yield from (found for found in self.scan.detections(batch) if not found.rule.is_baseline)
                on_batch()
        finally:
            self.source.close()


def open_scan(config: Config, paths: Sequence[Path], rules: Sequence[Path]) -> Scanner:
    """Prepare a scan of `paths`. With `rules`, they replace the built-in pack."""
    attack = Attack.load()
    rule_set = load_rule_set(attack, rules, not rules, user_cache(), preparation_of(config))
    source = FilesSource(FilesSettings(tuple(paths)), None, clock_us)
    scan = Scan(normaliser_of(config), rule_set.matcher)
    return Scanner(attack, rule_set, source, scan)
