"""Processes that scan: start them, hand out shares, hear what they say, end them."""

import os
import selectors
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from tocsin.child import start_module
from tocsin.errors import ConfigError, DeliveryError
from tocsin.frames import frames_in
from tocsin.pipeline.scan_messages import Failed, Message, Ready, Setup, Tally, Told, frame_of, message_of
from tocsin.plain import plain
from tocsin.sources.shares import Share
from tocsin.supervisor import signal_name

_MODULE = "tocsin.pipeline.scan_worker"
LOOK_SECONDS = 0.1
_READ_BYTES = 1 << 16


@dataclass
class Worker:
    """A process, its spool, and what it was told to read."""

    process: "subprocess.Popen[bytes]"
    spool: BinaryIO  # has no name: nothing of it is left, whatever ends us
    share: Share | None = None
    now: int = -1  # the part it is at
    heard: bytearray = field(default_factory=bytearray)
    done_bytes: int = 0


@dataclass
class Found:
    """What is known of a part so far."""

    worker: Worker
    read: int  # up to where in the spool its detections were handed on
    end: int
    tally: Tally = field(default_factory=Tally)
    is_finished: bool = False


class ScanProcesses:
    """Workers that read shares, each at its own pace. Raises DeliveryError when one of them is lost."""

    def __init__(
        self, count: int, shares: Sequence[Share], setup: Setup, rules_digest: str, environment: Mapping[str, str]
    ) -> None:
        self.is_stopped = False
        self._count = min(count, len(shares))
        self._shares = list(reversed(shares))  # the next one is the last
        self._setup = setup
        self._rules_digest = rules_digest
        self._environment = environment
        self._workers: list[Worker] = []
        self._found: dict[int, Found] = {}  # by the part's number; those not yet handed on
        self._selector = selectors.DefaultSelector()

    @property
    def done_bytes(self) -> int:
        """The bytes read, as they lie on disk."""
        return sum(worker.done_bytes for worker in self._workers)

    def pids(self) -> list[int]:
        return [worker.process.pid for worker in self._workers]

    def start(self) -> None:
        for _ in range(self._count):
            self._start()

    def of(self, part: int) -> Found | None:
        """Return what is known of a part, by its number; None before anybody has begun with it."""
        return self._found.get(part)

    def forget(self, part: int) -> None:
        self._found.pop(part, None)

    def look(self, seconds: float) -> None:
        """Hear what the workers say, waiting so long for the first word; give the idle ones something to read."""
        if not self._selector.get_map():
            return
        for key, _ in self._selector.select(seconds):
            worker: Worker = key.data
            heard = os.read(key.fd, _READ_BYTES)
            if heard:
                worker.heard += heard
                for message in frames_in(worker.heard):
                    self._hear(worker, message_of(message))
            else:
                self._selector.unregister(key.fileobj)
                self._has_gone(worker)

    def stop(self) -> None:
        """End all workers, and hear what they had said before."""
        self.is_stopped = True
        for worker in self._workers:
            worker.process.kill()
        while self._selector.get_map():
            self.look(LOOK_SECONDS)

    def close(self) -> None:
        """End all workers at once."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            _forget(worker)
        self._selector.close()

    def _start(self) -> None:
        spool: BinaryIO = tempfile.TemporaryFile(prefix="tocsin-scan-")  # noqa: SIM115 lives as long as its worker
        handle = spool.fileno()
        process = start_module(_MODULE, str(handle), environment=self._environment, pass_fds=(handle,))
        worker = Worker(process, spool)
        self._workers.append(worker)
        assert process.stdout
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)
        self._tell(worker, self._setup)

    def _hear(self, worker: Worker, message: Message) -> None:
        if isinstance(message, Failed):
            self._fail(worker, message)
        elif isinstance(message, Ready):
            if message.rules_digest != self._rules_digest:
                raise ConfigError("scan: the rules were changed while the scan began; start it again")
            self._hand_out(worker)
        else:
            self._note(worker, message)

    def _note(self, worker: Worker, told: Told) -> None:
        found = self._found.setdefault(told.number, Found(worker, told.begin, told.end))
        found.end = told.end
        found.tally.add(told.tally)
        found.is_finished = told.is_finished
        worker.done_bytes = told.done_bytes
        worker.now = told.number
        if told.is_finished and worker.share and worker.share.parts[-1].number == told.number:
            self._hand_out(worker)

    def _hand_out(self, worker: Worker) -> None:
        worker.share = None
        if self._shares and not self.is_stopped:
            worker.share = self._shares.pop()
            worker.now = worker.share.parts[0].number
            self._tell(worker, worker.share)

    def _tell(self, worker: Worker, message: Setup | Share) -> None:
        assert worker.process.stdin
        try:
            worker.process.stdin.write(frame_of(message))
            worker.process.stdin.flush()
        except BrokenPipeError:
            self._has_gone(worker)

    def _has_gone(self, worker: Worker) -> None:
        """Raise what the end of a worker means, unless we wanted it, or it had nothing more to read."""
        if self.is_stopped or not (worker.share or self._shares):
            return
        status = worker.process.wait()
        how = f"was killed by {signal_name(-status)}" if status < 0 else f"ended with exit code {status}"
        hint = "; if memory ran out, fewer --workers need less" if status < 0 else ""
        raise DeliveryError(f"scan: a worker {how}{self._place(worker)}: nothing more is scanned{hint}")

    def _fail(self, worker: Worker, failed: Failed) -> None:
        if self.is_stopped:
            return
        if failed.is_config:
            raise ConfigError(*map(plain, failed.problems))
        raise DeliveryError(f"scan: a worker{self._place(worker)} {plain('; '.join(failed.problems))}")

    def _place(self, worker: Worker) -> str:
        if worker.share is None:
            return ""
        names = {part.number: part.name for part in worker.share.parts}
        return f" at `{plain(names.get(worker.now, ''))}`"


def _forget(worker: Worker) -> None:
    worker.process.wait()
    worker.spool.close()
    assert worker.process.stdin and worker.process.stdout
    with suppress(BrokenPipeError):
        worker.process.stdin.close()
    worker.process.stdout.close()
