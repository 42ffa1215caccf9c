"""Encode spans as OTLP: a template for each group, copied for each of its spans, the columns put into its holes.

Source: opentelemetry-proto 1.x, ExportTraceServiceRequest of collector/trace/v1. Varints of a column are padded to the
width of its greatest, which protobuf allows: so all spans of a group are of one length, and numpy can put them in.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import BytesIO

import numpy as np

from tocsin import __version__
from tocsin.telemetry.otlp_columns import cells_of
from tocsin.telemetry.otlp_template import key_value, template_of
from tocsin.telemetry.protobuf_pieces import head, joined, message, text
from tocsin.telemetry.spans import Numbers, Resource, SpanColumns

_BLOCK_ROWS = 256  # spans that are made at once: some 75 KB, which stay in a core's cache


def encode(groups: Sequence[SpanColumns]) -> bytes:
    """Return an ExportTraceServiceRequest: the spans of each resource together, in the order they are given in.

    Two requests, one behind the other, are one. So a large one is best made of pieces (`encode_pieces`) of some hundred
    events: gzip looks back 32 KB, and then finds a trace's id in the spans before. Nothing to send is no bytes.

    Raises ValueError where a column of a group has another shape than it should, a number below 0, or text that is not
    ASCII, and where an attribute is an integer of more than 64 bits.
    """
    out = BytesIO()
    for resource, rows in _rows_by_resource(groups).items():
        out.write(_head(resource, sum(each.size for each in rows)))
        for each in rows:
            each.write_to(out)
    return out.getvalue()


def encode_pieces(groups: Sequence[SpanColumns], events: int, at_once: int) -> Iterator[tuple[bytes, int]]:
    """Yield what `encode` makes of so many events at a time, and how many spans these are; of groups with `events`.

    `events`: how many there are. The groups are encoded as they are, and only then cut: that is much cheaper than to
    make, and to encode, the small groups of each piece. Raises ValueError as `encode` does.
    """
    bounds = np.arange(0, events + at_once, at_once)
    whole = [
        (group.resource, *_whole(group), np.searchsorted(_events(group), bounds)) for group in groups if len(group)
    ]
    for piece in range(len(bounds) - 1):
        parts: dict[Resource, list[memoryview]] = defaultdict(list)
        spans = 0
        for resource, encoded, length, cuts in whole:
            begin, end = int(cuts[piece]), int(cuts[piece + 1])
            if begin < end:
                parts[resource].append(encoded[begin * length : end * length])
                spans += end - begin
        if spans:
            out = BytesIO()
            for resource, its_own in parts.items():
                out.write(_head(resource, sum(map(len, its_own))))
                out.writelines(its_own)
            yield out.getvalue(), spans


def _whole(group: SpanColumns) -> tuple[memoryview, int]:
    """Return the spans of a group one behind the other, and the bytes of each."""
    rows, out = _Rows(group), BytesIO()
    rows.write_to(out)
    return out.getbuffer(), rows.size // len(group)


def _events(group: SpanColumns) -> Numbers:
    if group.events is None:
        raise ValueError(f"span `{group.name}`: nothing says of which events they are; `encode` takes such a group")
    return group.events


def _rows_by_resource(groups: Sequence[SpanColumns]) -> "dict[Resource, list[_Rows]]":
    rows = defaultdict(list)
    for group in groups:
        if len(group):
            rows[group.resource].append(_Rows(group))
    return rows


class _Rows:
    """The spans of a group, which are all of one length."""

    def __init__(self, group: SpanColumns) -> None:
        form, self._cells = cells_of(group)
        self._count = len(group)
        self._template, self._holes = template_of(form)
        self.size = self._count * len(self._template)

    def write_to(self, out: BytesIO) -> None:
        """Write them in blocks. What is the same for all stays in the block's rows from one to the next."""
        length, rows = len(self._template), min(self._count, _BLOCK_ROWS)
        block = bytearray(self._template) * rows
        columns = [
            (np.ndarray((rows,), cells.dtype, block, at, (length,)), cells)
            for (at, _), cells in zip(self._holes, self._cells, strict=True)
        ]
        for begin in range(0, self._count, rows):
            taken = min(rows, self._count - begin)
            for places, cells in columns:
                places[:taken] = cells[begin : begin + taken]
            out.write(memoryview(block)[: taken * length])


def _head(resource: Resource, spans_bytes: int) -> bytes:
    """Return what stands before the spans of a resource: it, the scope, and the lengths of the messages around them."""
    described = _described(resource)
    scope_spans = head(2, len(_SCOPE) + spans_bytes) + _SCOPE
    return head(1, len(described) + len(scope_spans) + spans_bytes) + described + scope_spans


_SCOPE = message(1, text(1, "tocsin"), text(2, __version__)).content


@lru_cache(maxsize=64)
def _described(resource: Resource) -> bytes:
    """Return a resource by the semantic conventions. No SDK makes these spans, so there is no `telemetry.sdk.*`."""
    attributes = {
        "service.namespace": "tocsin",
        "service.name": resource.service,
        "service.instance.id": resource.instance,
        "service.version": resource.version,
        "host.name": resource.host,
    }
    return message(1, joined(key_value(1, key, text(1, value)) for key, value in attributes.items() if value)).content
