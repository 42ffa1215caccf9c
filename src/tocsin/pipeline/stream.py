"""Read a live stream into a spool on a thread of its own, so that it never waits for the bus."""

import threading
from collections.abc import Callable
from pathlib import Path

from tocsin.errors import DeliveryError
from tocsin.event import RAW_EVENTS
from tocsin.flow import Batch, Outputs, pump
from tocsin.pipeline.spool import Spooled, SpoolEntry, SpoolSettings
from tocsin.sources.files import FilesSource
from tocsin.telemetry.meter import StageMeter


class StreamThread:
    """Fills the spool until the stream ends or a stop. What ends it otherwise is raised by `end`."""

    def __init__(
        self,
        folder: Path,
        settings: SpoolSettings,
        open_stream: Callable[[], FilesSource],
        is_stopped: Callable[[], bool],
        meter: StageMeter,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._open_stream = open_stream
        self._is_stopped = is_stopped
        self._meter = meter
        self._is_ended = threading.Event()
        self._error: BaseException | None = None
        self._spooled = Spooled()
        self._notes: list[str] = []
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def is_over(self) -> bool:
        """Whether the stream has ended, with all of it in the spool."""
        return not self._thread.is_alive() and self._thread.ident is not None

    def has_failed(self) -> bool:
        return self._error is not None

    def end(self) -> None:
        """Stop reading, and wait for the batch in hand. Raises what ended the thread."""
        self._is_ended.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def notes(self) -> list[str]:
        """Return what a person should know in the end."""
        dropped = self._spooled.dropped
        return [*self._notes, *([f"{dropped:,} records were dropped: the spool was full"] if dropped else [])]

    def _run(self) -> None:
        try:
            source = self._open_stream()
            entry = SpoolEntry(self._folder, self._settings, source, self._told)
            try:
                pump(entry, _kept, entry, _Filling(self._meter), lambda: self._is_ended.is_set() or self._is_stopped())
            finally:
                entry.close()
                self._notes = [str(problem) for problem in source.report.problems]
        except BaseException as error:
            self._error = error

    def _told(self, spooled: Spooled) -> None:
        self._spooled = spooled
        self._meter.spooled = spooled
        is_dropping = self._settings.is_dropping and spooled.bytes >= self._settings.max_bytes
        self._meter.health.trouble("the spool is full, and records are dropped" if is_dropping else "")


class _Filling:
    """Hears of the loop that fills the spool; the stage's figures are of what goes over."""

    def __init__(self, meter: StageMeter) -> None:
        self._meter = meter

    def turned(
        self, batch: Batch, outputs: Outputs, read_seconds: float, step_seconds: float, commit_seconds: float
    ) -> None:
        """What the spool took is no output of the stage yet."""

    def retried(self, error: DeliveryError) -> None:
        self._meter.retried(error)


def _kept(batch: Batch) -> Outputs:
    return {RAW_EVENTS: batch.records, **batch.aside}
