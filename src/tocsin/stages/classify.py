"""Classify: normalise each record, match the rules, and put the verdict before the event's own bytes."""

from base64 import b64encode
from binascii import hexlify
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    STAMP_BYTES,
    STAMP_HEADER,
    TRACEPARENT_HEADER,
    Event,
    Headers,
    Record,
    Shape,
    Stamp,
)
from tocsin.flow import Batch, Outputs
from tocsin.telemetry.ids import alert_id_of, event_id_of, origin_of
from tocsin.telemetry.stage_times import StageProcess, link, part_of_source
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


# Tuples without names: there are some of each for every event.
_Read = tuple[Record, Event, bytes, int, bytes]  # a record, what it says, event id, ingest time, the stamp
_Output = tuple[
    bytes, bytes, Headers, bytes, Headers, int
]  # value, key, headers before the stamp, the stamp, behind; time
_Dead = tuple[Record, DecodeError, bytes]  # a record that could not be read, why, the stamp


@dataclass(slots=True)
class _Piece:
    """What became of records that were worked on together."""

    came_us: int
    started: float  # as `perf_counter` says
    normalised: float = 0.0
    matched: float = 0.0
    classified: list[_Output] = field(default_factory=list)
    alerts: list[_Output] = field(default_factory=list)
    dead: list[_Dead] = field(default_factory=list)


class Classify:
    """A step: raw events in; classified events, alerts and dead letters out. One record in is one record out."""

    def __init__(
        self,
        settings: ClassifySettings,
        normalise: Normalise,
        matcher: Matcher,
        clock_us: Callable[[], int],
        spend: Callable[[str, float], None],
        process: StageProcess | None = None,
    ) -> None:
        """`spend(part, seconds)` is told where the time of each batch went: normalise, match, encode.

        `process` puts when it did what behind the stamps of its outputs; without it nothing is put there.
        """
        self._settings = settings
        self._normalise = normalise
        self._matcher = matcher
        self._clock_us = clock_us
        self._spend = spend
        self._process = process
        self._tactic_order = tuple(settings.tactic_names)
        self._rendered: dict[tuple[Shape, tuple[JudgedRule, ...]], tuple[bytes, tuple[JudgedRule, ...]]] = {}

    def __call__(self, batch: Batch) -> Outputs:
        began_us, began = self._clock_us(), perf_counter()
        pieces = [
            self._piece(came_us, records[first : first + _AT_ONCE])
            for came_us, records in batch.portions()
            for first in range(0, len(records), _AT_ONCE)
        ]
        handed_over = perf_counter()
        outputs: dict[str, list[Record]] = {CLASSIFIED_EVENTS: [], ALERTS: [], DEAD_LETTERS: []}
        for piece in pieces:
            ends = (piece.started, piece.normalised, piece.matched, handed_over)
            ends_us = [began_us + int(1e6 * (end - began)) for end in ends]
            part = b""
            if self._process:
                part = self._process.part(min(piece.came_us or began_us, began_us), ends_us, len(batch.records))
            outputs[CLASSIFIED_EVENTS] += _handed_over(piece.classified, part)
            outputs[ALERTS] += _handed_over(piece.alerts, part)
            outputs[DEAD_LETTERS] += [self._dead_letter(*dead, part, ends_us[-1]) for dead in piece.dead]
        self._spend("encode", perf_counter() - handed_over)
        return outputs

    def _piece(self, came_us: int, records: Sequence[Record]) -> _Piece:
        piece = _Piece(came_us, perf_counter())
        events = self._events(records, piece.dead)
        piece.normalised = perf_counter()
        matches = [self._matcher.match(event) for _, event, *_ in events]
        piece.matched = perf_counter()
        for read, rules in zip(events, matches, strict=True):
            self._encode(*read, rules, piece)
        self._spend("normalise", piece.normalised - piece.started)
        self._spend("match", piece.matched - piece.normalised)
        self._spend("encode", perf_counter() - piece.matched)
        return piece

    def _events(self, records: Sequence[Record], dead: list[_Dead]) -> list[_Read]:
        """Normalise records; what cannot be read goes to `dead`."""
        events = []
        for record in records:
            packed = record.header(STAMP_HEADER) or b""
            stamp = Stamp.unpacked(packed)
            if stamp is None:
                stamp = self._stamp(record)
                packed = stamp.packed()
            elif len(packed) < STAMP_BYTES or stamp.parts != part_of_source(stamp.parts):
                parts = part_of_source(stamp.parts)
                packed = Stamp(stamp.event_id, stamp.ingest_us, stamp.is_replayed, parts).packed()
            try:
                _check_size(record)
                event = self._normalise(record.value, stamp.ingest_us)
            except DecodeError as error:
                dead.append((record, error, packed))
                continue
            if stamp.is_replayed:
                event.flags += ("replayed",)
            events.append((record, event, stamp.event_id, stamp.ingest_us, packed))
        return events

    def _stamp(self, record: Record) -> Stamp:
        """Return who a record of others is; where it came with a trace of its own, linked to that."""
        origin = _partition_origin(self._settings.origin, record.topic, record.partition)
        event_id = event_id_of(origin, record.offset, record.value)
        traceparent = record.header(TRACEPARENT_HEADER) if self._process else None
        return Stamp(event_id, record.timestamp_us, parts=link(traceparent) if traceparent else b"")

    def _encode(
        self,
        record: Record,
        event: Event,
        event_id: bytes,
        ingest_us: int,
        packed: bytes,
        rules: tuple[JudgedRule, ...],
        piece: _Piece,
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
            piece.dead.append((record, DecodeError("too_large", detail), packed))
            return
        # Our headers come first, so that nothing that came with the record can pose as one of them.
        others = record.headers
        if others and others[0][0] == STAMP_HEADER:
            others = others[1:]
        event_at = ((EVENT_AT_HEADER, b"%d" % len(head)),)
        piece.classified.append((head + event.json + b"}", key, event_at, packed, others, ingest_us))
        for alert_id, rule in zip(alert_ids, alerting, strict=True):
            value = self._alert_json(alert_id, rule, event, ingest_us, envelope)
            piece.alerts.append((value, key, (), packed, others, ingest_us))

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

    def _dead_letter(self, record: Record, error: DecodeError, packed: bytes, part: bytes, time_us: int) -> Record:
        return dead_letter_of(
            record,
            stage="classify",
            reason=error.reason,
            detail=error.detail,
            time_us=time_us,
            stamp=packed + part,
        )


def _handed_over(outputs: Sequence[_Output], part: bytes) -> list[Record]:
    """Return the records, with when it was done behind their stamps."""
    return [
        Record(value, key, (*before, (STAMP_HEADER, packed + part), *behind), ingest_us)
        for value, key, before, packed, behind, ingest_us in outputs
    ]


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
