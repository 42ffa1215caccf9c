"""Play recordings again: their events at the distances they had, with times moved to now, marked as replayed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo

from tocsin.errors import ConfigError
from tocsin.event import DEAD_LETTERS, Record, id_of_file_record, stamped
from tocsin.flow import Batch
from tocsin.sources.files import FilesSettings, FilesSource
from tocsin.sources.report import FilesReport
from tocsin.sources.shifted import shifted
from tocsin.sources.walk import STDIN
from tocsin.telemetry.ids import event_id_of, origin_of

TimeOf = Callable[[bytes], int | None]  # an event's JSON -> UTC, microseconds since 1970; None where it says none

_PREFIX = "replay:"  # before the names of inputs: a recording may be read as a file, too
_BACK_US = 3_600_000_000  # a longer step back in time begins another recording; a shorter one is disorder
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class ReplaySettings:
    """What to play, and how fast."""

    paths: Sequence[str]  # files and folders
    speed: float = 1.0  # 10 is ten times as fast; 0 waits for nothing
    max_gap_seconds: float = 60.0  # a longer silence is cut to this
    batch_size: int = 1000  # records handed on at a time
    timezone: tzinfo = UTC  # of recorded times that name none


class ReplaySource:
    """Events of recordings, each when its time has come. Played anew each time; after a kill it goes on.

    What a replay puts on a topic has event ids of its own, the stamp's mark, and times that lie as far from one another
    as the recording's, within the limits of `speed` and `max_gap_seconds`; an event that says no time follows the one
    before it at once. `positions` are those committed before.
    """

    def __init__(
        self,
        settings: ReplaySettings,
        positions: Mapping[str, bytes],
        time_of: TimeOf,
        clock_us: Callable[[], int],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if STDIN in settings.paths:
            raise ConfigError("--replay plays files, not standard input; write it to a file first")
        kept = {name.removeprefix(_PREFIX): kept for name, kept in positions.items() if name.startswith(_PREFIX)}
        self._settings = settings
        # One record at a time: the position after each one can be committed, whenever the next one is due.
        self._files = FilesSource(FilesSettings(settings.paths, again=True, batch_size=1), kept, clock_us)
        if not self._files.files() and not kept:
            named = ", ".join(f"`{path}`" for path in settings.paths)
            raise ConfigError(f"--replay: no .evtx or JSON Lines file in {named}; give recordings, or a folder of them")
        self._origin = origin_of("replay", self._files.run)
        self._time_of = time_of
        self._clock_us = clock_us
        self._sleep = sleep
        self._score = _Score(settings.speed, round(settings.max_gap_seconds * 1e6))
        self._next: Batch | None = None  # read, and not due yet
        self._due_us = 0
        self._is_at_end = False
        self.without_time = 0  # events that say no time of their own

    @property
    def report(self) -> FilesReport:
        return self._files.report

    def read(self) -> Batch | None:
        """Return what is due; a tick when nothing is, after a short sleep; None when all was played."""
        due: list[Batch] = []
        while len(due) < self._settings.batch_size and self._look_ahead():
            now_us = self._clock_us()
            if self._due_us > now_us:
                if not due:
                    self._sleep(min(_LOOK_SECONDS, (self._due_us - now_us) / 1e6))
                break
            if self._next is not None:
                due.append(self._next)
            self._next = None
        if due:
            return _joined(due)
        return None if self._is_at_end and self._next is None else Batch()

    def progress(self) -> tuple[int, int]:
        """Return the bytes read, and the bytes of all files as they lie on disk."""
        return self._files.progress()

    def close(self) -> None:
        self._files.close()

    def _look_ahead(self) -> bool:
        """Read the next record, unless one is waiting; False at the end."""
        if self._next is None and not self._is_at_end:
            batch = self._files.read()
            self._is_at_end = batch is None
            self._next = self._played(batch) if batch else None
        return self._next is not None

    def _played(self, batch: Batch) -> Batch:
        """Return the batch with its record's times moved, and settle when it is due."""
        positions = {_PREFIX + name: position for name, position in batch.positions.items()}
        records = [self._record(record, batch.file) for record in batch.records]
        return replace(batch, records=records, positions=positions)

    def _record(self, record: Record, file: str) -> Record:
        time_us = self._time_of(record.value)
        now_us = self._clock_us()
        raw = record.value
        if time_us is None:
            self.without_time += 1
        else:
            self._due_us, shift_us = self._score.place(file, time_us, now_us)
            raw = shifted(raw, time_us, shift_us, self._settings.timezone)
        event_id = event_id_of(self._origin, 0, id_of_file_record(record))
        return stamped(raw, event_id, max(now_us, self._due_us), is_replayed=True)


@dataclass
class _Score:
    """When each event of a recording is due, and by how much its times move."""

    speed: float
    max_gap_us: int
    _file: str = ""
    _due_us: int = 0
    _shift_us: int = 0
    _last_us: int = field(default=0)  # the latest recorded time of this file so far

    def place(self, file: str, time_us: int, now_us: int) -> tuple[int, int]:
        """Return when the event is due (microseconds since 1970), and what to add to its times."""
        gap_us = time_us - self._last_us
        if file != self._file or gap_us < -_BACK_US:
            self._file, self._last_us = file, time_us
            self._due_us = max(self._due_us, now_us)
            self._shift_us = self._due_us - time_us
        elif gap_us > 0:
            self._last_us = time_us
            wait_us = min(gap_us / self.speed, self.max_gap_us) if self.speed else 0
            self._due_us = self._due_us + round(wait_us) if self.speed else max(self._due_us, now_us)
            self._shift_us = self._due_us - time_us
        return self._due_us, self._shift_us


def _joined(batches: Sequence[Batch]) -> Batch:
    """Return one batch of several: its positions are those after the last."""
    positions = {name: position for batch in batches for name, position in batch.positions.items()}
    dead = [letter for batch in batches for letter in batch.aside.get(DEAD_LETTERS, ())]
    return Batch(
        records=[record for batch in batches for record in batch.records],
        positions=positions,
        aside={DEAD_LETTERS: dead} if dead else {},
    )
