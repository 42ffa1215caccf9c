"""Scan with several processes: hand out the parts, and put what was found back into the order of the walk."""

import os
import selectors
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tocsin.child import start_module
from tocsin.cores import cores
from tocsin.errors import ConfigError, DeliveryError
from tocsin.frames import LENGTH_BYTES, frames_in, length_of
from tocsin.pipeline.rules import RuleSet
from tocsin.pipeline.scan_messages import (
    Failed,
    Message,
    Ready,
    Setup,
    Tally,
    Told,
    digest_of,
    frame_of,
    hits_of,
    message_of,
)
from tocsin.plain import plain
from tocsin.sources.portions import lines_between
from tocsin.sources.report import FilesReport
from tocsin.sources.shares import Part, Share
from tocsin.stages.scan import Detection, Scan
from tocsin.supervisor import signal_name

_WORKER = "tocsin.pipeline.scan_worker"
_LOOK_SECONDS = 0.1
_READ_BYTES = 1 << 16


@dataclass
class _Worker:
    """A process, its spool, and what it was told to read."""

    process: "subprocess.Popen[bytes]"
    spool: BinaryIO  # has no name: nothing of it is left, whatever ends us
    share: Share | None = None
    now: int = -1  # the part it is at
    heard: bytearray = field(default_factory=bytearray)
    done_bytes: int = 0


@dataclass
class _Found:
    """What is known of a part so far."""

    worker: _Worker
    read: int  # up to where in the spool its detections were handed on
    end: int
    tally: Tally = field(default_factory=Tally)
    is_finished: bool = False


