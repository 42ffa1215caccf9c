"""Run the whole pipeline on one machine: its stages as processes, until all is stored or a stop."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from tocsin.bus.contract import Bus
from tocsin.config import Config
from tocsin.errors import ConfigError, DeliveryError
from tocsin.event import RAW_EVENTS
from tocsin.locks import FileLock
from tocsin.pipeline.labels import keep_labels
from tocsin.pipeline.metrics import metrics_of_stages
from tocsin.pipeline.news import News
from tocsin.pipeline.produce import simulator_settings
from tocsin.pipeline.progress import Progress, ProgressReader
from tocsin.pipeline.topology import open_bus, workers_of
from tocsin.pipeline.trace_outcome import RunTraces, TraceOutcome
from tocsin.sinks.manifest import Manifest, percentiles
from tocsin.supervisor import StageFailedError, StopSignal, Supervisor
from tocsin.telemetry.meter import records_of

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 60.0
_DISK_CHECK_SECONDS = 5.0
_NEWS_SECONDS = 1.0
_FULL_DISK_BYTES = 4 << 20
_PERCENTS = (50, 99)


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended."""

    was_stopped: bool  # by Ctrl-C or SIGTERM, before its source had ended
    new_events: int  # put on the bus by this run
    seconds: float  # from the first event on the bus to the last one stored
    start_seconds: float  # from the start of the processes to the first event
    latency_seconds: dict[int, float | None]  # percent -> from produced to stored and listed, of this run's events
    backlog: int  # records that an earlier run had left on the bus
    restarts: dict[str, int]  # stage -> how often it had to be started again
    progress: Progress
    traces: TraceOutcome | None = None  # None: none are sent


def run(
    config: Config,
    reading: Sequence[str],
    is_stopped: StopSignal,
    show: Callable[[Progress, Sequence[str]], None],
) -> RunOutcome:
    """Run produce, classify and store as processes until the source has ended and all of it is stored.

    `reading`: what `tocsin produce` is told to read; without any it simulates. `show` is given the progress, and
    sentences on what happened, several times a second. Raises ConfigError: another run has this data directory, or a
    stage refused to start or died too often.
    """
    if not reading:
        simulator_settings(config)
    try:
        config.data.mkdir(parents=True, exist_ok=True)
        lock = FileLock(config.data / "run.lock")
        is_ours = lock.try_acquire()
    except OSError as error:
        raise ConfigError(f"data directory `{config.data}` cannot be used: {error.strerror}") from error
    if not is_ours:
        raise ConfigError(
            f"data directory `{config.data}` is in use by the run with pid {lock.holder()};"
            " stop it first, or give another --data"
        )
    shutil.rmtree(config.figures_folder, ignore_errors=True)
    bus = open_bus(config)
    try:
        return _Supervised(config, bus, is_stopped, show).run(reading)
    finally:
        keep_labels(bus, config)
        bus.close()
        lock.release()


def _answered(ask: Callable[[], _Answer]) -> _Answer:
    """Return what a bus says; one that is away for a while, such as a broker that starts again, is asked anew."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except DeliveryError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)


class _Supervised:
    """One run of the three stages."""

    def __init__(
        self,
        config: Config,
        bus: Bus,
        is_stopped: StopSignal,
        show: Callable[[Progress, Sequence[str]], None],
    ) -> None:
        self._config = config
        self._bus = bus
        self._is_stopped = is_stopped
        self._show = show
        self._supervisor = Supervisor(config.log_folder, config.as_environment())
        self._reader = _answered(partial(ProgressReader, bus, config.figures_folder))
        self._first_event_at: float | None = None
        self._next_disk_check = 0.0
        self._news = News(config.figures_folder)
        self._next_news = 0.0
        self._traces = RunTraces(config, os.environ)

    def run(self, reading: Sequence[str]) -> RunOutcome:
        before = _answered(self._produced)
        progress = _answered(self._reader.read)
        manifest = Manifest(self._config.store_folder)
        latencies_before = manifest.latencies()
        started = time.monotonic()
        try:
            self._start(reading)
            was_stopped = self._wait_until_stored(before)
            ended = time.monotonic()
            self._supervisor.stop("produce")
            self._supervisor.stop("classify")
            self._supervisor.stop("store")
        except StageFailedError as error:
            raise ConfigError(f"run: {error}") from error
        finally:
            self._supervisor.stop_all()
        first = self._first_event_at or ended
        latencies = manifest.latencies() - latencies_before
        traces = self._traces.outcome(manifest)
        manifest.close()
        return RunOutcome(
            was_stopped=was_stopped,
            new_events=self._new_events(before),
            seconds=ended - first,
            start_seconds=first - started,
            latency_seconds=dict(zip(_PERCENTS, percentiles(latencies, *_PERCENTS), strict=True)),
            backlog=progress.classify_lag + progress.store_lag,
            restarts=self._supervisor.restarts(),
            progress=_answered(self._reader.read),
            traces=traces,
        )

    def _start(self, reading: Sequence[str]) -> None:
        metrics = metrics_of_stages(self._config, workers_of(self._bus, self._config["classify.workers"]))
        self._supervisor.start("store", ["store", *metrics["store"]])
        self._supervisor.start("classify", ["classify", *metrics["classify"]])
        self._supervisor.start("produce", ["produce", *reading, *metrics["produce"]])

    def _wait_until_stored(self, before: int) -> bool:
        """Return whether a stop came first."""
        while not self._is_stopped.wait(_LOOK_SECONDS):
            happened = [*self._supervisor.watch(), *self._full_disk(), *self._said_of_rules()]
            try:
                progress = self._reader.read()
            except DeliveryError:  # the next look may succeed
                continue
            if self._first_event_at is None and progress.raw_end > before:
                self._first_event_at = time.monotonic()
            self._show(progress, happened)
            if self._supervisor.is_finished("produce") and not progress.classify_lag and not progress.store_lag:
                return False
        return True

    def _full_disk(self) -> Sequence[str]:
        """Say now and then that the stages wait for room: they cannot log it themselves."""
        now = time.monotonic()
        if now < self._next_disk_check:
            return ()
        self._next_disk_check = now + _DISK_CHECK_SECONDS
        if shutil.disk_usage(self._config.data).free > _FULL_DISK_BYTES:
            return ()
        return (f"The disk of `{self._config.data}` is full: the stages wait until there is room; nothing is lost.",)

    def _said_of_rules(self) -> Sequence[str]:
        now = time.monotonic()
        if now < self._next_news:
            return ()
        self._next_news = now + _NEWS_SECONDS
        return self._news.look()

    def _new_events(self, before: int) -> int:
        """Return how many events this run has put on the bus; offsets that skip numbers do not say it."""
        if self._bus.has_gaps:
            return records_of(self._config.figures_folder, "produce", without=set())
        return _answered(self._produced) - before

    def _produced(self) -> int:
        return sum(end for _, end in self._bus.ends(RAW_EVENTS).values())
