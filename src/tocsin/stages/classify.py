"""Classify: normalise each record, match the rules, and put the verdict before the event's own bytes."""

from base64 import b64encode
from binascii import hexlify
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any, Protocol

import orjson
from xxhash import xxh3_128_hexdigest

from tocsin.dead_letter import MAX_HEADERS_BYTES, dead_letter_of, headers_bytes
from tocsin.errors import DecodeError
from tocsin.event import (
    ALERTS,
    CLASSIFIED_EVENTS,
    DEAD_LETTERS,
    EVENT_AT_HEADER,
    MAX_OUTPUT_BYTES,
    MAX_RECORD_BYTES,
    STAMP_HEADER,
    Event,
    Headers,
    Record,
    Shape,
    Stamp,
)
from tocsin.flow import Batch, Outputs
from tocsin.telemetry.ids import alert_id_of, event_id_of, origin_of
from tocsin.timestamps import iso_utc
from tocsin.verdict import JudgedRule, Verdict, is_alert, judge

_REMEMBERED_VERDICTS = 20_000
_REMEMBERED_CHARACTERS = 256  # longer texts are hostile or rare: remembering them would cost memory without bound
_MAX_CLASSIFIED_BYTES = MAX_OUTPUT_BYTES - MAX_HEADERS_BYTES  # with the key
_SIGHTING_SECONDS = 60
_AT_ONCE = 32  # events in pieces: so many fit into the processor's cache from normalising to encoding

Normalise = Callable[[bytes, int], Event]  # raw bytes, ingest time in µs -> event; raises DecodeError


class Matcher(Protocol):
    """Says which rules an event fires, baseline rules among them."""

    def match(self, event: Event) -> tuple[JudgedRule, ...]: ...


@dataclass(frozen=True)
class ClassifySettings:
    origin: str  # what `raw-events` is and no other topic, for the ids of records that carry no stamp of ours
    tactic_names: Mapping[str, str]  # id -> name, in matrix order
    attack_version: str
    rules_digest: str
    alert_level: str = "medium"


