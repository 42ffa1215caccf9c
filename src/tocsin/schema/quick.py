"""Read events whose keys were seen before: where the envelope lies is then known, and need not be looked for.

What a quick reader cannot be sure of it leaves to the plain way of `normalise`; both give the same event.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from operator import itemgetter
from typing import Any, Protocol

from tocsin.event import Event, Logsource, Shape
from tocsin.schema.evtx_json import TIMES as EVTX_TIMES
from tocsin.schema.evtx_json import payload_of, system_fields
from tocsin.schema.flat_windows import OTHER_PROVIDER_FIELDS, is_flat_windows
from tocsin.schema.flat_windows import TIMES as FLAT_TIMES
from tocsin.schema.kinds import KINDS, Kind
from tocsin.schema.memory import Remembered
from tocsin.schema.shapes import SHAPES, are_rare
from tocsin.schema.times import LONGEST_CHARS, microseconds
from tocsin.schema.users import NameFields, account, acting_user

FUTURE_US = 5 * 60 * 1_000_000  # later than clocks that differ a little explain
_MAX_READERS = 4096
_MAX_KINDS = 4096  # of one reader
_MAX_CHARACTERS = 300  # of channel, provider and event id
_NO_OVERLAY: dict[str, Any] = {}
_HOSTS: Remembered[str, str] = Remembered(str.lower, entries=20_000, max_chars=100)


# What a reader raises where something is not as it mostly is.
NOT_AS_USUAL = (TypeError, KeyError, AttributeError, ValueError, OverflowError)


class Reader(Protocol):
    """Reads records that have certain keys."""

    def read(self, record: dict[str, Any], json: bytes, ingest_us: int, timezone: tzinfo) -> Event | None:
        """Return the event; None, or one of NOT_AS_USUAL, where the record takes the plain way.

        It may then have names that the plain way adds, too.
        """


class Readers(dict[tuple[str, ...], Reader | None]):
    """`readers[keys]` reads records with these keys; None: they take the plain way. Bounded: starts anew when full."""

    def __missing__(self, keys: tuple[str, ...]) -> Reader | None:
        if are_rare(keys):
            return None
        if len(self) >= _MAX_READERS:
            self.clear()
        reader = self[keys] = _reader_of(keys)
        return reader


def _reader_of(keys: tuple[str, ...]) -> Reader | None:
    if keys == ("Event",):
        return _EvtxReader()
    return _FlatReader(keys) if is_flat_windows(keys) and _FlatReader.can_read(keys) else None


@dataclass(slots=True)
class _Known:
    """What follows from an event's keys, channel, provider and id."""

    kind: Kind
    provider: str
    code: str
    format: str
    users: tuple[NameFields, ...]  # those that are there
    shapes: dict[Logsource, Shape] = field(default_factory=dict)
    shape: Shape | None = None  # where the log source follows too

    def event(
        self, json: bytes, fields: dict[str, Any], time_us: int, time_source: str, host: str, flags: tuple[str, ...]
    ) -> Event:
        kind = self.kind
        if kind.add_aliases is not None:
            kind.add_aliases(fields)
        shape = self.shape
        if shape is None:
            shape = self._shape(kind.logsource_of(fields) if kind.logsource_field else kind.logsource, fields)
        overlay = kind.overlay(fields) if kind.overlay is not None and shape.logsource.categories else _NO_OVERLAY
        return Event(json, shape, fields, overlay, time_us, time_source, host, acting_user(fields, self.users), flags)

    def _shape(self, logsource: Logsource, fields: dict[str, Any]) -> Shape:
        shape = self.shapes.get(logsource)
        if shape is None:
            shape = Shape(self.format, logsource, self.kind.channel, self.provider, self.code)
            shape = self.shapes[logsource] = SHAPES.of(shape, fields)
            if not self.kind.logsource_field:
                self.shape = shape
        return shape


