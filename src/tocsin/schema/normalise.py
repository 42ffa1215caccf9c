"""Make an event of a record's bytes: format, envelope, native fields and overlay."""

from datetime import UTC, tzinfo
from typing import Any

from tocsin.event import Event, Shape
from tocsin.schema.detect import UNKNOWN, format_of
from tocsin.schema.kinds import KINDS
from tocsin.schema.parse import parse
from tocsin.schema.quick import Readers, is_in_future
from tocsin.schema.shapes import SHAPES
from tocsin.schema.times import first_time
from tocsin.schema.users import account, acting_user

_NO_OVERLAY: dict[str, Any] = {}
_READERS = Readers()


def normalise(raw: bytes, ingest_us: int, timezone: tzinfo = UTC) -> Event:
    """Return the event in `raw`, one JSON object. Pure: the same arguments give the same event.

    `ingest_us`: when the record was read (UTC, microseconds since 1970), its time where it says none.
    `timezone`: of times that name no zone. Raises DecodeError with reason `empty`, `not_json`, `too_deep` or
    `not_an_object`. Overlays may be shared between events: never change them.
    """
    record, json, flags = parse(raw)
    if flags:
        return _normalised(record, json, raw, flags, ingest_us, timezone)
    keys = tuple(record)
    event = _READERS.read(keys, record, json, ingest_us, timezone)
    if event is None:
        event = _normalised(record, json, raw, flags, ingest_us, timezone)
    return event


def _normalised(
    record: dict[str, Any], json: bytes, raw: bytes, flags: tuple[str, ...], ingest_us: int, timezone: tzinfo
) -> Event:
    """Read a record of any shape."""
    is_repaired = json is not raw
    form = format_of(record)
    native = form.read(record)
    fields = native.fields

    found = first_time(native.times, form.times, timezone)
    if found is None:
        time_us, time_source = ingest_us, "ingest"
        is_there = any(native.times.get(name) not in (None, "") for name, _ in form.times)
        flags += ("unreadable_time" if is_there else "missing_time",)
    else:
        time_us, time_source, is_assumed = found
        if is_assumed:
            flags += ("assumed_timezone",)
        if is_in_future(time_us, ingest_us):
            flags += ("future_time",)

    host = native.host.lower()
    if form is UNKNOWN:
        flags += ("unknown_format",)
        shape = SHAPES.of(Shape(form.name), fields)
        return Event(json, shape, fields, _NO_OVERLAY, time_us, time_source, host, "", flags, is_repaired)

    kind = KINDS[native.channel, native.code]
    if kind.add_aliases is not None:
        kind.add_aliases(fields)
    logsource = kind.logsource_of(fields) if kind.logsource_field else kind.logsource
    user = acting_user(fields, kind.acting)
    if not user and kind.is_account_acting:
        user = account(*native.account)
    overlay = kind.overlay(fields) if kind.overlay is not None and logsource.categories else _NO_OVERLAY
    shape = SHAPES.of(Shape(form.name, logsource, kind.channel, native.provider, native.code), fields)
    return Event(json, shape, fields, overlay, time_us, time_source, host, user, flags, is_repaired)
