"""How many events are due, by a rate and a burst before it."""

from collections.abc import Callable

_LONGEST_WAIT_SECONDS = 0.05  # so that whoever asks us to stop is heard soon


class Pace:
    """Counts from the first question. Without a rate everything is due at once."""

    def __init__(
        self,
        rate: float | None,
        burst: tuple[float, float] | None,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._sleep = sleep
        self._started: float | None = None
        self._taken = 0

    def take(self, wanted: int) -> int:
        """Return how many of `wanted` events may be made now; waits up to 50 ms for them, 0 when none are due yet."""
        if self._rate is None and self._burst is None:
            return wanted
        now = self._monotonic()
        if self._started is None:
            self._started = now
        due = self._due(now - self._started) - self._taken
        if due < wanted:
            soon = self._due(now - self._started + _LONGEST_WAIT_SECONDS) - self._taken
            self._sleep(
                _LONGEST_WAIT_SECONDS * min(1.0, (wanted - due) / (soon - due)) if soon > due else _LONGEST_WAIT_SECONDS
            )
            due = self._due(self._monotonic() - self._started) - self._taken
        taken = int(min(wanted, max(0.0, due)))
        self._taken += taken
        return taken

    def _due(self, seconds: float) -> float:
        if self._burst is None:
            return _events(self._rate, seconds)
        rate, length = self._burst
        return rate * min(seconds, length) + _events(self._rate, max(0.0, seconds - length))


def _events(rate: float | None, seconds: float) -> float:
    if seconds <= 0:
        return 0.0
    return float("inf") if rate is None else rate * seconds