def _known(format_name: str, channel: Any, provider: Any, code: Any, keys: Mapping[str, Any]) -> _Known | None:
    if not (type(channel) is str and type(provider) is str and channel and provider):
        return None
    if not (type(code) is int or (type(code) is str and code)):
        return None
    if len(channel) + len(provider) + len(str(code)) > _MAX_CHARACTERS:
        return None
    kind = KINDS[channel, str(code)]
    users = tuple(names for names in kind.acting if names[1] in keys)
    return _Known(kind, provider, str(code), format_name, users)


class _FlatReader:
    """Reads flat Windows events with certain keys."""

    def __init__(self, keys: Sequence[str]) -> None:
        provider = next(name for name in _PROVIDER_FIELDS if name in keys)
        host = next(name for name in _HOST_FIELDS if name in keys)
        self._time_source, self._is_utc = next((name, is_utc) for name, is_utc in FLAT_TIMES if name in keys)
        self._envelope = itemgetter("Channel", provider, "EventID", host, self._time_source)
        self._adds_provider = "Provider_Name" not in keys
        self._adds_computer = "Computer" not in keys
        self._has_account = "AccountName" in keys
        self._kinds: dict[tuple[str, str, int | str], _Known] = {}

    @staticmethod
    def can_read(keys: Sequence[str]) -> bool:
        return (
            "Channel" in keys
            and "EventData" not in keys
            and any(name in keys for name in _PROVIDER_FIELDS)
            and any(name in keys for name in _HOST_FIELDS)
            and any(name in keys for name, _ in FLAT_TIMES)
        )

    def read(self, record: dict[str, Any], json: bytes, ingest_us: int, timezone: tzinfo) -> Event | None:
        channel, provider, code, host, moment = self._envelope(record)
        if not host or not (type(code) is int or type(code) is str):
            return None
        known = self._kinds.get((channel, provider, code))
        if known is None:
            known = _known("flat-windows", channel, provider, code, record)
            if known is None:
                return None
            if len(self._kinds) >= _MAX_KINDS:
                self._kinds.clear()
            self._kinds[channel, provider, code] = known
        time_us, flags = _time_of(moment, ingest_us, None if self._is_utc else timezone)
        host_name = _HOSTS[host]
        account_name = (record.get("Domain"), record["AccountName"]) if self._has_account else None
        if self._adds_provider:
            record["Provider_Name"] = provider
        if self._adds_computer:
            record["Computer"] = host
        event = known.event(json, record, time_us, self._time_source, host_name, flags)
        if not event.user and account_name and known.kind.is_account_acting:
            event.user = account(*account_name)
        return event


_PROVIDER_FIELDS = ("SourceName", *OTHER_PROVIDER_FIELDS)
_HOST_FIELDS = ("Hostname", "Computer", "ComputerName")


