"""The stages as processes of their own, and a keeper that starts again at once what has died."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.soak.failure import SoakFailedError

_LOOK_SECONDS = 0.02
_STOP_SECONDS = 60.0
_AGAIN = 75  # something outside did not let it start: a broker that is not there yet
_AGAIN_SECONDS = 0.5
_WORDS_SECONDS = 1.0  # in which a process writes where it is
_WORDS_LINES = 40


@dataclass
class Stage:
    """One process: what a user would start, such as `tocsin classify --bus kafka://HOST:PORT`."""

    name: str
    arguments: Sequence[object]
    process: "subprocess.Popen[bytes] | None" = None
    is_held: bool = False  # not started again at the moment
    not_before: float = 0.0
    starts: int = 0

    @property
    def kind(self) -> str:
        return self.name.partition("-")[0]


@dataclass
class Keeper(threading.Thread):
    """Starts stages, and again those that die, unless they are held."""

    folder: Path  # where they are started; their output goes to `logs` below it
    stages: dict[str, Stage] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)  # ends that nobody has asked for

    def __post_init__(self) -> None:
        super().__init__(name="keeper", daemon=True)
        self._lock = threading.RLock()
        self._is_stopped = threading.Event()
        (self.folder / "logs").mkdir(parents=True)

    def __hash__(self) -> int:
        return id(self)

    def add(self, name: str, *arguments: object) -> None:
        with self._lock:
            self.stages[name] = Stage(name, arguments)

    def run(self) -> None:
        while not self._is_stopped.wait(_LOOK_SECONDS):
            with self._lock:
                for stage in self.stages.values():
                    self._look_after(stage)

    def pids(self, name: str) -> list[int]:
        """Return the pid of a stage, then those of its children."""
        with self._lock:
            process = self.stages[name].process
        if process is None:
            return []
        try:
            return [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def writers(self, name: str) -> list[int]:
        """Return the pids of the writers below a store; `maintain` is a child of it, too."""
        found = []
        for pid in self.pids(name):
            with suppress(psutil.NoSuchProcess):
                if any(word.startswith("--worker") for word in psutil.Process(pid).cmdline()):
                    found.append(pid)
        return found

    def signal(self, number: int, pids: Sequence[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def hold(self, name: str) -> None:
        with self._lock:
            self.stages[name].is_held = True

    def release(self, name: str) -> None:
        with self._lock:
            self.stages[name].is_held = False

    def stop(self, name: str) -> None:
        """Ask a stage to end, wait until it has, and do not start it again."""
        self.hold(name)
        process = self.stages[name].process
        if process is None:
            return
        process.terminate()
        self.wait(name, _STOP_SECONDS)

    def wait(self, name: str, seconds: float) -> int:
        """Wait for the end of a stage that is held; return its exit code."""
        stage = self.stages[name]
        process = stage.process
        if process is None:
            return 0
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise SoakFailedError(f"{name} did not end within {seconds:.0f} s; see {self._log(stage)}") from None
        self._judge_end(stage, code)
        stage.process = None
        return code

    def start_held(self, name: str, environment: Mapping[str, str], *more: object) -> None:
        """Start a stage that is held, once, with variables and arguments beside its own."""
        with self._lock:
            self._spawn(self.stages[name], environment, *more)

    def stop_all(self) -> None:
        """Ask all to end. Raises SoakFailedError where one does not."""
        names = list(self.stages)
        for name in names:
            self.hold(name)
            process = self.stages[name].process
            if process is not None:
                process.terminate()
        for name in names:
            self.wait(name, _STOP_SECONDS)
        self._end()

    def last_words(self) -> str:
        """End all at once, and return what each last said, and where its threads were."""
        for name in self.stages:
            self.hold(name)
            self.signal(signal.SIGABRT, self.pids(name))
        time.sleep(_WORDS_SECONDS)
        words = []
        for stage in self.stages.values():
            if stage.starts:
                lines = self._log(stage).read_text(errors="replace").splitlines()[-_WORDS_LINES:]
                words += [f"== {stage.name}", *lines]
        return "\n".join(words)

    def kill_all(self) -> None:
        """End all at once, whatever they are doing."""
        for name in list(self.stages):
            self.hold(name)
            pids = self.pids(name)
            self.signal(signal.SIGKILL, pids)
            process = self.stages[name].process
            if process is not None:
                process.wait(_STOP_SECONDS)
        self._end()

    def _end(self) -> None:
        self._is_stopped.set()
        if self.is_alive():
            self.join()

    def _look_after(self, stage: Stage) -> None:
        if stage.is_held:
            return
        if stage.process is not None:
            code = stage.process.poll()
            if code is None:
                return
            self._judge_end(stage, code)
            stage.process = None
        if time.monotonic() >= stage.not_before:
            self._spawn(stage, {})

    def _judge_end(self, stage: Stage, code: int) -> None:
        if code in (0, -signal.SIGKILL, -signal.SIGTERM):
            return
        self.surprises.append(f"{stage.name} ended with exit code {code}")
        if code == _AGAIN:
            stage.not_before = time.monotonic() + _AGAIN_SECONDS

    def check(self) -> None:
        """Raise SoakFailedError where a stage ended by an error that nobody else made."""
        failed = [surprise for surprise in self.surprises if not surprise.endswith(str(_AGAIN))]
        if failed:
            raise SoakFailedError(f"{'; '.join(failed)}; see {self.folder / 'logs'}")

    def _spawn(self, stage: Stage, environment: Mapping[str, str], *more: object) -> None:
        command = [sys.executable, "-m", "tocsin", *map(str, stage.arguments), *map(str, more)]
        with self._log(stage).open("ab") as log:
            log.write(f"--- {time.strftime('%H:%M:%S')} start {stage.starts} {dict(environment)}\n".encode())
            stage.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, "PYTHONFAULTHANDLER": "1", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for the soak
            )
        stage.starts += 1

    def _log(self, stage: Stage) -> Path:
        return self.folder / "logs" / f"{stage.name}.log"
