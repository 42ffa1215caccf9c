"""Why another engine answers otherwise than ours, each reason as something that can be tried on the event itself.

Most reasons change the record into what the peer sees of it: a reason explains a difference if our engine, given the
changed record, gives the peer's answer.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.rules.expected import PEERS, Place
from tocsin.errors import DecodeError
from tocsin.rules.match import Matcher
from tocsin.rules.rule import Rule
from tocsin.schema.channels import SERVICES
from tocsin.schema.normalise import normalise

Record = dict[str, Any]
Fields = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One rule and one event of which a peer says one thing and our engine the other."""

    peer: str
    rule: Rule
    place: Place
    is_ours: bool  # else it is the peer that matches
    raw: bytes
    format: str

    def record(self) -> Record:
        record: Record = json.loads(self.raw)
        return record


@dataclass(frozen=True)
class Known:
    """What is known about the peers, and about the events around one."""

    matcher: Matcher
    rules_run: Mapping[str, frozenset[str]]
    hidden: Mapping[Place, frozenset[str]]  # names that Zircolite loses to another spelling, by event

    def matches(self, rule: Rule, record: Record) -> bool:
        try:
            return rule in self.matcher.match(normalise(json.dumps(record).encode(), 0))
        except DecodeError:
            return False


Explains = Callable[[Difference, Known], bool]


@dataclass(frozen=True)
class Reason:
    """One class of differences."""

    name: str
    peers: tuple[str, ...]
    explains: Explains


def reasons_for(difference: Difference, known: Known) -> list[str]:
    """Name the reasons that explain a difference, each alone."""
    return [reason.name for reason in REASONS if difference.peer in reason.peers and reason.explains(difference, known)]


def hidden_names(names: Iterable[str]) -> frozenset[str]:
    """Return the names that are another one but for case, and sort after it.

    Zircolite inserts its rows in batches: `INSERT INTO logs ("LogonID", "LogonId", ...)`, the names in order. To
    SQLite that is one column, twice; it takes the first value, which is null where an event has the second name.
    """
    first: dict[str, str] = {}
    for name in sorted(set(names)):
        first.setdefault(name.lower(), name)
    return frozenset(name for name in names if first[name.lower()] != name)


def fields_of(record: Record) -> Fields:
    """Return the event's own fields: those of EventData or UserData in EVTX's form, else the record."""
    event = record.get("Event")
    if not isinstance(event, dict):
        return record
    payload = event.get("EventData") or event.get("UserData")
    return payload if isinstance(payload, dict) else {}


def seen_as(change: Callable[[Fields], None]) -> Explains:
    """Explain what goes the peer's way once the event's fields are changed to what the peer sees."""

    def explains(difference: Difference, known: Known) -> bool:
        record = difference.record()
        change(fields_of(record))
        return known.matches(difference.rule, record) is not difference.is_ours

    return explains


def seen_without(is_lost: Callable[[str, Any], bool]) -> Explains:
    """Explain what goes the peer's way without fields such as these."""

    def change(fields: Fields) -> None:
        for name in [name for name, value in fields.items() if is_lost(name, value)]:
            del fields[name]

    return seen_as(change)


def without(*names: str) -> Explains:
    """Explain what goes the peer's way without fields of these names."""
    return seen_without(lambda name, _: name in names)


def of_format(name: str, explains: Explains) -> Explains:
    return lambda difference, known: difference.format == name and explains(difference, known)


def _booleans_as_numbers(fields: Fields) -> None:
    fields.update({name: int(value) for name, value in fields.items() if isinstance(value, bool)})


def _data_as_null(fields: Fields) -> None:
    fields.setdefault("Data", None)


def _is_unnamed(name: str, value: Any) -> bool:
    return name == "Data" and isinstance(value, (dict, list))


def _is_spelled_twice(difference: Difference, known: Known) -> bool:
    return without(*known.hidden.get(difference.place, ()))(difference, known)


def _is_not_read(difference: Difference, known: Known) -> bool:
    """Winlogbeat 6 has other names for everything; without `log_name` we do not know the event either.

    A rule that asks for no service or category sees it nevertheless.
    """
    logsource = difference.rule.logsource
    return bool(logsource.service or logsource.category) and without("log_name")(difference, known)


def _is_not_run(difference: Difference, known: Known) -> bool:
    run = known.rules_run.get(difference.peer)
    return run is not None and difference.rule.id not in run


def _is_security_form(difference: Difference, known: Known) -> bool:
    """Rules of a category see Sysmon's events alone."""
    record = difference.record()
    system = record.get("Event", {}).get("System", {})
    channel = record.get("Channel") or system.get("Channel")
    event_id = record.get("EventID") or system.get("EventID")
    is_security = str(channel).lower() == "security" and str(event_id) in ("4688", "4657")
    return bool(difference.rule.logsource.category) and is_security


def _is_of_any_channel(difference: Difference, known: Known) -> bool:
    """A record whose channel the peer does not find goes to the rules of every service."""
    record = difference.record()
    if "Channel" in record or "Event" in record:
        return False
    asked = [channel for channel, service in SERVICES.items() if service == difference.rule.logsource.service]
    return any(
        known.matches(difference.rule, {**record, "log_name": channel}) is not difference.is_ours for channel in asked
    )


REASONS = (
    Reason("rule not run", ("zircolite", "second"), _is_not_run),
    Reason("Winlogbeat 6 not read", PEERS, of_format("winlogbeat6-json", _is_not_read)),
    Reason("no channel, so any service", ("rsigma",), _is_of_any_channel),
    Reason("Security form not run", ("rsigma",), _is_security_form),
    Reason("integrity label not read", ("zircolite", "second"), without("MandatoryLabel")),
    Reason("Message not read as Data", PEERS, of_format("flat-json", seen_as(_data_as_null))),
    Reason("SourceName not read as provider", ("zircolite", "second"), of_format("flat-json", without("SourceName"))),
    Reason("EventLog not read as channel", ("zircolite", "second"), of_format("flat-json", without("EventLog"))),
    Reason("EventData as text not opened", PEERS, of_format("flat-json", without("EventData"))),
    Reason("boolean as 1", ("zircolite",), seen_as(_booleans_as_numbers)),
    Reason("unnamed Data list", ("zircolite",), seen_without(_is_unnamed)),
    Reason("Hash lost when split", ("zircolite",), without("Hash")),
    Reason("empty value dropped", ("zircolite",), seen_without(lambda _, value: value in ("", None))),
    Reason("name spelled in two cases", ("zircolite",), _is_spelled_twice),
    Reason("blank in a name", ("second",), seen_without(lambda name, _: " " in name)),
)
