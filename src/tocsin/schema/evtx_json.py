"""Read an EVTX record written as JSON: `Event` with `System` and `EventData` or `UserData`, as the XML has them."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from tocsin.schema.containers import may_hold_containers
from tocsin.schema.native import Native, text

TIMES = (("SystemTime", True), ("UtcTime", True))

_SYSTEM_FIELDS = ("Level", "Task", "Opcode", "Keywords", "EventRecordID", "Version")
_PAYLOADS = ("EventData", "UserData", "ProcessingErrorData")


def is_evtx_json(record: dict[str, Any]) -> bool:
    event = record.get("Event")
    return type(event) is dict and type(event.get("System")) is dict


def read_evtx_json(record: dict[str, Any]) -> Native:
    """Attributes are read from `#attributes` (evtx_dump, pyevtx-rs), `@attributes`, `@Name` or `…_attributes`."""
    event = record["Event"]
    system = event["System"]
    fields = system_fields(system)
    fields.update(payload_of(event))
    event_id = system.get("EventID")
    fields["EventID"] = event_id if type(event_id) is not dict else event_id.get("#text")
    fields["Channel"] = channel = text(system.get("Channel"))
    fields["Computer"] = host = text(system.get("Computer"))
    fields["Provider_Name"] = provider = text(_attribute(system, "Provider", "Name"))
    if system.get("Security") is not None:
        user_sid = _attribute(system, "Security", "UserID")
        if user_sid is not None:
            fields["Security_UserID"] = fields["UserID"] = user_sid
    times = {"SystemTime": _attribute(system, "TimeCreated", "SystemTime"), "UtcTime": fields.get("UtcTime")}
    return Native(fields, times, channel, provider, text(event_id), host)


def payload_of(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event's own fields. What is returned may be part of the event."""
    payload = event.get("EventData")
    if type(payload) is dict and (
        not may_hold_containers(payload) or _CONTAINERS.isdisjoint(map(type, payload.values()))
    ):
        return payload
    fields: dict[str, Any] = {}
    for name in _PAYLOADS:
        fields.update(_flattened(event.get(name), is_wrapped=name == "UserData"))
    return fields


_CONTAINERS = frozenset((dict, list))


def system_fields(system: dict[str, Any]) -> dict[str, Any]:
    """Return those elements of `System` that rules may ask for as they are."""
    try:
        return dict(zip(_SYSTEM_FIELDS, _system_values(system), strict=True))
    except KeyError:  # classic providers give no Version and Opcode
        return {name: system[name] for name in _SYSTEM_FIELDS if name in system}


_system_values = itemgetter(*_SYSTEM_FIELDS)


def _attribute(system: dict[str, Any], element: str, name: str) -> Any:
    try:
        return system[element]["#attributes"][name]
    except (KeyError, TypeError, IndexError):
        return _attribute_of_other_tools(system, element, name)


def _attribute_of_other_tools(system: dict[str, Any], element: str, name: str) -> Any:
    found = system.get(element)
    if type(found) is dict:
        attributes = found.get("@attributes")
        return attributes.get(name) if type(attributes) is dict else found.get("@" + name)
    attributes = system.get(element + "_attributes")
    return attributes.get(name) if type(attributes) is dict else None


def _flattened(payload: object, *, is_wrapped: bool) -> dict[str, Any]:
    """Return names and values of a payload; in UserData they lie one level down, in an element of any name."""
    fields: dict[str, Any] = {}
    if type(payload) is list:
        payload = {"Data": payload}
    if type(payload) is not dict:
        return fields
    for name, value in payload.items():
        if _is_attribute(name):
            continue
        if is_wrapped and type(value) is dict:
            fields.update(_flattened(value, is_wrapped=False))
        elif type(value) is list:
            _add_repeated(fields, name, value)
        else:
            fields[name] = _content(value)
    return fields


def _is_attribute(name: str) -> bool:
    return name[:1] == "@" or name == "#attributes" or name.endswith("_attributes")


def _content(value: Any) -> Any:
    """Return the text of an element; one that has children instead stays as it is."""
    if type(value) is not dict:
        return value
    if "#text" in value:
        return value["#text"]
    return None if all(map(_is_attribute, value)) else value


def _add_repeated(fields: dict[str, Any], name: str, elements: list[Any]) -> None:
    """Add `Data` elements: those with a name of their own under it, the others together as a list."""
    unnamed = []
    for own_name, content in _named(elements):
        if own_name:
            fields[own_name] = content
        else:
            unnamed.append(content)
    if unnamed:
        fields[name] = unnamed


def _named(elements: list[Any]) -> Iterator[tuple[str, Any]]:
    for element in elements:
        own_name = ""
        if type(element) is dict:
            attributes = element.get("#attributes") or element.get("@attributes")
            own_name = text(attributes.get("Name") if type(attributes) is dict else element.get("@Name"))
        yield own_name, _content(element)
