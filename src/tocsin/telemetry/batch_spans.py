"""The spans of a stage's batches: read, worked on, handed over, with links to the events in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tocsin.event import CLASSIFIED_EVENTS, RAW_EVENTS
from tocsin.telemetry.ids import origin_of, span_id_of
from tocsin.telemetry.messaging import COMMIT, POLL, PROCESS, SEND, is_operation, messaging_attributes
from tocsin.telemetry.spans import CLIENT, INTERNAL, Ids, Resource, SpanColumns, Value

SPANS_OF_A_BATCH = 3


@dataclass(frozen=True)
class BatchOperations:
    """What a stage does with a batch, and where: three spans in turn, the first of which is the root of the trace."""

    names: tuple[str, str, str]  # of the operations: POLL, PROCESS, COMMIT or SEND; others are nothing of a bus
    topic: str
    group: str  # the stage it reads as; "" where it consumes nothing
    linked: str  # the span of an event that the batch is linked to


OPERATIONS = {
    "produce": BatchOperations(("read_batch", "stamp_batch", SEND), RAW_EVENTS, "", "produce_event"),
    "classify": BatchOperations((POLL, PROCESS, COMMIT), RAW_EVENTS, "classify", "produce_event"),
    "store": BatchOperations((POLL, PROCESS, COMMIT), CLASSIFIED_EVENTS, "store", "publish_event"),
}


class TracedBatch(NamedTuple):
    """What is kept of a batch until its spans are made."""

    start_us: int  # of its read: UTC, microseconds since 1970
    ends_us: tuple[int, int, int]  # of the read, the work, the commit
    records: int
    dead_letters: int
    retries: int
    error: str  # why it had to be tried again, the last time
    event_ids: Sequence[bytes]  # of events whose traces are sent, too


def batch_spans_of(stage: str, resource: Resource, system: str, batch: TracedBatch) -> list[SpanColumns]:
    """Return the three spans of a batch, as groups of one. `system`: that of the bus, `messaging.system`."""
    operations = OPERATIONS[stage]
    trace_id = origin_of(resource.host, resource.instance, str(batch.start_us))
    span_ids = [_row(span_id_of(trace_id, str(number))) for number in range(SPANS_OF_A_BATCH)]
    starts_us = (batch.start_us, *batch.ends_us[:2])
    marks = _marks(batch)
    return [
        SpanColumns(
            name=f"{operation} {operations.topic}" if is_operation(operation) else operation,
            kind=CLIENT if is_operation(operation) and operation != PROCESS else INTERNAL,
            resource=resource,
            trace_ids=_row(trace_id),
            span_ids=span_ids[number],
            parent_ids=span_ids[0] if number else None,
            start_ns=np.array([starts_us[number] * 1000]),
            end_ns=np.array([batch.ends_us[number] * 1000]),
            attributes={
                **_attributes(operations, operation, system),
                "messaging.batch.message_count": batch.records,
                **marks[number],
            },
            error=batch.error if number == 2 else "",
            links=() if number else _links(operations, batch),
        )
        for number, operation in enumerate(operations.names)
    ]


def _attributes(operations: BatchOperations, operation: str, system: str) -> Mapping[str, Value]:
    if not is_operation(operation):
        return {}
    return messaging_attributes(system, operation, operations.topic, operations.group)


def _marks(batch: TracedBatch) -> Sequence[Mapping[str, Value]]:
    """Return what went wrong, by the span it went wrong in."""
    dead_letters: Mapping[str, Value] = {"tocsin.dead_letters": batch.dead_letters} if batch.dead_letters else {}
    retries: Mapping[str, Value] = {"tocsin.retries": batch.retries} if batch.retries else {}
    return ({}, dead_letters, retries)


def _links(operations: BatchOperations, batch: TracedBatch) -> list[tuple[Ids, Ids]]:
    return [(_row(event_id), _row(span_id_of(event_id, operations.linked))) for event_id in batch.event_ids]


def _row(identity: bytes) -> Ids:
    return np.frombuffer(identity, np.uint8).reshape(1, -1)
