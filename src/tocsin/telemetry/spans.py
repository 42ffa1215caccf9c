"""What a trace is made of: spans with their process, one by one for people, in columns for the way out.

Terms: opentelemetry-proto 1.x, trace/v1/trace.proto. Times are nanoseconds since 1970, UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tocsin.telemetry.ids import hash_of, hash_of_name

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(1, 6)  # SpanKind

Value: TypeAlias = str | bool | int | float | Sequence[str]  # of an attribute
Ids: TypeAlias = npt.NDArray[np.uint8]  # (n, 16) trace ids, (n, 8) span ids
Numbers: TypeAlias = npt.NDArray[np.int64]  # (n,)


@dataclass(frozen=True)
class Resource:
    """The process that a span is of (resource semantic conventions)."""

    service: str  # service.name: tocsin-produce, tocsin-classify, tocsin-store
    instance: str = ""  # service.instance.id: which of that service's processes, the same after a restart
    host: str = ""  # host.name
    version: str = ""  # service.version


@dataclass(frozen=True)
class Span:
    """One span."""

    trace_id: bytes  # 16 bytes
    span_id: bytes  # 8 bytes
    name: str
    start_ns: int
    end_ns: int
    resource: Resource
    parent_id: bytes = b""  # 8 bytes; none of the root
    kind: int = INTERNAL
    attributes: Mapping[str, Value] = field(default_factory=dict)
    error: str = ""  # what went wrong: the status is ERROR with this message
    links: Sequence[tuple[bytes, bytes]] = ()  # (trace id, span id)


@dataclass(frozen=True)
class SpanColumns:
    """Spans, one of each of n events, that differ in nothing but their columns: all else is the same for all."""

    name: str
    kind: int
    resource: Resource
    trace_ids: Ids  # (n, 16)
    span_ids: Ids  # (n, 8)
    parent_ids: Ids | None  # (n, 8); None: they are roots
    start_ns: Numbers  # (n,)
    end_ns: Numbers  # (n,)
    attributes: Mapping[str, Value] = field(default_factory=dict)
    numbers: Mapping[str, Numbers] = field(default_factory=dict)  # attributes, an integer >= 0 each
    texts: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)  # attributes, (n, length) of ASCII
    error: str = ""
    links: Sequence[tuple[Ids, Ids]] = ()  # each gives every span one: trace ids (n, 16), span ids (n, 8)
    events: Numbers | None = None  # (n,) of which event each is, by its number among those at hand, ascending

    def __len__(self) -> int:
        return len(self.trace_ids)

    def spans(self) -> list[Span]:
        """Return them one by one."""
        return [self._span(row) for row in range(len(self))]

    def _span(self, row: int) -> Span:
        attributes: dict[str, Any] = dict(self.attributes)
        attributes |= {name: int(column[row]) for name, column in self.numbers.items()}
        attributes |= {name: column[row].tobytes().decode() for name, column in self.texts.items()}
        return Span(
            trace_id=self.trace_ids[row].tobytes(),
            span_id=self.span_ids[row].tobytes(),
            name=self.name,
            start_ns=int(self.start_ns[row]),
            end_ns=int(self.end_ns[row]),
            resource=self.resource,
            parent_id=b"" if self.parent_ids is None else self.parent_ids[row].tobytes(),
            kind=self.kind,
            attributes=attributes,
            error=self.error,
            links=tuple((trace_ids[row].tobytes(), span_ids[row].tobytes()) for trace_ids, span_ids in self.links),
        )


def span_ids_of(event_ids: Sequence[bytes], name: str) -> Ids:
    """Return the id of the span of that name in each event's trace, as `span_id_of` does for one: (n, 8)."""
    return span_ids(hashes_of(event_ids), name)


def hashes_of(event_ids: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    """Return the events' part in the ids of their spans: (n,)."""
    return np.array([hash_of(event_id) for event_id in event_ids], np.uint64)


def span_ids(hashes: npt.NDArray[np.uint64], name: str) -> Ids:
    """Return the same as `span_ids_of` from what `hashes_of` gave."""
    numbers = hashes ^ np.uint64(hash_of_name(name))
    numbers[numbers == 0] = 1
    return numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
