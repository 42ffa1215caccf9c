"""Send what a stage tells of itself: by a thread, from a queue that has an end, so that the stage never waits."""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Generic, Protocol, TypeVar

from tocsin.seldom import Seldom
from tocsin.telemetry.otlp import encode
from tocsin.telemetry.otlp_answer import CollectorAwayError, Sent, SpansRefusedError
from tocsin.telemetry.outcomes import DROPPED, REFUSED, REJECTED, SENT
from tocsin.telemetry.spans import SpanColumns

log = logging.getLogger(__name__)

_WAITING_MOST = 2_000  # things to tell of: some 2 MB
_AT_ONCE = 200  # of them in a request
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 10.0  # while the collector is away
_FINAL_SECONDS = 2.0  # to send what is left at the end

_Told = TypeVar("_Told")


class Client(Protocol):
    """Posts spans to a collector."""

    def send(self, request: bytes) -> Sent: ...

    def close(self) -> None: ...


class SpanSender(Generic[_Told]):
    """Makes spans of what it is told, and sends them. What waits longest, for want of a collector, is dropped."""

    def __init__(self, client: Client, spans_of: Callable[[_Told], Sequence[SpanColumns]], spans_each: int) -> None:
        """`spans_of` is called by the thread, and returns so many spans each time."""
        self._client = client
        self._spans_of = spans_of
        self._spans_each = spans_each
        self._waiting: deque[_Told] = deque()
        self._counts: Counter[str] = Counter()
        self._closing = threading.Event()
        self._seldom = Seldom(log)
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> Mapping[str, int]:
        """What became of spans so far: SENT, REJECTED or REFUSED by the collector, DROPPED."""
        return {outcome: spans for outcome, spans in self._counts.items() if spans}

    def tell(self, told: _Told) -> None:
        """Take something to make spans of; for one thread."""
        if len(self._waiting) >= _WAITING_MOST:
            self._drop()
        self._waiting.append(told)

    def close(self) -> None:
        """Send what is left, within two seconds, and end."""
        self._closing.set()
        self._thread.join(_FINAL_SECONDS)
        self._client.close()
        self._thread.join(_FINAL_SECONDS)
        while self._waiting:
            self._drop()
        if self._counts[DROPPED]:
            log.warning("%s spans of batches were dropped; %s were sent.", self._counts[DROPPED], self._counts[SENT])

    def _drop(self) -> None:
        with suppress(IndexError):  # the thread may have been quicker
            self._waiting.popleft()
            self._counts[DROPPED] += self._spans_each

    def _run(self) -> None:
        pause = _PAUSE_SECONDS
        is_last = False
        while not is_last:
            is_last = self._closing.wait(pause)
            try:
                self._send_waiting()
                pause = _PAUSE_SECONDS
            except CollectorAwayError as error:
                self._seldom.warn("Spans of batches wait for the collector: %s", error)
                pause = max(min(2 * pause, _LONGEST_PAUSE_SECONDS), error.retry_after_seconds or 0.0)

    def _send_waiting(self) -> None:
        """Send all that waits. Raises CollectorAwayError: it waits on."""
        while self._waiting:
            told = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            spans = len(told) * self._spans_each
            try:
                sent = self._client.send(encode(list(chain.from_iterable(map(self._spans_of, told)))))
            except CollectorAwayError:
                self._waiting.extendleft(reversed(told))
                raise
            except SpansRefusedError as error:
                self._counts[REFUSED] += spans
                self._seldom.warn("%s spans of batches are lost: %s", spans, error)
            except Exception:  # whatever it was told, the stage goes on, and so does what comes next
                self._counts[DROPPED] += spans
                log.exception("%s spans of batches are lost.", spans)
            else:
                rejected = sent.rejected_of(spans)
                self._counts[SENT] += spans - rejected
                self._counts[REJECTED] += rejected
