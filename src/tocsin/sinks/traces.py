"""What the store keeps of events for their traces: from its rows to columns that spans are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.sinks.layout import DEAD_LETTERS
from tocsin.telemetry.spans import Ids, Numbers, Value
from tocsin.telemetry.stage_times import unpacked
from tocsin.telemetry.trace import TracedEvents

EVENT_COLUMNS = (
    "event_id", "ingest_time", "trace", "topic", "partition", "offset", "level", "activity_tactic", "matches",
    "alert_ids", "host",
)  # fmt: skip
DEAD_LETTER_COLUMNS = ("event_id", "trace", "topic", "partition", "offset", "stage", "reason", "detail")

_EVENT_ID = r"^[0-9a-f]{32}$"
_NO_ID = "0" * 32  # W3C trace context: no trace id


def columns_of(kind: str) -> Sequence[str]:
    """Return the columns of a kind of segment that its traces need."""
    return DEAD_LETTER_COLUMNS if kind == DEAD_LETTERS else EVENT_COLUMNS


def traced_only(rows: pa.Table) -> pa.Table:
    """Return the rows that have a trace: an id that can be one, and some times."""
    ids: Any = rows["event_id"]
    is_traced: Any = pc.greater(pc.fill_null(pc.binary_length(rows["trace"]), 0), pa.scalar(0, pa.int32()))
    for is_met in (pc.match_substring_regex(ids, _EVENT_ID), pc.not_equal(ids, pa.scalar(_NO_ID))):
        is_traced = pc.and_(is_traced, pc.fill_null(is_met, False))
    return rows if pc.all(is_traced).as_py() else rows.filter(is_traced)  # as a rule they all are


def trace_ids_of(rows: pa.Table) -> Ids:
    """Return the trace ids of rows that have a trace: (n, 16)."""
    return np.frombuffer(bytes.fromhex("".join(filter(None, rows["event_id"].to_pylist()))), np.uint8).reshape(-1, 16)


def have_alert(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Return which rows have an alert: (n,)."""
    if "alert_ids" not in rows.column_names:
        return np.zeros(rows.num_rows, bool)
    return _numbers(_filled(pc.list_value_length(rows["alert_ids"]), 0)) > 0


def events_in(rows: pa.Table, kind: str) -> TracedEvents:
    """Return rows as columns of events, or of dead letters; they are `traced_only`, and have the columns of `kind`."""
    traces, trace = _distinct(rows["trace"])
    place_rows = pa.table({"topic": rows["topic"], "partition": rows["partition"]})
    places, place = _distinct_rows(place_rows)
    is_letter = kind == DEAD_LETTERS
    of_kind: dict[str, Any] = {}
    if is_letter:
        errors, of_kind["error"] = _distinct_rows(rows.select(["stage", "reason", "detail"]))
        of_kind["errors"] = [(stage or "", f"{reason}: {detail}") for stage, reason, detail in errors]
    else:
        verdicts, of_kind["verdict"] = _distinct_rows(
            rows.select(["level", "activity_tactic", "matches"]).append_column("host", _host_of_detections(rows))
        )
        of_kind["verdicts"] = [_attributes(*verdict) for verdict in verdicts]
    return TracedEvents(
        trace_ids=trace_ids_of(rows),
        ingest_us=_ingest_us(rows, is_letter),
        traces=[unpacked(packed) for packed in traces],
        trace=trace,
        places=[(topic or "", -1 if partition is None else partition) for topic, partition in places],
        place=place,
        offsets=np.maximum(_numbers(_filled(rows["offset"], 0)), 0),
        **of_kind,
    )


def _ingest_us(rows: pa.Table, is_letter: bool) -> Numbers:
    """Return when each was ingested; 0 where nobody knows: a dead letter has only when it was put aside."""
    if is_letter:
        return np.zeros(rows.num_rows, np.int64)
    return _numbers(_filled(rows["ingest_time"].cast(pa.int64()), 0))


def _host_of_detections(rows: pa.Table) -> "pa.ChunkedArray[Any]":
    """Return the host of each row on which rules fired: with all hosts, hardly two events would have the same found."""
    is_found: Any = pc.is_valid(rows["level"])
    hosts: pa.ChunkedArray[Any] = pc.if_else(is_found, _filled(rows["host"], ""), "")
    return hosts


def _attributes(level: str | None, activity_tactic: str | None, matches: str | None, host: str) -> Mapping[str, Value]:
    """Return what a verdict says, as attributes of its span; what is empty is left out."""
    found = orjson.loads(matches or "[]")
    attributes: dict[str, Value] = {
        "rule.id": [match["id"] for match in found],
        "rule.name": [match["title"] for match in found],
        "threat.tactic.id": sorted({tactic for match in found for tactic in match["tactics"]}),
        "threat.technique.id": sorted({technique for match in found for technique in match["techniques"]}),
        "tocsin.level": level or "",
        "tocsin.activity_tactic": activity_tactic or "",
        "tocsin.host": host,
    }
    return {name: value for name, value in attributes.items() if value}


def _distinct(column: "pa.ChunkedArray[Any]") -> tuple[list[Any], Numbers]:
    """Return the distinct values, and for each row the index of its own."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), _numbers(encoded.indices)


def _distinct_rows(rows: pa.Table) -> tuple[list[tuple[Any, ...]], Numbers]:
    """Return the distinct rows, and for each row the index of its own."""
    each = [_distinct(_filled(column, _empty(column.type))) for column in rows.columns]
    numbers: dict[tuple[int, ...], int] = {}
    index = [
        numbers.setdefault(row, len(numbers)) for row in zip(*(column.tolist() for _, column in each), strict=True)
    ]
    distinct = [tuple(values[at] for (values, _), at in zip(each, row, strict=True)) for row in numbers]
    return distinct, np.array(index, np.int64)


def _filled(column: "pa.ChunkedArray[Any]", value: Any) -> "pa.ChunkedArray[Any]":
    filled: pa.ChunkedArray[Any] = pc.fill_null(column, value)
    return filled


def _empty(kind: pa.DataType) -> Any:
    return -1 if pa.types.is_integer(kind) else ""


def _numbers(column: Any) -> Numbers:
    numbers: Numbers = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    return numbers.astype(np.int64)
