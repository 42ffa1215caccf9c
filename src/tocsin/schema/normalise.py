"""Make an event of a record's bytes: format, envelope, native fields and overlay."""

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any

from tocsin.event import Event, Shape
from tocsin.schema.detect import FLAT_WINDOWS, UNKNOWN, format_of
from tocsin.schema.kinds import KINDS
from tocsin.schema.log_format import LogFormat, LogFormats, at, first_text_at
from tocsin.schema.parse import parse
from tocsin.schema.products import KNOWN
from tocsin.schema.quick import FUTURE_US, NOT_AS_USUAL, Readers
from tocsin.schema.shapes import SHAPES
from tocsin.schema.sysmon_linux import read_sysmon, sysmon_text
from tocsin.schema.times import first_time
from tocsin.schema.users import account, acting_user

_NO_OVERLAY: dict[str, Any] = {}
_READERS = Readers()


def normalise(raw: bytes, ingest_us: int, timezone: tzinfo = UTC, own: LogFormats | None = None) -> Event:
    """Return the event in `raw`, one JSON object. Pure: the same arguments give the same event.

    `ingest_us`: when the record was read (UTC, microseconds since 1970), its time where it says none. `timezone`: of
    times that name no zone. `own`: the user's formats, which come before all others. Raises DecodeError with reason
    `empty`, `not_json`, `too_deep` or `not_an_object`. Overlays may be shared between events: never change them.
    """
    record, json, flags = parse(raw)
    if own is not None and (form := own.of(record)) is not None:
        return _of_format(form, record, json, json is not raw, flags, ingest_us, timezone)
    if flags:
        return _normalised(record, json, raw, flags, ingest_us, timezone)
    reader = _READERS[tuple(record)]
    if reader is not None:
        try:
            event = reader.read(record, json, ingest_us, timezone)
        except NOT_AS_USUAL:
            event = None
        if event is not None:
            return event
    return _normalised(record, json, raw, flags, ingest_us, timezone)


def _normalised(
    record: dict[str, Any], json: bytes, raw: bytes, flags: tuple[str, ...], ingest_us: int, timezone: tzinfo
) -> Event:
    """Read a record of any shape."""
    is_repaired = json is not raw
    form = format_of(record)
    if form is UNKNOWN:
        known = KNOWN.of(record)
        if known is not None:
            return _of_format(known, record, json, is_repaired, flags, ingest_us, timezone)
        if written := sysmon_text(record):
            form, record = FLAT_WINDOWS, read_sysmon(written)
    native = form.read(record)
    fields = native.fields
    time_us, time_source, time_flags = _time_of(native.times, form.times, ingest_us, timezone)
    flags += time_flags

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


def _of_format(
    form: LogFormat,
    record: dict[str, Any],
    json: bytes,
    is_repaired: bool,
    flags: tuple[str, ...],
    ingest_us: int,
    timezone: tzinfo,
) -> Event:
    """Read a record of a format that is known as data."""
    fields = form.fields_of(record)
    times = {path: at(fields, path) for path in form.times}
    time_us, time_source, time_flags = _time_of(times, [(path, False) for path in form.times], ingest_us, timezone)
    host, user = first_text_at(fields, form.hosts).lower(), first_text_at(fields, form.users)
    shape = SHAPES.of(Shape(form.name, form.logsource), fields)
    return Event(json, shape, fields, _NO_OVERLAY, time_us, time_source, host, user, flags + time_flags, is_repaired)


def _time_of(
    values: Mapping[str, Any], candidates: Sequence[tuple[str, bool]], ingest_us: int, timezone: tzinfo
) -> tuple[int, str, tuple[str, ...]]:
    """Return the time of an event, what gave it, and flags; the time at which it was read where it says none."""
    found = first_time(values, candidates, timezone)
    if found is None:
        is_there = any(values.get(name) not in (None, "") for name, _ in candidates)
        return ingest_us, "ingest", ("unreadable_time" if is_there else "missing_time",)
    time_us, time_source, is_assumed = found
    flags = ("assumed_timezone",) if is_assumed else ()
    return time_us, time_source, (*flags, "future_time") if time_us > ingest_us + FUTURE_US else flags
