"""Hand on no more than so many records a second, so that a shared machine is left to others."""

import time
from collections.abc import Callable
from dataclasses import replace

from tocsin.flow import Batch, Source, waited

_LONGEST_SECONDS = 1.0  # that a batch should have to wait


def records_at_once(rate: float | None, usual: int) -> int:
    """Return how many records a batch should have, so that it never has to wait for long."""
    return usual if rate is None else max(1, min(usual, int(rate * _LONGEST_SECONDS)))


class Throttle:
    """A source that waits before each batch until those before it were due. What was not used is not saved up."""

    def __init__(
        self,
        source: Source,
        rate: float,
        is_stopped: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float, Callable[[], bool]], bool] = waited,
    ) -> None:
        """`rate`: records a second. A batch in hand waits no longer once it `is_stopped`."""
        self._source = source
        self._rate = rate
        self._is_stopped = is_stopped
        self._monotonic = monotonic
        self._wait = wait
        self._due = 0.0  # when the next batch may go

    def read(self) -> Batch | None:
        """Return the next batch, once it may go. A tick waits for nothing."""
        batch = self._source.read()
        if batch is None or not batch.records:
            return batch
        began = self._monotonic()
        self._wait(self._due - began, self._is_stopped)
        now = self._monotonic()
        self._due = max(self._due, now) + len(batch.records) / self._rate
        return replace(batch, waited_seconds=batch.waited_seconds + now - began)

    def close(self) -> None:
        self._source.close()
