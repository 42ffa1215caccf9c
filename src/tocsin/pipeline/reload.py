"""Load rules anew when their files change, while classifying goes on with the set before."""

import gc
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tocsin.errors import ConfigError, RuleError
from tocsin.flow import Batch, Outputs, Step
from tocsin.pipeline.rules import RuleSet
from tocsin.plain import plain
from tocsin.rules.rule_files import State, files_in, state_of

log = logging.getLogger(__name__)

_NAMED = 5  # problems in one sentence
_JOIN_SECONDS = 5.0

Fingerprint = frozenset[tuple[str, State]]  # of paths


@dataclass(frozen=True)
class InForce:
    """A step that judges by one set of rules, and the set."""

    step: Step
    rules: RuleSet


class Reloader:
    """A step that judges each batch by one set of rules, whole: by the newest in which nothing new is wrong.

    `look` is for one other thread; a set that it loaded is taken up before the next batch.
    """

    def __init__(
        self,
        load: Callable[[], InForce],
        warm: Callable[[], None],
        fingerprint: Callable[[], Fingerprint],
        tell: Callable[[list[str]], None],
        stop: threading.Event,
    ) -> None:
        """Load the first set. Raises ConfigError as `load` does.

        `warm` makes a later load short, and ends at `stop`; `tell` is given all that a person should know now.
        """
        self._load = load
        self._warm = warm
        self._fingerprint = fingerprint
        self._tell = tell
        self._stop = stop
        self._thread: threading.Thread | None = None
        self._tried = self._last = fingerprint()  # first: what is written while they are loaded is a change
        self._newest = self._now = load()
        self._reloads = 0
        self._refusal = ""
        tell(_sentences(self._newest.rules.errors))

    def __call__(self, batch: Batch) -> Outputs:
        """Judge a batch."""
        if self._now is not self._newest:
            self._now = self._newest
            gc.unfreeze()  # the set before has cycles, and the pump froze it: it would stay for ever
            gc.collect()
            gc.freeze()
        return self._now.step(batch)

    def look(self) -> None:
        """Look at the files once; load them when they have changed, and not since the last look."""
        seen, before = self._fingerprint(), self._last
        self._last = seen
        if seen == self._tried or seen != before:
            return
        loaded: InForce | None = None
        problems: Sequence[str]
        try:
            self._warm()
            loaded = self._load()
            problems = self._new_problems(loaded)
        except ConfigError as error:
            problems = error.problems
        except Exception as error:  # whatever it is, classifying goes on
            if not isinstance(error, (OSError, MemoryError)):  # these may pass: the next look tries again
                self._tried = seen
            self._refuse([f"rules: {type(error).__name__}: {error}"], error)
            return
        if self._stop.is_set() or self._fingerprint() != seen:
            return  # written meanwhile: what was read may be half of each
        self._tried = seen
        if loaded is None or problems:
            self._refuse(problems)
            return
        self._refusal = ""
        self._newest = loaded
        self._reloads += 1
        sentence = (
            f"rules: loaded anew after a change of their files (change {self._reloads}):"
            f" {len(loaded.rules.rules):,} rules, digest {loaded.rules.digest}"
        )
        log.info("%s", sentence)
        self._tell([sentence, *_sentences(loaded.rules.errors)])

    def watch(self, seconds: float) -> None:
        """Look every so many seconds, in a thread, until `close`."""
        self._thread = threading.Thread(target=self._watch, args=(seconds,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    def _watch(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            self.look()

    def _new_problems(self, loaded: InForce) -> list[str]:
        """Return what is wrong with a set that was not wrong with the one before."""
        known = {_apart_from_line(error) for error in self._newest.rules.errors}
        return [str(error) for error in loaded.rules.errors if _apart_from_line(error) not in known]

    def _refuse(self, problems: Sequence[str], failure: Exception | None = None) -> None:
        named = [*problems[:_NAMED], *([f"and {len(problems) - _NAMED:,} more"] if len(problems) > _NAMED else [])]
        rules = self._newest.rules
        sentence = f"rules: their files changed, but the set before stays in force (digest {rules.digest}) until this"
        sentence = f"{sentence} is put right: {'; '.join(named)}"
        if sentence != self._refusal:
            self._refusal = sentence
            log.warning("%s", plain(sentence), exc_info=failure)
        self._tell([sentence, *_sentences(rules.errors)])


def fingerprint_of(rules: Iterable[Path], files: Iterable[Path]) -> Fingerprint:
    """Tell apart the states of rules (files, or folders of them) and of other files, without reading them."""
    found = [*(file for path in rules for file in files_in(path)), *map(str, files)]
    return frozenset((file, state_of(file)) for file in found)


def _sentences(errors: Iterable[RuleError]) -> list[str]:
    return [str(error) for error in errors]


def _apart_from_line(error: RuleError) -> tuple[str, str]:
    """Return the file and the reason: an error that moved to another line is not a new one."""
    file, _, line = error.place.rpartition(":")
    return (file if line.isdecimal() else error.place), error.reason
