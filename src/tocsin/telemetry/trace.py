"""The traces of events, out of what was kept with them: who did what when becomes spans in columns.

Attributes are those of the semantic conventions for messaging (opentelemetry.io/docs/specs/semconv/messaging), of the
Elastic Common Schema for rules and ATT&CK (`rule.*`, `threat.*`), and our own under `tocsin.`.
"""

from binascii import hexlify
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tocsin.event import CLASSIFIED_EVENTS, DEAD_LETTERS, RAW_EVENTS
from tocsin.telemetry.spans import (
    CONSUMER,
    INTERNAL,
    PRODUCER,
    Ids,
    Numbers,
    Resource,
    SpanColumns,
    Value,
    hashes_of,
    span_ids,
)
from tocsin.telemetry.stage_times import LAST_US, LINK, StageTimes

_PARENTS = {
    "produce_event": "",
    "consume_event": "produce_event",
    "normalize_event": "consume_event",
    "classify_event": "normalize_event",
    "publish_event": "classify_event",
    "store_event": "publish_event",
    "write_csv": "store_event",
    "write_parquet": "store_event",
}
_KINDS = {
    "produce_event": PRODUCER,
    "consume_event": CONSUMER,
    "publish_event": PRODUCER,
    "store_event": CONSUMER,
}
_GROUPS = {"consume_event": "classify", "store_event": "store"}
_ERRING = {"produce": "produce_event", "classify": "normalize_event", "store": "store_event"}
_OF_CLASSIFY, _OF_WRITE = 4, 3  # steps


@dataclass(frozen=True)
class TracedEvents:
    """What the store knows of n events, or of n dead letters, in columns."""

    trace_ids: Ids  # (n, 16): the event ids
    ingest_us: Numbers  # (n,)
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


class _Extent(NamedTuple):
    """One span of all events that share a trace's times."""

    resource: Resource
    start_us: int  # 0: when each event was ingested
    end_us: int
    records: int  # in the batch
    parent: str = ""  # "": it is the root
    behind_us: int = 0  # so much before the end of its parent it began, by another clock
    links: tuple[bytes, bytes] | None = None  # (trace id, span id)
    commit: str = ""

    @property
    def variant(self) -> tuple[object, ...]:
        """What must be the same of spans that stand together."""
        return self.resource, self.parent, self.behind_us > 0, self.links, self.commit


def spans_of(events: TracedEvents, system: str) -> list[SpanColumns]:
    """Return all spans of the traces of events. `system`: that of the bus, `messaging.system`."""
    return list(_Traces(events, system).spans()) if len(events) else []


class _Traces:
    """The spans of one set of events."""

    def __init__(self, events: TracedEvents, system: str) -> None:
        self._events = events
        self._system = system
        self._group_prefix = "tocsin-" if system == "kafka" else ""
        used = set(events.trace.tolist())
        self._extents = [
            _extents(parts, events.are_dead_letters) if index in used else {}
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
        for name in _PARENTS:
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
        for rows in _grouped(keys):
            extent = extents[events.trace[rows[0]]]
            if extent is not None:
                yield self._group(name, extent, extents, rows)

    def _group(self, name: str, first: _Extent, extents: Sequence[_Extent | None], rows: Numbers) -> SpanColumns:
        events = self._events
        start_us, end_us, records, behind_us = _columns(extents)[:, events.trace[rows]]
        start_us = np.where(start_us > 0, start_us, np.minimum(events.ingest_us[rows], LAST_US))
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
            links=first.links and _repeated(first.links, len(rows)),
            events=rows,
        )

    def _attributes(self, name: str, row: int, extent: _Extent) -> tuple[Mapping[str, Value], bool]:
        """Return what is the same for all of a group, and whether each has its place in the topic beside."""
        events = self._events
        if name == "classify_event" and events.verdict is not None:
            return events.verdicts[events.verdict[row]], False
        if name not in _KINDS:
            return ({"tocsin.commit": extent.commit} if extent.commit else {}), False
        outputs = DEAD_LETTERS if events.are_dead_letters else CLASSIFIED_EVENTS
        destination = outputs if name in ("publish_event", "store_event") else RAW_EVENTS
        operation = "send" if _KINDS[name] == PRODUCER else "process"
        attributes: dict[str, Value] = {
            "messaging.system": self._system,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": destination,
        }
        if name in _GROUPS:
            attributes["messaging.consumer.group.name"] = self._group_prefix + _GROUPS[name]
        return attributes, events.places[events.place[row]][0] == destination

    def _error(self, name: str, row: int) -> str:
        events = self._events
        if events.error is None:
            return ""
        stage, error = events.errors[events.error[row]]
        return error if _ERRING.get(stage) == name else ""


