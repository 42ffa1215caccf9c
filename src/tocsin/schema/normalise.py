"""Make an event of a record's bytes: format, envelope, native fields and views."""

from datetime import UTC, tzinfo
from typing import Any

from tocsin.event import Event
from tocsin.schema.detect import UNKNOWN, format_of
from tocsin.schema.kinds import KINDS
from tocsin.schema.parse import parse
from tocsin.schema.times import first_time
from tocsin.schema.users import account, acting_user

_NO_OVERLAY: dict[str, Any] = {}
_FUTURE_US = 5 * 60 * 1_000_000


def normalise(raw: bytes, ingest_us: int, timezone: tzinfo = UTC) -> Event:
    """Return the event in `raw`, one JSON object. Pure: the same arguments give the same event.

    `ingest_us`: when the record was read (UTC, microseconds since 1970), its time where it says none.
    `timezone`: of times that name no zone. Raises DecodeError with reason `empty`, `not_json`, `too_deep` or
    `not_an_object`. Overlays may be shared between events: never change them.
    """
    record, json, flags = parse(raw)
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
        if time_us > ingest_us + _FUTURE_US:
            flags += ("future_time",)

    host = native.host.lower()
    if form is UNKNOWN:
        flags += ("unknown_format",)
        return Event(json, is_repaired, form.name, time_us, time_source, flags, host, fields=fields)

    kind = KINDS[native.channel, native.code]
    if kind.add_aliases is not None:
        kind.add_aliases(fields)
    logsource = kind.logsource_of(fields) if kind.logsource_field else kind.logsource
    user = acting_user(fields, kind.acting)
    if not user and kind.is_account_acting:
        user = account(*native.account)
    overlay = kind.overlay(fields) if kind.overlay is not None and logsource.categories else _NO_OVERLAY
    return Event(
        json,
        is_repaired,
        form.name,
        time_us,
        time_source,
        flags,
        host,
        user,
        logsource,
        kind.channel,
        native.provider,
        native.code,
        fields,
        overlay,
    )
