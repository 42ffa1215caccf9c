"""Run stages as processes: start, watch, restart with back-off, stop; none outlives the one that started it."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tocsin.child import start_module
from tocsin.errors import ConfigError
from tocsin.plain import plain

log = logging.getLogger(__name__)

Workers = Mapping[str, Sequence[str]]  # name -> arguments

EXIT_CONFIG = 2  # the stage refused to start: starting it again would not help
EXIT_INTERRUPTED = 130  # by a signal that asked for it
EXIT_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: something outside did not let it start, such as a full disk

_BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_CALM_SECONDS = 30.0  # after so long without a death the back-off starts anew
_FAILURE_SECONDS = 600.0
_TOO_MANY_FAILURES = 5  # deaths by its own fault within _FAILURE_SECONDS
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, EXIT_AGAIN)  # ends that are no fault of its own
_GIVEN_UP_SECONDS = 300.0  # until a helper that cannot go on is tried again
_STOP_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_ORPHAN_SECONDS = 5.0
_LAST_BYTES = 8192  # of a log, for its last words
_LONGEST_WORDS = 500  # characters, in one sentence


@dataclass
class _Child:
    name: str
    arguments: Sequence[str]
    is_helper: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    deaths: deque[float] = field(default_factory=deque)  # when it died, lately
    failures: deque[float] = field(default_factory=deque)  # those by its own fault
    restart_at: float = 0.0
    is_finished: bool = False
    restarts: int = 0


class StageFailedError(Exception):
    """A stage cannot go on; the message says which, how it ended and what it last said."""


class Supervisor:
    """Children are `python -m tocsin ARGUMENTS`. Their stderr goes to `log_folder/NAME.log`.

    A child that ends with 0 has finished. One that refuses its settings, or dies too often, ends it all:
    StageFailedError. A child that dies otherwise is started again. A helper never ends anything: where it cannot go
    on, an error is logged, and it is tried again every five minutes.
    """

    def __init__(
        self,
        log_folder: Path,
        environment: Mapping[str, str],
        on_given_up: Callable[[str, str], None] | None = None,
    ) -> None:
        """`environment`: variables that every child gets beside those of this process. `on_given_up` is told the name
        of a helper that cannot go on, and the sentence that was logged."""
        log_folder.mkdir(parents=True, exist_ok=True)
        self._log_folder = log_folder
        self._environment = environment
        self._on_given_up = on_given_up
        self._children: dict[str, _Child] = {}

    def start(self, name: str, arguments: Sequence[str], is_helper: bool = False) -> None:
        child = _Child(name, arguments, is_helper)
        self._children[name] = child
        self._spawn(child)

    def watch(self) -> list[str]:
        """Look after the children once; return what happened, as sentences. Raises StageFailedError."""
        events = []
        for child in self._children.values():
            if child.is_finished:
                continue
            if child.process is None:
                if time.monotonic() >= child.restart_at:
                    self._spawn(child)
                continue
            code = child.process.poll()
            if code is not None:
                events += self._ended(child, code)
        return events

    def is_finished(self, name: str) -> bool:
        """Whether the child ended by itself with 0, or was stopped."""
        return self._children[name].is_finished

    def pid(self, name: str) -> int | None:
        process = self._children[name].process
        return process.pid if process else None

    def restarts(self) -> dict[str, int]:
        return {name: child.restarts for name, child in self._children.items()}

    def stop(self, *names: str) -> None:
        """Ask these children to finish the batch in hand and end; kill those that do not in time."""
        children = [self._children[name] for name in names if name in self._children]
        for child in children:
            if child.process and child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in children:
            if child.process:
                try:
                    child.process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
                _close(child.process.stdin)
            child.process = None
            child.is_finished = True

    def stop_all(self) -> None:
        self.stop(*self._children)

    def _spawn(self, child: _Child) -> None:
        with self._log_of(child) as log:
            arguments = (*child.arguments, "--supervised")
            child.process = start_module("tocsin", *arguments, environment=self._environment, stdout=log, stderr=log)

    def _log_of(self, child: _Child) -> IO[bytes]:
        try:
            return self._log_path(child).open("ab")
        except OSError:  # a full disk: the stage waits for room, and its log can do without
            return Path(os.devnull).open("ab")

    def _ended(self, child: _Child, code: int) -> list[str]:
        assert child.process is not None
        _close(child.process.stdin)
        child.process = None
        if code == 0:
            child.is_finished = True
            return [f"{child.name} has finished."]
        how = f"was killed by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        now = time.monotonic()
        child.deaths.append(now)
        if code not in _FROM_OUTSIDE:
            child.failures.append(now)
        for times, seconds in ((child.deaths, _CALM_SECONDS), (child.failures, _FAILURE_SECONDS)):
            while times and now - times[0] > seconds:
                times.popleft()
        if code == EXIT_CONFIG or len(child.failures) > _TOO_MANY_FAILURES:
            if child.is_helper:
                self._give_up(child, how, now)
                return []
            child.is_finished = True
            last_words = "\n".join(f"  {line}" for line in self._last_lines(child, 8))
            raise StageFailedError(f"{child.name} {how}; it last said:\n{last_words}")
        child.restart_at = now + _BACKOFF_SECONDS[min(len(child.deaths), len(_BACKOFF_SECONDS)) - 1]
        child.restarts += 1
        return [f"{child.name} {how}; it is started again."]

    def _give_up(self, child: _Child, how: str, now: float) -> None:
        child.restart_at = now + _GIVEN_UP_SECONDS
        [said] = self._last_lines(child, 1)
        last_words = f"{plain(said.strip(), _LONGEST_WORDS)} (more in {self._log_path(child)})"
        sentence = (
            f"{child.name} {how}; it last said: {last_words}."
            f" All else goes on without it; it is tried again every {_GIVEN_UP_SECONDS / 60:.0f} minutes."
        )
        log.error("%s", sentence)
        if self._on_given_up:
            self._on_given_up(child.name, sentence)

    def _last_lines(self, child: _Child, count: int) -> list[str]:
        path = self._log_path(child)
        try:
            with path.open("rb") as log_file:
                log_file.seek(max(0, path.stat().st_size - _LAST_BYTES))
                lines = log_file.read().decode(errors="replace").splitlines()[-count:]
        except OSError:
            lines = []
        return lines or [f"nothing (see {path})"]

    def _log_path(self, child: _Child) -> Path:
        return self._log_folder / f"{child.name}.log"


class StopSignal:
    """Set by SIGINT or SIGTERM, and, for a supervised process, by the end of its supervisor."""

    def __init__(self, is_supervised: bool) -> None:
        self._is_set = False  # no Event: its lock may be held by the very code that a signal interrupts
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._set())
        if is_supervised:
            threading.Thread(target=self._follow_supervisor, daemon=True).start()

    def __call__(self) -> bool:
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Sleep, but hardly longer than until the stop; return whether it came."""
        deadline = time.monotonic() + seconds
        while not self._is_set and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
        return self._is_set

    def _set(self) -> None:
        self._is_set = True

    def _follow_supervisor(self) -> None:
        """Wait for the end of stdin: nothing is ever written to it, and it ends with the supervisor."""
        os.read(0, 1)
        self._set()
        time.sleep(_ORPHAN_SECONDS)
        os._exit(1)


def supervise_workers(
    stage: str, supervisor: Supervisor, workers: Workers, helpers: Workers, is_stopped: StopSignal
) -> None:
    """Run workers until all have finished or a stop, and helpers until then.

    Raises ConfigError: a worker cannot go on.
    """
    try:
        for name, arguments in {**helpers, **workers}.items():
            if is_stopped():
                return
            supervisor.start(name, arguments, is_helper=name in helpers)
        while not is_stopped.wait(0.05):
            for sentence in supervisor.watch():
                log.info("%s", sentence)
            if all(supervisor.is_finished(name) for name in workers):
                return
    except StageFailedError as error:
        raise ConfigError(f"{stage}: {error}") from error
    finally:
        supervisor.stop(*workers)
        supervisor.stop(*helpers)


def signal_name(number: int) -> str:
    """Return e.g. SIGKILL for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _close(pipe: IO[bytes] | None) -> None:
    if pipe:
        pipe.close()