class _EvtxReader:
    """Reads EVTX records of evtx_dump and pyevtx-rs."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, int | str, tuple[str, ...]], _Known] = {}

    def read(self, record: dict[str, Any], json: bytes, ingest_us: int, timezone: tzinfo) -> Event | None:  # noqa: ARG002
        event = record["Event"]
        system = event["System"]
        channel, computer, code, provider, created = _envelope(system)
        provider = provider["#attributes"]["Name"]
        if type(code) is dict:
            code = code["#text"]
        if not (type(code) is int or type(code) is str) or type(computer) is not str:
            return None
        time_us, flags = _time_of(created["#attributes"]["SystemTime"], ingest_us, None)
        fields = system_fields(system)
        fields.update(payload_of(event))
        fields["EventID"] = code
        fields["Channel"] = channel
        fields["Computer"] = computer
        fields["Provider_Name"] = provider
        security = system.get("Security")
        if security is not None and (user_sid := security["#attributes"]["UserID"]) is not None:
            fields["Security_UserID"] = fields["UserID"] = user_sid
        key = (channel, provider, code, tuple(fields))
        known = self._kinds.get(key)
        if known is None:
            known = _known("evtx-json", channel, provider, code, fields)
            if known is None or are_rare(fields):
                return None
            if len(self._kinds) >= _MAX_KINDS:
                self._kinds.clear()
            self._kinds[key] = known
        return known.event(json, fields, time_us, EVTX_TIMES[0][0], _HOSTS[computer], flags)


_envelope: Callable[[Mapping[str, Any]], tuple[Any, ...]] = itemgetter(
    "Channel", "Computer", "EventID", "Provider", "TimeCreated"
)


def _time_of(moment: str, ingest_us: int, timezone: tzinfo | None) -> tuple[int, tuple[str, ...]]:
    """Return microseconds since 1970, and flags. `timezone`: of a time that names none; None: UTC, and no flag."""
    if len(moment) > LONGEST_CHARS:
        raise ValueError
    seconds, flags = _UTC_SECONDS, _NO_FLAGS
    if timezone is not None and moment[-1:] != "Z":
        seconds, flags = _seconds_in(timezone), _ASSUMED
    try:
        time_us = seconds[moment[:19]] + _MILLISECONDS[moment[19:23]] + _MICROSECONDS[moment[23:]]
    except KeyError:
        time_us, flags = _other_time(moment, timezone)
    if time_us > ingest_us + FUTURE_US:
        flags = (*flags, "future_time")
    return time_us, flags


_NO_FLAGS: tuple[str, ...] = ()
_ASSUMED = ("assumed_timezone",)


class _Seconds(dict[str, int]):
    """Microseconds since 1970 of whole seconds such as `2026-01-12 06:00:00`: events of one second come together."""

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, text: str) -> int:
        if not _PLAIN_SECOND.fullmatch(text):
            raise KeyError(text)
        time_us = microseconds(datetime.fromisoformat(text).replace(tzinfo=self._zone))
        if time_us is None:
            raise KeyError(text)
        if len(self) >= _MAX_SECONDS:
            self.clear()
        self[text] = time_us
        return time_us


_PLAIN_SECOND = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", re.ASCII)
_MAX_SECONDS = 10_000
_UTC_SECONDS = _Seconds(UTC)
_ZONES: dict[tzinfo, _Seconds] = {}
_MAX_ZONES = 16


def _seconds_in(zone: tzinfo) -> _Seconds:
    seconds = _ZONES.get(zone)
    if seconds is None:
        if len(_ZONES) >= _MAX_ZONES:
            _ZONES.clear()
        seconds = _ZONES[zone] = _Seconds(zone)
    return seconds


class _Digits(dict[str, int]):
    """Microseconds of a part of a fraction of a second, by its text."""

    def __init__(self, form: str, first: int) -> None:
        """`form`: an expression for all that is read. `first`: microseconds that the first digit stands for."""
        super().__init__()
        self._form = re.compile(form, re.ASCII)
        self._first = first

    def __missing__(self, text: str) -> int:
        if not self._form.fullmatch(text):
            raise KeyError(text)
        digits = text.strip(".Z")[:_DIGITS]
        value = int(digits) * self._first // 10 ** (len(digits) - 1) if digits else 0
        if len(text) <= _REMEMBERED_CHARACTERS:
            self[text] = value
        return value


_DIGITS = 3  # of each part: what is less than a microsecond is cut off
_REMEMBERED_CHARACTERS = 5
_MILLISECONDS = _Digits(r"Z?|\.\d{1,3}|\.\dZ", 100_000)  # of ".123", or of all there is if that is shorter
_MICROSECONDS = _Digits(r"\d*Z?", 100)  # of what follows


def _other_time(moment: str, timezone: tzinfo | None) -> tuple[int, tuple[str, ...]]:
    if moment[4:5] != "-":
        raise ValueError
    at = datetime.fromisoformat(moment)
    is_assumed = at.tzinfo is None and timezone is not None
    time_us = microseconds(at if at.tzinfo else at.replace(tzinfo=timezone or UTC))
    if time_us is None:
        raise ValueError
    return time_us, _ASSUMED if is_assumed else ()