class Crew:
    """Workers that read shares, each at its own pace. Raises DeliveryError when one of them is lost."""

    def __init__(
        self,
        workers: int,
        shares: Sequence[Share],
        setup: Setup,
        rule_set: RuleSet,
        environment: Mapping[str, str],
    ) -> None:
        self._count = min(workers, len(shares))
        self._shares = list(reversed(shares))  # the next one is the last
        self._parts = sorted((part for share in shares for part in share.parts), key=lambda part: part.number)
        self._setup = setup
        self._rules = rule_set.rules
        self._rules_digest = digest_of(rule_set.digest, [rule.id for rule in rule_set.rules])
        self._environment = environment
        self._workers: list[_Worker] = []
        self._found: dict[int, _Found] = {}  # by the part's number; those not yet handed on
        self._selector = selectors.DefaultSelector()
        self._is_stopped = False
        self._lines = 0  # of the file at hand, in the portions before
        self._uncounted: list[Part] = []  # portions before whose lines are not known

    def progress(self) -> tuple[int, int]:
        """Return the bytes read, and the bytes of all files as they lie on disk."""
        done = sum(worker.done_bytes for worker in self._workers)
        return done, max(done, sum(part.size for part in self._parts))

    def pids(self) -> list[int]:
        return [worker.process.pid for worker in self._workers]

    def detections(
        self, is_stopped: Callable[[], bool], on_look: Callable[[], None], scan: Scan, report: FilesReport
    ) -> Iterator[Detection]:
        """Yield what all files hold in their order, or, after a stop, what was found until then.

        Counts and reports go to `scan` and `report`.
        """
        try:
            for _ in range(self._count):
                self._start()
            for part in self._parts:
                yield from self._of_part(part, is_stopped, on_look)
                self._hand_over(part, scan, report)
        finally:
            self.close()

    def close(self) -> None:
        """End all workers at once."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            _forget(worker)
        self._selector.close()

    def _of_part(self, part: Part, is_stopped: Callable[[], bool], on_look: Callable[[], None]) -> Iterator[Detection]:
        if part.begin == 0:
            self._lines = 0
            self._uncounted.clear()
        while True:
            if not self._is_stopped and is_stopped():
                self._stop()
            found = self._found.get(part.number)
            has_more = found is not None and found.read < found.end
            if found and has_more:
                yield from self._next_frame(part, found)
            elif self._is_stopped or (found and found.is_finished):
                return
            self._look(0 if has_more else _LOOK_SECONDS)
            on_look()

    def _next_frame(self, part: Part, found: _Found) -> Iterator[Detection]:
        self._count_lines()
        spool = found.worker.spool.fileno()
        size = length_of(_read_at(spool, found.read, LENGTH_BYTES))
        hits = hits_of(_read_at(spool, found.read + LENGTH_BYTES, size))
        found.read += LENGTH_BYTES + size
        for hit in hits:
            rule = self._rules[hit.rule]
            number = hit.number + self._lines
            yield Detection(hit.event_id, hit.time, hit.host, part.name, hit.place, number, rule, hit.event)

    def _count_lines(self) -> None:
        for before in self._uncounted:
            self._lines += lines_between(before.found.path, before.begin, before.begin + before.size)
        self._uncounted.clear()

    def _hand_over(self, part: Part, scan: Scan, report: FilesReport) -> None:
        found = self._found.pop(part.number, None)
        if found:
            if part.begin and found.tally.counts.first_unreadable:
                self._count_lines()
                found.tally.counts.move_lines(self._lines)
            scan.counts.add(found.tally.counts)
            report.add_report(found.tally.report)
        if found and found.is_finished and not found.tally.report.problems:
            self._lines += found.tally.report.lines
        else:
            self._uncounted.append(part)

    def _start(self) -> None:
        spool: BinaryIO = tempfile.TemporaryFile(prefix="tocsin-scan-")  # noqa: SIM115 lives as long as its worker
        handle = spool.fileno()
        process = start_module(_WORKER, str(handle), environment=self._environment, pass_fds=(handle,))
        worker = _Worker(process, spool)
        self._workers.append(worker)
        assert process.stdout
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)
        self._tell(worker, self._setup)

    def _look(self, seconds: float) -> None:
        """Hear what the workers say, waiting so long for the first word; give the idle ones something to read."""
        if not self._selector.get_map():
            return
        for key, _ in self._selector.select(seconds):
            worker: _Worker = key.data
            heard = os.read(key.fd, _READ_BYTES)
            if heard:
                worker.heard += heard
                for message in frames_in(worker.heard):
                    self._hear(worker, message_of(message))
            else:
                self._selector.unregister(key.fileobj)
                self._has_gone(worker)

    def _hear(self, worker: _Worker, message: Message) -> None:
        if isinstance(message, Failed):
            self._fail(worker, message)
        elif isinstance(message, Ready):
            if message.rules_digest != self._rules_digest:
                raise ConfigError("scan: the rules were changed while the scan began; start it again")
            self._hand_out(worker)
        else:
            self._note(worker, message)

    def _note(self, worker: _Worker, told: Told) -> None:
        found = self._found.setdefault(told.number, _Found(worker, told.begin, told.end))
        found.end = told.end
        found.tally.add(told.tally)
        found.is_finished = told.is_finished
        worker.done_bytes = told.done_bytes
        worker.now = told.number
        if told.is_finished and worker.share and worker.share.parts[-1].number == told.number:
            self._hand_out(worker)

    def _hand_out(self, worker: _Worker) -> None:
        worker.share = None
        if self._shares and not self._is_stopped:
            worker.share = self._shares.pop()
            worker.now = worker.share.parts[0].number
            self._tell(worker, worker.share)

    def _tell(self, worker: _Worker, message: Setup | Share) -> None:
        assert worker.process.stdin
        try:
            worker.process.stdin.write(frame_of(message))
            worker.process.stdin.flush()
        except BrokenPipeError:
            self._has_gone(worker)

    def _stop(self) -> None:
        """End all workers, and hear what they had said before."""
        self._is_stopped = True
        for worker in self._workers:
            worker.process.kill()
        while self._selector.get_map():
            self._look(_LOOK_SECONDS)

    def _has_gone(self, worker: _Worker) -> None:
        """Raise what the end of a worker means, unless we wanted it, or it had nothing more to read."""
        if self._is_stopped or not (worker.share or self._shares):
            return
        status = worker.process.wait()
        how = f"was killed by {signal_name(-status)}" if status < 0 else f"ended with exit code {status}"
        hint = "; if memory ran out, fewer --workers need less" if status < 0 else ""
        raise DeliveryError(f"scan: a worker {how}{self._place(worker)}: nothing more is scanned{hint}")

    def _fail(self, worker: _Worker, failed: Failed) -> None:
        if self._is_stopped:
            return
        if failed.is_config:
            raise ConfigError(*map(plain, failed.problems))
        raise DeliveryError(f"scan: a worker{self._place(worker)} {plain('; '.join(failed.problems))}")

    def _place(self, worker: _Worker) -> str:
        if worker.share is None:
            return ""
        names = {part.number: part.name for part in worker.share.parts}
        return f" at `{plain(names.get(worker.now, ''))}`"


def _read_at(handle: int, offset: int, size: int) -> bytes:
    pieces = []
    while size:
        piece = os.pread(handle, size, offset)
        if not piece:
            raise DeliveryError("scan: what a worker found cannot be read back; start the scan again")
        pieces.append(piece)
        offset += len(piece)
        size -= len(piece)
    return b"".join(pieces)


def _forget(worker: _Worker) -> None:
    worker.process.wait()
    worker.spool.close()
    assert worker.process.stdin and worker.process.stdout
    with suppress(BrokenPipeError):
        worker.process.stdin.close()
    worker.process.stdout.close()


def workers_for(size: int, bytes_per_worker: int) -> int:
    """Return how many workers are worth their start: one a core, and each with enough to read."""
    return max(1, min(cores(), size // bytes_per_worker))


def path_bytes(paths: Sequence[Path]) -> list[bytes]:
    return [os.fsencode(path) for path in paths]
