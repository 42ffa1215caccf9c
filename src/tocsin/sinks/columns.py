"""Turn rows into Arrow columns: what hangs on the verdict is made once for each verdict, then spread by index."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import pyarrow as pa

from tocsin.dead_letter import read_dead_letter
from tocsin.event import Record, Stamp, parts_of
from tocsin.sinks.decode import Row, Verdict

_TEXT: pa.DataType = pa.string()
_TEXTS: pa.DataType = pa.list_(pa.field("element", pa.string()))
_TIME: pa.DataType = pa.timestamp("us")  # UTC
_ZONED_TIME = pa.timestamp("us", tz="UTC")
_LAST_US = 253_402_300_799_999_999  # the end of year 9999

EVENT_SCHEMA = pa.schema(
    [
        ("topic", _TEXT),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("event_id", _TEXT),
        ("time", _TIME),
        ("time_source", _TEXT),
        ("ingest_time", _TIME),
        ("host", _TEXT),
        ("user", _TEXT),
        ("format", _TEXT),
        ("product", _TEXT),
        ("service", _TEXT),
        ("categories", _TEXTS),
        ("channel", _TEXT),
        ("provider", _TEXT),
        ("code", _TEXT),
        ("flags", _TEXTS),
        ("basis", _TEXT),
        ("level", _TEXT),
        ("activity_tactic", _TEXT),
        ("tactics", _TEXTS),
        ("techniques", _TEXTS),
        ("rules", _TEXTS),
        ("matches", _TEXT),
        ("alert_ids", _TEXTS),
        ("rules_digest", _TEXT),
        ("attack_version", _TEXT),
        ("event", _TEXT),
        ("raw", pa.binary()),
        ("trace", pa.binary()),
    ]
)

DEAD_LETTER_SCHEMA = pa.schema(
    [
        ("topic", _TEXT),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("time", _TIME),
        ("stage", _TEXT),
        ("reason", _TEXT),
        ("detail", _TEXT),
        ("place", _TEXT),
        ("length", pa.int64()),
        ("sha256", _TEXT),
        ("event_id", _TEXT),
        ("raw", pa.binary()),
        ("trace", pa.binary()),
    ]
)

_OF_VERDICT = (
    "format", "product", "service", "categories", "channel", "provider", "code", "basis", "level", "activity_tactic",
    "tactics", "techniques", "rules", "matches", "rules_digest", "attack_version",
)  # fmt: skip


def event_columns(rows: Sequence[Row]) -> pa.RecordBatch:
    """Return rows as columns of EVENT_SCHEMA.

    Raises ValueError, TypeError or OverflowError when a value does not fit its column; only rows that another program
    wrote can do that, and `misfit` tells which.
    """
    envelopes = [row.envelope for row in rows]
    places = [envelope.source for envelope in envelopes]
    columns: dict[str, Any] = {
        "topic": [place.topic for place in places],
        "partition": [place.partition for place in places],
        "offset": [place.offset for place in places],
        "event_id": [envelope.event_id for envelope in envelopes],
        "time": _times([envelope.time for envelope in envelopes]),
        "time_source": [envelope.time_source for envelope in envelopes],
        "ingest_time": _times([envelope.ingest_time for envelope in envelopes]),
        "host": [envelope.host for envelope in envelopes],
        "user": [envelope.user for envelope in envelopes],
        "flags": [envelope.flags for envelope in envelopes],
        "alert_ids": [envelope.alerts for envelope in envelopes],
        "event": [row.event for row in rows],
        "raw": [envelope.raw for envelope in envelopes],
        "trace": [parts_of(row.record) + row.part for row in rows],
    }
    columns |= _verdict_columns([row.verdict for row in rows])
    return _batch(columns, EVENT_SCHEMA)


def misfit(row: Row) -> str | None:
    """Return what keeps a row from fitting the columns; None when it fits."""
    try:
        event_columns([row])
    except (ValueError, TypeError, OverflowError) as error:
        return str(error)
    return None


def dead_letter_columns(records: Sequence[Record], parts: Iterable[bytes] = repeat(b"")) -> pa.RecordBatch:
    """Return records of `dead-letters` as columns of DEAD_LETTER_SCHEMA. `parts`: the store's for each record."""
    letters = [read_dead_letter(record) for record in records]
    columns = {
        "topic": [record.topic for record in records],
        "partition": [record.partition for record in records],
        "offset": [record.offset for record in records],
        "time": pa.array([min(max(record.timestamp_us, 0), _LAST_US) for record in records], pa.int64()).cast(_TIME),
        "stage": [letter.stage for letter in letters],
        "reason": [letter.reason for letter in letters],
        "detail": [letter.detail for letter in letters],
        "place": [letter.place for letter in letters],
        "length": [letter.length for letter in letters],
        "sha256": [letter.sha256 for letter in letters],
        "event_id": [_event_id(record) for record in records],
        "raw": [record.value for record in records],
        "trace": [parts_of(record) + part for record, part in zip(records, parts, strict=False)],
    }
    return _batch(columns, DEAD_LETTER_SCHEMA)


def _times(texts: Sequence[str | None]) -> "pa.Array[Any]":
    return pa.array(texts, _TEXT).cast(_ZONED_TIME).cast(_TIME)


def _verdict_columns(verdicts: Sequence[Verdict]) -> dict[str, "pa.Array[Any]"]:
    numbers: dict[Verdict, int] = {}
    indices = pa.array([numbers.setdefault(verdict, len(numbers)) for verdict in verdicts], pa.int32())
    distinct = list(numbers)
    return {
        name: pa.array([getattr(verdict, name) for verdict in distinct], EVENT_SCHEMA.field(name).type).take(indices)
        for name in _OF_VERDICT
    }


def _batch(columns: dict[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        column if isinstance(column := columns[field.name], pa.Array) else pa.array(column, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _event_id(record: Record) -> str | None:
    stamp = Stamp.of(record)
    return stamp.event_id.hex() if stamp else None
