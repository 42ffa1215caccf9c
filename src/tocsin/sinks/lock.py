"""A lock of a store between processes: it ends with the process that holds it, however it ends."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path


class StoreLock:
    """An exclusive lock on a file (flock), in which the holder's pid stands."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def acquire(self, patience_seconds: float = 0.0) -> bool:
        """Take the lock, waiting so long for a holder that is about to end. False when it is still held."""
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + patience_seconds
        while not self._is_taken():
            if time.monotonic() >= deadline:
                self.release()
                return False
            time.sleep(0.02)
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, str(os.getpid()).encode(), 0)
        return True

    def holder(self) -> str:
        """Return the pid of the last holder, for a message."""
        return self._path.read_text() or "unknown"

    def release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _is_taken(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
