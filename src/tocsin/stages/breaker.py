"""Stop a stage when most of what arrives is unreadable, before all of it becomes dead letters."""

from collections import Counter, deque
from dataclasses import dataclass

from tocsin.dead_letter import read_dead_letter
from tocsin.errors import ConfigError
from tocsin.event import DEAD_LETTERS
from tocsin.flow import Batch, Outputs, Step


@dataclass(frozen=True)
class BreakerSettings:
    """When it trips."""

    max_dead_ratio: float = 0.8  # of the records in the window; 1 never trips
    window_records: int = 10_000  # so many at least are looked at, and nothing is judged before


@dataclass(frozen=True)
class _Seen:
    records: int
    dead: int


class Breaker:
    """A step around another one: passes its outputs on as long as enough of what it read could be read."""

    def __init__(self, step: Step, settings: BreakerSettings) -> None:
        self._step = step
        self._settings = settings
        self._window: deque[_Seen] = deque()
        self._records = self._dead = 0

    def __call__(self, batch: Batch) -> Outputs:
        """Raises ConfigError when it trips; then nothing of the batch is committed, and it will be read again."""
        outputs = self._step(batch)
        self._add(_Seen(len(batch.records), len(outputs.get(DEAD_LETTERS, ()))))
        if outputs.get(DEAD_LETTERS) and self._is_too_much():  # a batch that can be read whole is passed on
            raise ConfigError(self._sentence(batch, outputs))
        return outputs

    def _is_too_much(self) -> bool:
        is_judged = self._records >= self._settings.window_records
        return is_judged and self._dead > self._settings.max_dead_ratio * self._records

    def _add(self, seen: _Seen) -> None:
        self._window.append(seen)
        self._records += seen.records
        self._dead += seen.dead
        while self._records - self._window[0].records >= self._settings.window_records:
            oldest = self._window.popleft()
            self._records -= oldest.records
            self._dead -= oldest.dead

    def _sentence(self, batch: Batch, outputs: Outputs) -> str:
        letters = [read_dead_letter(record) for record in outputs[DEAD_LETTERS]]
        ((reason, _),) = Counter(letter.reason for letter in letters).most_common(1)
        example = next(letter for letter in letters if letter.reason == reason)
        topics = ", ".join(sorted({f"`{topic}`" for topic, _ in batch.offsets})) or "the input"
        return (
            f"classify: {self._dead:,} of the last {self._records:,} records of {topics} could not be read; mostly"
            f" `{reason}`, such as {example.place}: {example.detail}. Is it the right topic, and a format that is read"
            " (`classify.formats`)? This batch was not committed. To have such records as dead letters all the same:"
            " classify.max_dead_ratio = 1"
        )
