"""Decode classified events: the envelope of each, a verdict once for all that share it, the event itself never."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import msgspec
import orjson

from tocsin.errors import DecodeError
from tocsin.event import EVENT_AT_HEADER, Headers, Record

_TOCSIN_KEY = b'{"tocsin":'
_VERDICT_KEY = b',"verdict":'  # no JSON string can hold this: its quotes would be escaped
_EVENT_KEY = b'},"event":'
_ENVELOPE_AT = len(_TOCSIN_KEY)
_VERDICT_KEY_BYTES = len(_VERDICT_KEY)
_EVENT_KEY_BYTES = len(_EVENT_KEY)
_REMEMBERED_VERDICTS = 20_000
_REMEMBERED_BYTES = 16 << 20
_REJECTED = (msgspec.MsgspecError, ValueError, TypeError, KeyError, RecursionError)


class SourcePlace(msgspec.Struct, gc=False):
    """Where the raw record lies: the identity of the row."""

    topic: str
    partition: int
    offset: int


class Envelope(msgspec.Struct, gc=False):
    """What a classified event says of itself, apart from the verdict."""

    event_id: str
    source: SourcePlace
    time: str | None
    time_source: str | None
    ingest_time: str
    host: str | None
    user: str | None
    flags: tuple[str, ...]  # an empty tuple costs nothing, a list is one more object for the garbage collector
    alerts: tuple[str, ...]
    raw: bytes | None = None  # base64; only where the event's bytes were repaired


class Tactic(msgspec.Struct, gc=False):
    id: str
    name: str


class _Titled(msgspec.Struct, gc=False):
    title: str


class _VerdictJson(msgspec.Struct):
    format: str | None
    product: str | None
    service: str | None
    categories: list[str] | None
    channel: str | None
    provider: str | None
    code: str | None
    basis: str | None
    level: str | None
    activity_tactic: Tactic | None
    tactics: list[Tactic] | None
    techniques: list[str] | None
    rules: list[str] | None
    matches: msgspec.Raw
    rules_digest: str | None
    attack_version: str | None


class Verdict(msgspec.Struct, eq=False):
    """A verdict, shared by all events that have the same: compared and hashed by identity."""

    format: str | None
    product: str | None
    service: str | None
    categories: list[str]
    channel: str | None
    provider: str | None
    code: str | None
    basis: str | None
    level: str | None
    activity_tactic: str | None  # id
    tactics: list[str]  # ids
    tactic_names: list[str]
    techniques: list[str]
    rules: list[str]  # ids
    rule_titles: list[str]
    matches: str  # JSON array
    rules_digest: str | None
    attack_version: str | None


class Row(msgspec.Struct, gc=False):
    """One classified event."""

    record: Record
    envelope: Envelope
    verdict: Verdict
    event: bytes  # the event's own JSON
    part: bytes = b""  # of the store, behind those of the stages before it


class Decoder:
    """Turns records of `classified-events` into rows; remembers verdicts by their bytes."""

    def __init__(self) -> None:
        self._envelope = msgspec.json.Decoder(Envelope).decode
        self._parsed_verdict = msgspec.json.Decoder(_VerdictJson).decode
        self._titles = msgspec.json.Decoder(list[_Titled] | None).decode
        self._verdicts: dict[bytes, Verdict] = {}
        self._remembered_bytes = 0

    def rows(
        self, records: Sequence[Record], parts: Iterable[bytes] = repeat(b"")
    ) -> tuple[list[Row], list[tuple[Record, DecodeError]]]:
        """Decode records; those that cannot be read come with the reason: `not_json`, or `not_classified` for JSON
        of another shape. `parts`: the store's for each record."""
        rows: list[Row] = []
        rejected: list[tuple[Record, DecodeError]] = []
        for record, part in zip(records, parts, strict=False):
            try:
                row = self._split(record, _event_at(record.headers))
            except _REJECTED:
                try:
                    row = self._row_by_parsing(record)
                except DecodeError as error:
                    rejected.append((record, error))
                    continue
            row.part = part
            rows.append(row)
        return rows, rejected

    def _split(self, record: Record, at: int) -> Row:
        """Cut the value at what never varies in our own records. Raises one of _REJECTED for others."""
        value = record.value
        verdict_at = value.find(_VERDICT_KEY, _ENVELOPE_AT, at)
        is_ours = (
            verdict_at > 0
            and value.startswith(_TOCSIN_KEY)
            and value.startswith(_EVENT_KEY, at - _EVENT_KEY_BYTES)
            and value.endswith(b"}")
        )
        if not is_ours:
            raise ValueError("not laid out as a classified event")
        envelope = self._envelope(value[_ENVELOPE_AT:verdict_at] + b"}")
        verdict_json = value[verdict_at + _VERDICT_KEY_BYTES : at - _EVENT_KEY_BYTES]
        verdict = self._verdicts.get(verdict_json) or self._decode_verdict(verdict_json)
        return Row(record, envelope, verdict, value[at:-1])

    def _row_by_parsing(self, record: Record) -> Row:
        """Decode a record that another program wrote, or that lost its headers on the way."""
        try:
            whole = orjson.loads(record.value)
        except ValueError as error:
            raise DecodeError("not_json", str(error)) from error
        try:
            at = record.value.find(_EVENT_KEY) + _EVENT_KEY_BYTES
            if orjson.loads(record.value[at:-1]) == whole["event"]:
                return self._split(record, at)
        except _REJECTED:
            pass
        try:
            return self._row_of(record, whole)
        except _REJECTED as error:
            raise DecodeError("not_classified", f"not a classified event: {error}") from error

    def _row_of(self, record: Record, whole: dict[str, Any]) -> Row:
        envelope = msgspec.convert(whole["tocsin"], Envelope)
        verdict = self._decode_verdict(orjson.dumps(whole["tocsin"]["verdict"]))
        return Row(record, envelope, verdict, orjson.dumps(whole["event"]))

    def _decode_verdict(self, verdict_json: bytes) -> Verdict:
        parsed = self._parsed_verdict(verdict_json)
        tactics = parsed.tactics or []
        verdict = Verdict(
            format=parsed.format,
            product=parsed.product,
            service=parsed.service,
            categories=parsed.categories or [],
            channel=parsed.channel,
            provider=parsed.provider,
            code=parsed.code,
            basis=parsed.basis,
            level=parsed.level,
            activity_tactic=parsed.activity_tactic.id if parsed.activity_tactic else None,
            tactics=[tactic.id for tactic in tactics],
            tactic_names=[tactic.name for tactic in tactics],
            techniques=parsed.techniques or [],
            rules=parsed.rules or [],
            rule_titles=[match.title for match in self._titles(parsed.matches) or ()],
            matches=bytes(parsed.matches).decode(),
            rules_digest=parsed.rules_digest,
            attack_version=parsed.attack_version,
        )
        self._remember(verdict_json, verdict)
        return verdict

    def _remember(self, verdict_json: bytes, verdict: Verdict) -> None:
        self._remembered_bytes += len(verdict_json)
        if len(self._verdicts) >= _REMEMBERED_VERDICTS or self._remembered_bytes > _REMEMBERED_BYTES:
            self._verdicts.clear()
            self._remembered_bytes = len(verdict_json)
        self._verdicts[verdict_json] = verdict


def _event_at(headers: Headers) -> int:
    """Return where our header says that the event begins; 0 without one."""
    for name, value in headers:
        if name == EVENT_AT_HEADER:
            return int(value)
    return 0
