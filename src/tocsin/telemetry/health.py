"""Say whether a stage is well: its loop turns, and what it has to deliver is taken."""

import time
from collections.abc import Callable
from dataclasses import dataclass

_LONGEST_RETRY_SECONDS = 30.0
_LONGEST_TURN_SECONDS = 60.0


@dataclass(frozen=True)
class Condition:
    """How a stage is at one moment."""

    reason: str  # why it is unhealthy; "" when it is not
    turned_seconds: float  # since the last turn of the loop, or since the start
    retrying_seconds: float  # since it first tried in vain what it still tries; 0 when it does not
    retrying_for: str  # what the last try failed with; "" when it does not retry
    silent_seconds: float  # since it last turned, or tried in vain

    @property
    def is_healthy(self) -> bool:
        return not self.reason

    @property
    def is_alive(self) -> bool:
        """Whether it still does something: one that waits for others, such as a bus that is away, does."""
        return self.silent_seconds <= _LONGEST_TURN_SECONDS


class Health:
    """Follows the loop of a stage. One thread tells it, others may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turned_at = clock()
        self._tried_at = self._turned_at
        self._retrying: tuple[float, str] | None = None  # since when, with what error
        self._trouble = ""

    def turned(self) -> None:
        """The loop has gone round: a batch was committed, or there was none."""
        self._turned_at = self._clock()
        self._retrying = None

    def retried(self, error: Exception) -> None:
        self._tried_at = self._clock()
        since = self._retrying[0] if self._retrying else self._tried_at
        self._retrying = since, str(error)

    def trouble(self, reason: str) -> None:
        """Something is wrong that the loop itself does not see; "" once it is not any more."""
        self._trouble = reason

    def condition(self) -> Condition:
        now = self._clock()
        retrying = self._retrying
        turned_seconds = now - self._turned_at
        retrying_seconds = now - retrying[0] if retrying else 0.0
        error = retrying[1] if retrying else ""
        reason = self._trouble
        if retrying_seconds > _LONGEST_RETRY_SECONDS:
            reason = f"it has been trying again for {retrying_seconds:.0f} s: {error}"
        elif turned_seconds > _LONGEST_TURN_SECONDS:
            reason = f"its loop has not turned for {turned_seconds:.0f} s"
        silent_seconds = now - max(self._turned_at, self._tried_at)
        return Condition(reason, turned_seconds, retrying_seconds, error, silent_seconds)
