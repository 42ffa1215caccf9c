"""Whose traces are sent: every alert's, and of the others so many."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.telemetry.spans import Ids
from tocsin.telemetry.steps import SPANS_OF_AN_EVENT

Rows = npt.NDArray[np.bool_]  # (n,)

_RANDOM_BITS = 56  # of a trace id, the rightmost ones: W3C trace context level 2, "random trace id flag"
_BURST_SECONDS = 1.0
_DISORDER_US = 10_000_000  # by so much commits of several writers may come out of turn


@dataclass(frozen=True)
class TracePolicy:
    """What is sent."""

    is_all: bool = False
    ratio: float = 0.01  # of the events without an alert
    max_spans: float = 2_000.0  # a second of storing time, unless all are sent


class Sampler:
    """Chooses among events in the order in which they were stored. The same ids, times and policy: the same choice."""

    def __init__(self, policy: TracePolicy) -> None:
        self._policy = policy
        self._least = np.uint64(_least(policy.ratio))
        self._room = policy.max_spans * _BURST_SECONDS  # spans that may go now
        self._at_us = 0

    @property
    def state(self) -> tuple[float, int]:
        """What it remembers of the limit: set again, the same is chosen once more."""
        return self._room, self._at_us

    @state.setter
    def state(self, state: tuple[float, int]) -> None:
        self._room, self._at_us = state

    def chosen(self, trace_ids: Ids, have_alert: Rows, stored_us: int) -> tuple[Rows, int]:
        """Return which of n events to send, and how many more would have gone but for the limit.

        `stored_us`: when they were stored, microseconds since 1970.
        """
        if self._policy.is_all:
            return np.ones(len(trace_ids), bool), 0
        wanted = have_alert | (_randomness(trace_ids) >= self._least)
        if self._at_us - stored_us > _DISORDER_US:  # a clock was ahead, and has been set right
            self._at_us = stored_us
        seconds = max(0, stored_us - self._at_us) / 1e6
        self._at_us = max(self._at_us, stored_us)
        most = self._policy.max_spans * _BURST_SECONDS
        self._room = min(most, self._room + seconds * self._policy.max_spans)
        room = int(self._room // SPANS_OF_AN_EVENT)
        in_order = np.concatenate([np.flatnonzero(have_alert), np.flatnonzero(wanted & ~have_alert)])
        chosen = np.zeros(len(trace_ids), bool)
        chosen[in_order[:room]] = True
        self._room -= min(room, len(in_order)) * SPANS_OF_AN_EVENT
        return chosen, max(0, len(in_order) - room)


def is_sampled(ratio: float, trace_id: bytes) -> bool:
    """Return whether a trace is among those, without an alert, that are sent."""
    return int.from_bytes(trace_id, "big") & ((1 << _RANDOM_BITS) - 1) >= _least(ratio)


def _least(ratio: float) -> int:
    """Return the rightmost 56 bits from which on an id is sampled: consistent probability sampling of OpenTelemetry."""
    return round((1.0 - ratio) * (1 << _RANDOM_BITS))


def _randomness(trace_ids: Ids) -> npt.NDArray[np.uint64]:
    """Return the rightmost 56 bits of each."""
    numbers = np.ascontiguousarray(trace_ids[:, 8:]).view(">u8").ravel().astype(np.uint64)
    return numbers & np.uint64((1 << _RANDOM_BITS) - 1)
