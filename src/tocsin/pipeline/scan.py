"""Scan files with rules: source, normaliser and matcher in one process, or in several."""

import gc
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.config import Config
from tocsin.cores import cores
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.rules import RuleSet, load_rule_set, preparation_of, user_cache
from tocsin.pipeline.scan_crew import Crew
from tocsin.pipeline.scan_messages import Setup
from tocsin.rules.attack import Attack
from tocsin.rules.navigator import layer, write_layer
from tocsin.rules.progress import OnProgress, unseen
from tocsin.sources.files import FilesSettings, FilesSource
from tocsin.sources.shares import PORTION_BYTES, shares_of
from tocsin.stages.scan import Carried, Detection, Scan
from tocsin.stats.report.findings import Limits
from tocsin.timestamps import clock_us

NO_EVENTS = Carried()
LISTED_EVENTS = Carried(Limits().rows_per_rule, Limits().event_bytes + 1)  # one more says that there is more

_BYTES_PER_WORKER = 64 << 20  # takes one as long as two or three starts with all of SigmaHQ


@dataclass(frozen=True)
class Scanner:
    """A scan ready to run."""

    attack: Attack
    rule_set: RuleSet
    source: FilesSource
    scan: Scan
    files: Sequence[Path]  # that are read
    crew: Crew | None = None  # reads the files, where more than one process does

    @property
    def tactic_names(self) -> dict[str, str]:
        return {tactic.id: tactic.name for tactic in self.attack.tactics}

    def detections(
        self, is_stopped: Callable[[], bool], on_batch: Callable[[], None]
    ) -> Generator[Detection, None, None]:
        """Yield detections until all files are read, or a stop; those of the baseline, which are ordinary, left out.

        The order is that of the files and their records, however many processes read them. Raises DeliveryError when
        one of these is lost.
        """
        try:
            if self.crew:
                yield from self.crew.detections(is_stopped, on_batch, self.scan, self.source.report)
            while not is_stopped():
                batch = self.source.read()
                if batch is None:
                    return
                yield from (found for found in self.scan.detections(batch) if not found.rule.is_baseline)
                on_batch()
        finally:
            self.source.close()

    def progress(self) -> tuple[int, int]:
        """Return the bytes read, and the bytes of all files as they lie on disk."""
        return self.crew.progress() if self.crew else self.source.progress()


def open_scan(
    config: Config,
    paths: Sequence[Path],
    rules: Sequence[Path],
    carried: Carried = NO_EVENTS,
    portion_bytes: int = PORTION_BYTES,
    on_progress: OnProgress = unseen,
) -> Scanner:
    """Prepare a scan of `paths`. With `rules`, they replace the built-in pack.

    `carried` is the least of what detections carry. A file of lines larger than `portion_bytes` is read in portions
    where several processes scan.
    """
    attack = Attack.load()
    rule_set = load_rule_set(attack, rules, not rules, user_cache(), preparation_of(config), on_progress)
    gc.freeze()  # the rules stay to the end: looking for cycles among them takes a tenth of a second
    source = FilesSource(FilesSettings(tuple(paths), is_stamped=False), None, clock_us)
    scan = Scan(normaliser_of(config), rule_set.matcher, carried)
    files = source.files()
    workers = config["scan.workers"] or _workers_for(sum(found.size for found in files))
    shares = shares_of(files, portion_bytes) if workers > 1 else []
    read = [found.path for found in files]
    if len(shares) <= 1:
        return Scanner(attack, rule_set, source, scan, read)
    source.leave_files()
    setup = Setup([os.fsencode(path) for path in rules], carried)
    crew = Crew(workers, shares, setup, rule_set, config.as_environment())
    return Scanner(attack, rule_set, source, scan, read, crew)


def _workers_for(size: int) -> int:
    """Return how many workers are worth their start: one a core, and each with enough to read."""
    return max(1, min(cores(), size // _BYTES_PER_WORKER))


def write_scan_layer(scanner: Scanner, fired: Mapping[str, int], path: Path) -> None:
    """Write a layer of what fired (rule id -> detections): the score of a technique is their number."""
    rows = [
        (technique, rule.title, fired[rule.id])
        for rule in scanner.rule_set.rules
        if rule.id in fired
        for technique in rule.techniques
    ]
    write_layer(path, layer("Detections", "What fired in a scan by Tocsin, by detections", scanner.attack, rows))
