"""Ask now and then how far a stage is behind, on a thread of its own: asking may take long."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 5.0


class Lag(Protocol):
    """How far one group is behind in one partition."""

    @property
    def group(self) -> str: ...

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...

    @property
    def records(self) -> int: ...

    @property
    def oldest_age_seconds(self) -> float: ...


ReadLag = Callable[[], Iterable[Lag]]  # called on another thread than the loop's


class LagWatch:
    """Keeps the newest answer. Where asking fails, there is none until it succeeds again."""

    def __init__(self, read: Callable[[], ReadLag | None], pause_seconds: float = _PAUSE_SECONDS) -> None:
        """`read()` returns what to ask, None as long as there is nothing to ask."""
        self._read = read
        self._pause_seconds = pause_seconds
        self._is_closed = threading.Event()
        self._has_failed = False
        self.latest: Sequence[Lag] = ()
        self._thread = threading.Thread(target=self._watch, name="lag", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closed.set()
        self._thread.join(self._pause_seconds)

    def _watch(self) -> None:
        while True:
            read = self._read()
            if read is not None:
                self._ask(read)
            if self._is_closed.wait(self._pause_seconds):
                return

    def _ask(self, read: ReadLag) -> None:
        try:
            self.latest = tuple(read())
            self._has_failed = False
        except Exception as error:  # of any bus: figures are no reason to stop
            self.latest = ()
            if not self._has_failed:
                log.warning("The lag cannot be read now, and is left out of the metrics: %s", error)
            self._has_failed = True
