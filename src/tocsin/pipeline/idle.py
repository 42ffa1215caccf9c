"""Know when everything has been read."""

import time
from collections.abc import Callable, Sequence

from tocsin.bus.contract import Bus
from tocsin.errors import DeliveryError

_CHECK_SECONDS = 0.1


class UntilIdle:
    """Says stop once these groups have had no lag for so many seconds, or when told to stop."""

    def __init__(self, bus: Bus, groups: Sequence[str], seconds: float, is_stopped: Callable[[], bool]) -> None:
        self._bus = bus
        self._groups = groups
        self._seconds = seconds
        self._is_stopped = is_stopped
        self._idle_since: float | None = None
        self._next_check = 0.0

    def __call__(self) -> bool:
        if self._is_stopped():
            return True
        now = time.monotonic()
        if now < self._next_check:
            return False
        self._next_check = now + _CHECK_SECONDS
        if self._has_lag():
            self._idle_since = None
            return False
        if self._idle_since is None:
            self._idle_since = now
        return now - self._idle_since >= self._seconds

    def _has_lag(self) -> bool:
        """Whether a group has any; where nobody answers, it may."""
        try:
            return any(lag.records for group in self._groups for lag in self._bus.lag(group))
        except DeliveryError:
            return True
