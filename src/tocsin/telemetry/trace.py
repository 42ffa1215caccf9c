"""The traces of events, out of what was kept with them: who did what when becomes spans in columns.

Attributes are those of the semantic conventions for messaging (opentelemetry.io/docs/specs/semconv/messaging), of the
Elastic Common Schema for rules and ATT&CK (`rule.*`, `threat.*`), and our own under `tocsin.`.
"""

from binascii import hexlify
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tocsin.event import CLASSIFIED_EVENTS, DEAD_LETTERS, RAW_EVENTS
from tocsin.telemetry.extents import GROUPS, PARENTS, Extent, extents_of
from tocsin.telemetry.messaging import PROCESS, SEND, messaging_attributes
from tocsin.telemetry.spans import (
    CONSUMER,
    INTERNAL,
    PRODUCER,
    Ids,
    Numbers,
    SpanColumns,
    Value,
    hashes_of,
    span_ids,
)
from tocsin.telemetry.stage_times import LAST_US, StageTimes

_KINDS = {
    "produce_event": PRODUCER,
    "consume_event": CONSUMER,
    "publish_event": PRODUCER,
    "store_event": CONSUMER,
}
_ERRING = {"produce": "produce_event", "classify": "normalize_event", "store": "store_event"}


@dataclass(frozen=True)
class TracedEvents:
    """What the store knows of n events, or of n dead letters, in columns."""

    trace_ids: Ids  # (n, 16): the event ids
    ingest_us: Numbers  # (n,); 0: nobody knows
    traces: Sequence[Sequence[StageTimes]]  # the distinct ones
    trace: Numbers  # (n,) index into `traces`
    places: Sequence[tuple[str, int]]  # distinct topic and partition in which the records lay
    place: Numbers  # (n,) index into `places`
    offsets: Numbers  # (n,)
    verdicts: Sequence[Mapping[str, Value]] = ({},)  # distinct attributes of what was found
    verdict: Numbers | None = None  # (n,) index into `verdicts`
    errors: Sequence[tuple[str, str]] = ()  # distinct: the stage that could not read them, and why
    error: Numbers | None = None  # (n,) index into `errors`

    def __len__(self) -> int:
        return len(self.trace_ids)

    def pieces(self, rows: int) -> "Iterator[TracedEvents]":
        """Yield so many events after one another, those together in which the same was found: their spans, too."""
        found = self.verdict if self.verdict is not None else self.error
        order = np.arange(len(self)) if found is None else np.argsort(found, kind="stable")
        for at in range(0, len(self), rows):
            piece = order[at : at + rows]
            yield replace(
                self,
                trace_ids=self.trace_ids[piece],
                ingest_us=self.ingest_us[piece],
                trace=self.trace[piece],
                place=self.place[piece],
                offsets=self.offsets[piece],
                verdict=None if self.verdict is None else self.verdict[piece],
                error=None if self.error is None else self.error[piece],
            )

    @property
    def are_dead_letters(self) -> bool:
        return self.error is not None


def spans_of(events: TracedEvents, system: str) -> list[SpanColumns]:
    """Return all spans of the traces of events. `system`: that of the bus, `messaging.system`."""
    return list(_Traces(events, system).spans()) if len(events) else []


