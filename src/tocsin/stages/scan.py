"""Scan: normalise and match the records of files, without a bus; detections come out as they are found."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tocsin.dead_letter import read_dead_letter
from tocsin.errors import DecodeError
from tocsin.event import Event, id_of_file_record
from tocsin.flow import Batch
from tocsin.timestamps import iso_utc
from tocsin.verdict import JudgedRule

Normalise = Callable[[bytes, int], Event]


class Matcher(Protocol):
    """Says which rules an event fires."""

    def match(self, event: Event) -> Sequence[JudgedRule]: ...


@dataclass(frozen=True)
class Detection:
    """One event that fired one rule, and where the event lies."""

    event_id: str
    time: str  # RFC 3339, UTC; "" where the event has none
    host: str
    file: str
    place: str  # "line" (1-based) or "record" (its number in the EVTX file)
    number: int
    rule: JudgedRule
    event: bytes = b""  # as JSON, where it was asked for

    def as_object(self, tactic_names: Mapping[str, str]) -> dict[str, Any]:
        """Return the detection as an object for JSON."""
        return {
            "event_id": self.event_id,
            "time": self.time or None,
            "host": self.host,
            "source": {"file": self.file, self.place: self.number},
            "rule": {
                "id": self.rule.id,
                "title": self.rule.title,
                "level": self.rule.level,
                "author": self.rule.author,
                "license": self.rule.license,
            },
            "tactics": [{"id": tactic, "name": tactic_names[tactic]} for tactic in self.rule.tactics],
            "techniques": list(self.rule.techniques),
        }


@dataclass
class Counts:
    """What was read, and what could not be."""

    events: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)  # reason -> records
    first_unreadable: dict[str, tuple[str, str]] = field(default_factory=dict)  # reason -> file, line or record

    def take(self) -> "Counts":
        """Return what was counted since the last call, and begin anew."""
        taken = Counts(**vars(self))
        vars(self).update(vars(Counts()))
        return taken

    def add(self, other: "Counts") -> None:
        self.events += other.events
        self.formats.update(other.formats)
        self.unreadable.update(other.unreadable)
        self.first_unreadable = other.first_unreadable | self.first_unreadable

    def move_lines(self, lines: int) -> None:
        """Take it that there are so many lines before those counted."""
        moved = self.first_unreadable.items()
        self.first_unreadable = {reason: (file, str(int(line) + lines)) for reason, (file, line) in moved}

    def add_unreadable(self, reason: str, file: str, where: str) -> None:
        """Count a record that could not be read."""
        self.unreadable[reason] += 1
        self.first_unreadable.setdefault(reason, (file, where))


@dataclass(frozen=True)
class Carried:
    """Which detections carry their event: the first ones of each rule, and of each event its first bytes."""

    per_rule: int = 0
    event_bytes: int = 0


class Scan:
    """Turns batches into detections, and counts what it saw."""

    def __init__(self, normalise: Normalise, matcher: Matcher, carried: Carried) -> None:
        self.counts = Counts()
        self._normalise = normalise
        self._matcher = matcher
        self._carried = carried
        self._with_event: Counter[str] = Counter()  # rule id -> detections that carried it

    def detections(self, batch: Batch) -> Iterator[Detection]:
        """Yield the detections of one batch of a file, in the order of its records."""
        place = "record" if batch.file.lower().endswith((".evtx", ".evtx.gz", ".evtx.zst")) else "line"
        for records in batch.aside.values():
            for record in records:
                letter = read_dead_letter(record)
                self.counts.add_unreadable(letter.reason, batch.file, letter.place.rpartition(":")[2])
        for record, number in zip(batch.records, batch.lines, strict=True):
            try:
                event = self._normalise(record.value, record.timestamp_us)
            except DecodeError as error:
                self.counts.add_unreadable(error.reason, batch.file, str(number))
                continue
            self.counts.events += 1
            self.counts.formats[event.shape.format] += 1
            for rule in self._matcher.match(event):
                time = "" if event.time_us is None or event.time_source == "ingest" else iso_utc(event.time_us)
                json = self._event_for(rule, event) if self._carried.per_rule else b""
                event_id = id_of_file_record(record).hex()
                yield Detection(event_id, time, event.host, batch.file, place, number, rule, json)

    def _event_for(self, rule: JudgedRule, event: Event) -> bytes:
        self._with_event[rule.id] += 1
        is_carried = self._with_event[rule.id] <= self._carried.per_rule
        return event.json[: self._carried.event_bytes] if is_carried else b""