class Classify:
    """A step: raw events in; classified events, alerts and dead letters out. One record in is one record out."""

    def __init__(
        self,
        settings: ClassifySettings,
        normalise: Normalise,
        matcher: Matcher,
        clock_us: Callable[[], int],
        spend: Callable[[str, float], None],
    ) -> None:
        """`spend(part, seconds)` is told where the time of each batch went: normalise, match, encode."""
        self._settings = settings
        self._normalise = normalise
        self._matcher = matcher
        self._clock_us = clock_us
        self._spend = spend
        self._tactic_order = tuple(settings.tactic_names)
        self._rendered: dict[tuple[Shape, tuple[JudgedRule, ...]], tuple[bytes, tuple[JudgedRule, ...]]] = {}

    def __call__(self, batch: Batch) -> Outputs:
        classified: list[Record] = []
        alerts: list[Record] = []
        dead: list[Record] = []
        for first in range(0, len(batch.records), _AT_ONCE):
            started = perf_counter()
            events = self._events(batch.records[first : first + _AT_ONCE], dead)
            normalised = perf_counter()
            matches = [self._matcher.match(event) for _, event, _, _ in events]
            matched = perf_counter()
            for (record, event, event_id, ingest_us), rules in zip(events, matches, strict=True):
                self._encode(record, event, event_id, ingest_us, rules, classified, alerts, dead)
            self._spend("normalise", normalised - started)
            self._spend("match", matched - normalised)
            self._spend("encode", perf_counter() - matched)
        return {CLASSIFIED_EVENTS: classified, ALERTS: alerts, DEAD_LETTERS: dead}

    def _events(self, records: Sequence[Record], dead: list[Record]) -> list[tuple[Record, Event, bytes, int]]:
        """Normalise records; what cannot be read goes to `dead`."""
        events = []
        for record in records:
            stamp = Stamp.of(record)
            if stamp is None:
                origin = _partition_origin(self._settings.origin, record.topic, record.partition)
                stamp = Stamp(event_id_of(origin, record.offset, record.value), record.timestamp_us)
            try:
                _check_size(record)
                event = self._normalise(record.value, stamp.ingest_us)
            except DecodeError as error:
                dead.append(self._dead_letter(record, error.reason, error.detail, stamp))
                continue
            if stamp.is_replayed:
                event.flags += ("replayed",)
            events.append((record, event, stamp.event_id, stamp.ingest_us))
        return events

    def _encode(
        self,
        record: Record,
        event: Event,
        event_id: bytes,
        ingest_us: int,
        rules: tuple[JudgedRule, ...],
        classified: list[Record],
        alerts: list[Record],
        dead: list[Record],
    ) -> None:
        verdict, alerting = self._verdict(event, rules)
        # Of the row, not of the event id: an id in a header is only a claim by whoever wrote it.
        alert_ids = [alert_id_of(record.topic, record.partition, record.offset, rule.id) for rule in alerting]
        envelope = _envelope(record, event, event_id, ingest_us)
        head = b'{"tocsin":{"v":1,%b,"flags":%b,"alerts":%b,%b"verdict":%b},"event":' % (
            envelope,
            _list(event.flags),
            orjson.dumps(alert_ids) if alert_ids else b"[]",
            b'"raw":"%b",' % b64encode(record.value) if event.is_repaired else b"",
            verdict,
        )
        key = event.host.encode("utf-8", "replace")
        size = len(key) + len(head) + len(event.json) + 1
        if size > _MAX_CLASSIFIED_BYTES:
            detail = f"its classified form would have {size} bytes; {_MAX_CLASSIFIED_BYTES} are allowed"
            dead.append(self._dead_letter(record, "too_large", detail, Stamp(event_id, ingest_us)))
            return
        # First: nothing that came with the record can pose as it.
        ours: Headers = ((EVENT_AT_HEADER, b"%d" % len(head)),)
        if record.header(STAMP_HEADER) is None:
            ours += ((STAMP_HEADER, Stamp(event_id, ingest_us).packed()),)
        classified.append(Record(head + event.json + b"}", key, ours + record.headers, ingest_us))
        for alert_id, rule in zip(alert_ids, alerting, strict=True):
            value = self._alert_json(alert_id, rule, event, ingest_us, envelope)
            alerts.append(Record(value, key, record.headers, ingest_us))

    def _alert_json(self, alert_id: str, rule: JudgedRule, event: Event, ingest_us: int, envelope: bytes) -> bytes:
        return (
            b'{"tocsin":{"v":1,"alert_id":"%b","sighting":"%b",%b,"rule":%b,'
            b'"rules_digest":%b,"attack_version":%b},"event":%b}'
        ) % (
            alert_id.encode(),
            _sighting(rule, event, ingest_us).encode(),
            envelope,
            self._rule_json(rule),
            _quoted(self._settings.rules_digest),
            _quoted(self._settings.attack_version),
            event.json,
        )

    def _verdict(self, event: Event, rules: tuple[JudgedRule, ...]) -> tuple[bytes, tuple[JudgedRule, ...]]:
        """Return the verdict as JSON, and its rules whose matches are alerts: made once for all equal events."""
        shape = event.shape
        known = (shape, rules)
        rendered = self._rendered.get(known)
        if rendered is None:
            verdict = judge(rules, self._tactic_order)
            alerting = tuple(rule for rule in verdict.detections if is_alert(rule, self._settings.alert_level))
            rendered = (orjson.dumps(self._verdict_object(shape, verdict)), alerting)
            if len(self._rendered) >= _REMEMBERED_VERDICTS:
                self._rendered.clear()
            if len(shape.channel) + len(shape.provider) + len(shape.code) <= _REMEMBERED_CHARACTERS:
                self._rendered[known] = rendered
        return rendered

    def _verdict_object(self, shape: Shape, verdict: Verdict) -> dict[str, Any]:
        return {
            "format": shape.format,
            "product": shape.logsource.product,
            "service": shape.logsource.service,
            "categories": shape.logsource.categories,
            "channel": shape.channel,
            "provider": shape.provider,
            "code": shape.code,
            "basis": verdict.basis,
            "level": verdict.level,
            "activity_tactic": verdict.activity_tactic and self._named(verdict.activity_tactic),
            "tactics": [self._named(tactic) for tactic in verdict.tactics],
            "techniques": verdict.techniques,
            "rules": [rule.id for rule in verdict.detections],
            "matches": [
                {
                    "id": rule.id,
                    "title": rule.title,
                    "level": rule.level,
                    "author": rule.author,
                    "license": rule.license,
                    "alert": is_alert(rule, self._settings.alert_level),
                    "tactics": rule.tactics,
                    "techniques": rule.techniques,
                }
                for rule in verdict.detections
            ],
            "rules_digest": self._settings.rules_digest,
            "attack_version": self._settings.attack_version,
        }

    def _named(self, tactic: str) -> dict[str, str]:
        return {"id": tactic, "name": self._settings.tactic_names[tactic]}

    def _rule_json(self, rule: JudgedRule) -> bytes:
        return orjson.dumps(
            {
                "id": rule.id,
                "title": rule.title,
                "level": rule.level,
                "author": rule.author,
                "license": rule.license,
                "digest": rule.digest,
                "tactics": [self._named(tactic) for tactic in rule.tactics],
                "techniques": rule.techniques,
            }
        )

    def _dead_letter(self, record: Record, reason: str, detail: str, stamp: Stamp) -> Record:
        return dead_letter_of(
            record, stage="classify", reason=reason, detail=detail, time_us=self._clock_us(), stamp=stamp.packed()
        )


