"""Turn columns of spans into the bytes that go into the holes of a template."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tocsin.telemetry.otlp_template import Form, attribute
from tocsin.telemetry.spans import SpanColumns

Cells: TypeAlias = npt.NDArray[np.void]  # (n,): what goes into the hole of each span

_SHIFTS = np.arange(0, 63, 7, dtype=np.uint64)  # nine groups of seven bits: an int64 that is not below 0


def cells_of(group: SpanColumns) -> tuple[Form, list[Cells]]:
    """Return the form of a group's spans, and the cells for each hole of its template in turn.

    Raises ValueError where a column has another shape than it should, a number below 0, or text that is not ASCII.
    """
    ids = [_bytes(group, "trace_ids", group.trace_ids, 16), _bytes(group, "span_ids", group.span_ids, 8)]
    if group.parent_ids is not None:
        ids.append(_bytes(group, "parent_ids", group.parent_ids, 8))
    times = [_time(group, "start_ns", group.start_ns), _time(group, "end_ns", group.end_ns)]
    numbers = {name: _varints(group, name, column) for name, column in group.numbers.items() if name not in group.texts}
    texts = {name: _text(group, name, column) for name, column in group.texts.items() if not _is_empty(column)}
    links = []
    for trace_ids, span_ids in group.links:
        links.append(_bytes(group, "trace ids of links", trace_ids, 16))
        links.append(_bytes(group, "span ids of links", span_ids, 8))
    form = Form(
        name=group.name,
        kind=group.kind,
        has_parent=group.parent_ids is not None,
        attributes=b"".join(_constants(group)),
        numbers=tuple((name, cells.itemsize) for name, cells in numbers.items()),
        texts=tuple((name, cells.itemsize) for name, cells in texts.items()),
        links=len(group.links),
        error=group.error,
    )
    return form, [*ids, *times, *numbers.values(), *texts.values(), *links]


def _constants(group: SpanColumns) -> Iterator[bytes]:
    """A name stands for one attribute, as it does in `SpanColumns.spans`."""
    for name, value in group.attributes.items():
        if name not in group.numbers and name not in group.texts:
            yield attribute(name, value)
    for name, column in group.texts.items():
        if _is_empty(column):
            yield attribute(name, "")


def _is_empty(texts: npt.NDArray[np.uint8]) -> bool:
    """Whether each is the empty text, for which there is no hole."""
    return texts.shape[1:] == (0,)


def _bytes(group: SpanColumns, what: str, column: npt.NDArray[np.uint8], width: int) -> Cells:
    if column.shape != (len(group), width) or column.dtype != np.uint8:
        raise ValueError(_misfit(group, what, column, f"({len(group)}, {width}) of uint8"))
    return np.ascontiguousarray(column).view(_cell(width)).ravel()


def _text(group: SpanColumns, what: str, column: npt.NDArray[np.uint8]) -> Cells:
    if column.ndim != 2:
        raise ValueError(_misfit(group, what, column, "two dimensions"))
    cells = _bytes(group, what, column, column.shape[1])
    if column.max() > 0x7F:
        raise ValueError(f"span `{group.name}`: `{what}` has bytes that are not ASCII; a collector would refuse all")
    return cells


def _time(group: SpanColumns, what: str, column: npt.NDArray[Any]) -> Cells:
    numbers, _ = _not_below_0(group, what, column)
    return numbers.astype("<u8", copy=False).view(_cell(8))


def _varints(group: SpanColumns, what: str, column: npt.NDArray[Any]) -> Cells:
    """Return varints as wide as the greatest: the others are padded with groups of 0."""
    numbers, greatest = _not_below_0(group, what, column)
    width = max(1, (greatest.bit_length() + 6) // 7)
    groups = (numbers[:, None] >> _SHIFTS[:width]).astype(np.uint8)
    groups[:, :-1] |= 0x80  # there is more to come; that the last byte has no such bit follows from its width
    return groups.view(_cell(width)).ravel()


def _not_below_0(group: SpanColumns, what: str, column: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint64], int]:
    """Return the numbers, and the greatest of them."""
    if column.shape != (len(group),) or column.dtype != np.int64:
        raise ValueError(_misfit(group, what, column, f"({len(group)},) of int64"))
    numbers = np.ascontiguousarray(column).view(np.uint64)
    greatest = int(numbers.max())
    if greatest >> 63:
        raise ValueError(f"span `{group.name}`: `{what}` has a number below 0: {column.min()}")
    return numbers, greatest


@lru_cache(maxsize=256)
def _cell(width: int) -> np.dtype[np.void]:
    return np.dtype((np.void, width))


def _misfit(group: SpanColumns, what: str, column: npt.NDArray[Any], wanted: str) -> str:
    return f"span `{group.name}`: `{what}` is {column.shape} of {column.dtype}, where it has to be {wanted}"