class _Traces:
    """The spans of one set of events."""

    def __init__(self, events: TracedEvents, system: str) -> None:
        self._events = events
        self._system = system
        used = set(events.trace.tolist())
        self._extents = [
            extents_of(parts, events.are_dead_letters) if index in used else {}
            for index, parts in enumerate(events.traces)
        ]
        # Texts of one length are a column, so that a group is not cut by each partition.
        kinds: dict[tuple[str, int], int] = {}
        self._partitions = [str(partition).encode() for _, partition in events.places]
        self._place_kinds = np.array(
            [
                kinds.setdefault((topic, len(partition)), len(kinds))
                for (topic, _), partition in zip(events.places, self._partitions, strict=True)
            ],
            np.int64,
        )
        self._trace_ids = events.trace_ids
        ids = events.trace_ids.tobytes()
        self._hashes = hashes_of([ids[at : at + 16] for at in range(0, len(ids), 16)])
        self._message_ids: Ids = np.frombuffer(hexlify(ids), np.uint8).reshape(-1, 32)

    def spans(self) -> Iterator[SpanColumns]:
        for name in PARENTS:
            yield from self._of(name)

    def _of(self, name: str) -> Iterator[SpanColumns]:
        """Yield the spans of one name, those together that differ in nothing but numbers."""
        events = self._events
        extents = [each.get(name) for each in self._extents]
        numbers: dict[tuple[object, ...] | None, int] = {None: -1}
        variants = np.array(
            [numbers.setdefault(extent.variant if extent else None, len(numbers)) for extent in extents], np.int64
        )
        keys = [variants[events.trace]]
        if name in _KINDS:
            keys.append(self._place_kinds[events.place])
        if events.verdict is not None and name == "classify_event":
            keys.append(events.verdict)
        if events.error is not None:
            keys.append(events.error)
        columns = _columns(extents)
        for rows in _grouped(keys):
            extent = extents[events.trace[rows[0]]]
            if extent is not None:
                yield self._group(name, extent, columns, rows)

    def _group(self, name: str, first: Extent, columns: npt.NDArray[np.int64], rows: Numbers) -> SpanColumns:
        events = self._events
        start_us, end_us, records, behind_us = columns[:, events.trace[rows]]
        ingest_us = np.minimum(events.ingest_us[rows], LAST_US)
        start_us = np.where(start_us > 0, start_us, np.where(ingest_us > 0, ingest_us, end_us))
        numbers = {"tocsin.batch.size": records}
        if first.behind_us > 0:
            numbers["tocsin.clock.disagreement_us"] = behind_us
        texts = {"messaging.message.id": self._message_ids[rows]} if name in _KINDS else {}
        attributes, has_place = self._attributes(name, rows[0], first)
        if has_place:
            partitions = np.frombuffer(b"".join([self._partitions[at] for at in events.place[rows]]), np.uint8)
            texts["messaging.destination.partition.id"] = partitions.reshape(len(rows), -1)
            numbers["messaging.kafka.offset"] = events.offsets[rows]
        hashes = self._hashes[rows]
        return SpanColumns(
            name=name,
            kind=_KINDS.get(name, INTERNAL),
            resource=first.resource,
            trace_ids=self._trace_ids[rows],
            span_ids=span_ids(hashes, name),
            parent_ids=span_ids(hashes, first.parent) if first.parent else None,
            start_ns=start_us * 1000,
            end_ns=np.maximum(start_us, end_us) * 1000,
            attributes=attributes,
            numbers=numbers,
            texts=texts,
            error=self._error(name, rows[0]),
            links=[_repeated(first.links, len(rows))] if first.links else (),
            events=rows,
        )

    def _attributes(self, name: str, row: int, extent: Extent) -> tuple[Mapping[str, Value], bool]:
        """Return what is the same for all of a group, and whether each has its place in the topic beside."""
        events = self._events
        if name == "classify_event" and events.verdict is not None:
            return events.verdicts[events.verdict[row]], False
        if name not in _KINDS:
            return ({"tocsin.commit": extent.commit} if extent.commit else {}), False
        outputs = DEAD_LETTERS if events.are_dead_letters else CLASSIFIED_EVENTS
        destination = outputs if name in ("publish_event", "store_event") else RAW_EVENTS
        operation = SEND if _KINDS[name] == PRODUCER else PROCESS
        attributes = messaging_attributes(self._system, operation, destination, GROUPS.get(name, ""))
        return attributes, events.places[events.place[row]][0] == destination

    def _error(self, name: str, row: int) -> str:
        events = self._events
        if events.error is None:
            return ""
        stage, error = events.errors[events.error[row]]
        return error if _ERRING.get(stage) == name else ""


def _columns(extents: Sequence[Extent | None]) -> npt.NDArray[np.int64]:
    """Return start, end, records and what it is behind, of each: (4, extents)."""
    rows = [(each.start_us, each.end_us, each.records, each.behind_us) if each else (0, 0, 0, 0) for each in extents]
    return np.array(rows, np.int64).T


def _repeated(link: tuple[bytes, bytes], times: int) -> tuple[Ids, Ids]:
    trace_id, span_id = (np.frombuffer(part, np.uint8) for part in link)
    return np.tile(trace_id, (times, 1)), np.tile(span_id, (times, 1))


def _grouped(keys: Sequence[Numbers]) -> Iterator[Numbers]:
    """Yield the rows that have the same keys, as indices."""
    combined = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        _, number = np.unique(key, return_inverse=True)
        combined = combined * (int(number.max()) + 1) + number
    order = np.argsort(combined, kind="stable")
    cuts = np.flatnonzero(np.diff(combined[order])) + 1
    yield from np.split(order, cuts)