def _check_size(record: Record) -> None:
    """Compressed, a record may have passed its topic's own limit. Raises DecodeError."""
    if len(record.value) > MAX_RECORD_BYTES:
        raise DecodeError("too_large", f"{len(record.value)} bytes are more than the {MAX_RECORD_BYTES} allowed")
    size = headers_bytes(record.headers)
    if size > MAX_HEADERS_BYTES:
        raise DecodeError("too_large", f"{size} bytes of headers are more than the {MAX_HEADERS_BYTES} allowed")


def _envelope(record: Record, event: Event, event_id: bytes, ingest_us: int) -> bytes:
    """Return the members that classified events and alerts begin with."""
    time_us = event.time_us
    return b'"event_id":"%b",%b%d},"time":%b,%b,%b' % (
        hexlify(event_id),
        _source(record.topic, record.partition),
        record.offset,
        _time(ingest_us if time_us is None else time_us),
        _time_source_and_ingest(event.time_source, ingest_us),
        _host_and_user(event.host, event.user),
    )


@lru_cache(maxsize=1024)  # the records of a batch were mostly read at one moment
def _time_source_and_ingest(time_source: str, ingest_us: int) -> bytes:
    return b'"time_source":%b,"ingest_time":%b' % (_quote(time_source), _time(ingest_us))


def _host_and_user(host: str, user: str) -> bytes:
    if len(host) + len(user) <= _REMEMBERED_CHARACTERS:
        return _remembered_host_and_user(host, user)
    return b'"host":%b,"user":%b' % (_quote(host), _quote(user))


@lru_cache(maxsize=20_000)
def _remembered_host_and_user(host: str, user: str) -> bytes:
    return b'"host":%b,"user":%b' % (_quote(host), _quote(user))


@lru_cache(maxsize=1024)
def _source(topic: str, partition: int) -> bytes:
    """Return the member `source` up to its last value, the offset."""
    return b'"source":{"topic":%b,"partition":%d,"offset":' % (_quoted(topic), partition)


def _time(time_us: int) -> bytes:
    return f'"{iso_utc(time_us)}"'.encode()


@lru_cache(maxsize=1024)
def _partition_origin(topic_origin: str, topic: str, partition: int) -> bytes:
    return origin_of("topic", topic_origin, topic, str(partition))


def _quoted(text: str) -> bytes:
    return _remembered_quoted(text) if len(text) <= _REMEMBERED_CHARACTERS else _quote(text)


@lru_cache(maxsize=20_000)
def _remembered_quoted(text: str) -> bytes:
    return _quote(text)


def _quote(text: str) -> bytes:
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:  # a lone surrogate, which only a foreign normaliser could leave in
        return orjson.dumps(text.encode("utf-8", "replace").decode())


@lru_cache(maxsize=1024)
def _list(items: tuple[str, ...]) -> bytes:
    return orjson.dumps(items)


def _sighting(rule: JudgedRule, event: Event, ingest_us: int) -> str:
    """Return a key that is the same when two events show one act: rule, host, process or logon, minute."""
    fields = {**event.fields, **event.overlay}
    actor = next((str(fields[name]) for name in ("ProcessId", "TargetLogonId", "LogonId") if name in fields), "")
    bucket = (ingest_us if event.time_us is None else event.time_us) // (_SIGHTING_SECONDS * 1_000_000)
    return xxh3_128_hexdigest(f"{rule.id}\0{event.host}\0{actor}\0{bucket}".encode("utf-8", "replace"))
