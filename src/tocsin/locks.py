"""Locks between processes of one machine: they end with the process that holds them, however it ends."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType


class FileLock:
    """An exclusive lock on a file (flock). The holder's pid stands in the file, for error messages.

    A forked child shares it; a started program does not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def try_acquire(self) -> bool:
        """Take the lock if nobody holds it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        self._handle = handle
        return True

    def acquire_within(self, seconds: float) -> bool:
        """Take the lock, waiting so long for a holder that is about to end."""
        deadline = time.monotonic() + seconds
        while not self.try_acquire():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def holder(self) -> str:
        """Return the pid written by the last holder, for a message; "unknown" where there is none."""
        try:
            return self._path.read_text() or "unknown"
        except OSError:
            return "unknown"

    def release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class WriteTurn:
    """A turn at writing: nobody polls, and nobody starves beside a busy writer.

    A lock alone goes back to who has just released it, before those who wait wake up. So the next one waits for it
    inside another lock, behind which the last one has to queue.
    """

    def __init__(self, path: Path) -> None:
        self._turn = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._next = os.open(path.with_suffix(".next.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._next, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._turn)
        os.close(self._next)
