"""Tell of each batch of a stage by a trace of its own, beside those of the events in it."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tocsin.config import Config
from tocsin.errors import DeliveryError
from tocsin.event import ALERTS, DEAD_LETTERS, Record, Stamp
from tocsin.flow import Batch, Meter, Outputs
from tocsin.pipeline.tracing import export_settings, messaging_system
from tocsin.telemetry.meter import StageMeter
from tocsin.telemetry.stage_times import StageProcess
from tocsin.timestamps import clock_us

if TYPE_CHECKING:
    from tocsin.telemetry.batch_spans import TracedBatch

_LINKS = 32  # of a batch
_LOOKED_AT = 256  # records of it, to find some whose traces are sent
_LEAST_SECONDS = {"alerts": 0.1, "all": 0.01}  # from one traced batch of a process to the next


@contextmanager
def tracing_batches(config: Config, process: StageProcess | None, meter: StageMeter) -> Iterator[Meter]:
    """Give a meter that sends a trace of each batch, too, where there is a collector; else the meter as it is.

    Raises ConfigError: the environment says wrongly where traces go.
    """
    settings = export_settings(config, os.environ)
    if settings is None or process is None:
        yield meter
        return
    # Takes a fifth of a second to import, which nobody without a collector should wait for.
    from tocsin.telemetry.batch_spans import SPANS_OF_A_BATCH, batch_spans_of
    from tocsin.telemetry.otlp_http import OtlpClient
    from tocsin.telemetry.span_sender import SpanSender
    from tocsin.telemetry.spans import Resource
    from tocsin.telemetry.trace_policy import is_sampled

    resource = Resource(f"tocsin-{process.stage}", process.instance, process.host, process.version)
    spans_of = partial(batch_spans_of, process.stage, resource, messaging_system(config))
    policy = config["trace.policy"]
    is_sent = (lambda _: True) if policy == "all" else partial(is_sampled, config["trace.ratio"])
    with closing(SpanSender(OtlpClient(settings), spans_of, SPANS_OF_A_BATCH)) as sender:
        meter.batch_spans = sender
        yield BatchTraces(meter, sender, is_sent, _LEAST_SECONDS[policy])


class _Sender(Protocol):
    def tell(self, told: "TracedBatch") -> None: ...


class _IsSent(Protocol):
    def __call__(self, event_id: bytes, /) -> bool: ...


class BatchTraces:
    """A meter that hands each batch on to another one, and tells a sender of some of them: at most so many a second."""

    def __init__(self, meter: Meter, sender: _Sender, is_sent: _IsSent, least_seconds: float) -> None:
        """`is_sent`: whether the trace of an event without an alert is sent."""
        self._meter = meter
        self._sender = sender
        self._is_sent = is_sent
        self._least_seconds = least_seconds
        self._next = 0.0
        self._retries, self._error = 0, ""

    def turned(
        self, batch: Batch, outputs: Outputs, read_seconds: float, step_seconds: float, commit_seconds: float
    ) -> None:
        self._meter.turned(batch, outputs, read_seconds, step_seconds, commit_seconds)
        now = time.monotonic()
        if not batch.records or (now < self._next and not self._error):
            return
        self._next = now + self._least_seconds
        self._sender.tell(self._traced(batch, outputs, (read_seconds, step_seconds, commit_seconds)))
        self._retries, self._error = 0, ""

    def retried(self, error: DeliveryError) -> None:
        self._meter.retried(error)
        self._retries += 1
        self._error = str(error)

    def _traced(self, batch: Batch, outputs: Outputs, seconds: tuple[float, float, float]) -> "TracedBatch":
        from tocsin.telemetry.batch_spans import TracedBatch

        end_us = clock_us()
        read_us, step_us, commit_us = (int(1e6 * each) for each in seconds)
        return TracedBatch(
            start_us=end_us - commit_us - step_us - read_us,
            ends_us=(end_us - commit_us - step_us, end_us - commit_us, end_us),
            records=len(batch.records),
            dead_letters=len(outputs.get(DEAD_LETTERS, ())),
            retries=self._retries,
            error=self._error,
            event_ids=self._linked(batch.records, outputs.get(ALERTS, ())),
        )

    def _linked(self, records: Sequence[Record], alerts: Sequence[Record]) -> Sequence[bytes]:
        """Return ids of events whose traces are sent, those with an alert first."""
        ids = dict.fromkeys(_ids(alerts[:_LINKS]))
        ids |= dict.fromkeys(filter(self._is_sent, _ids(records[:_LOOKED_AT])))
        return list(ids)[:_LINKS]


def _ids(records: Iterable[Record]) -> Iterator[bytes]:
    return (stamp.event_id for stamp in map(Stamp.of, records) if stamp is not None)