def _extents(parts: Sequence[StageTimes], are_dead_letters: bool) -> dict[str, _Extent]:
    """Return the spans of all events that have these parts, by name."""
    by_stage = {part.stage: part for part in parts}
    found: dict[str, _Extent] = {}
    produce, classify = by_stage.get("produce"), by_stage.get("classify")
    store, write = by_stage.get("store"), by_stage.get("write")
    if produce:
        found["produce_event"] = _Extent(_resource(produce), 0, produce.began_us, produce.records)
    if classify and len(classify.steps_us) == _OF_CLASSIFY:
        ends_us = [classify.began_us, *(classify.began_us + step_us for step_us in classify.steps_us)]
        names = ("consume_event", "normalize_event", "classify_event", "publish_event")
        for name, (start_us, end_us) in zip(names, pairwise(ends_us), strict=True):
            found[name] = _Extent(_resource(classify), start_us, end_us, classify.records)
    if store:
        end_us = store.began_us
        if write and len(write.steps_us) == _OF_WRITE:
            segments_us, _, end_us = (write.began_us + step_us for step_us in write.steps_us)
            written = {"write_csv": segments_us, "write_parquet": write.began_us}
            for name, start_us in written.items():
                found[name] = _Extent(_resource(store), start_us, end_us, write.records, commit=write.instance)
        found["store_event"] = _Extent(_resource(store), store.began_us, end_us, store.records)
    for name in ("classify_event", "write_csv") if are_dead_letters else ():
        found.pop(name, None)
    linked = _linked(by_stage.get(LINK))
    return {name: _placed(name, extent, found, linked) for name, extent in found.items()}


def _resource(times: StageTimes) -> Resource:
    return _remembered_resource(times.stage, times.instance, times.host, times.version)


@lru_cache(maxsize=64)  # of all processes there are hardly more
def _remembered_resource(stage: str, instance: str, host: str, version: str) -> Resource:
    return Resource(f"tocsin-{stage}", instance, host, version)


def _placed(name: str, extent: _Extent, found: Mapping[str, _Extent], linked: tuple[bytes, bytes] | None) -> _Extent:
    """Return a span with its parent, the nearest that is there; the root with what it is linked to."""
    parent = _PARENTS[name]
    while parent and parent not in found:
        parent = _PARENTS[parent]
    if not parent:
        return extent._replace(links=linked)
    behind_us = found[parent].end_us - extent.start_us if name in _GROUPS else 0
    return extent._replace(parent=parent, behind_us=max(0, behind_us))


def _linked(part: StageTimes | None) -> tuple[bytes, bytes] | None:
    """Return the trace and the span that a W3C `traceparent` names; None for what is none."""
    fields = part.instance.split("-") if part else []
    if [len(field) for field in fields[1:3]] != [32, 16]:
        return None
    try:
        trace_id, span_id = (bytes.fromhex(field) for field in fields[1:3])
    except ValueError:
        return None
    return (trace_id, span_id) if any(trace_id) and any(span_id) else None


def _columns(extents: Sequence[_Extent | None]) -> npt.NDArray[np.int64]:
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
