"""What one event of a kind looks like in each format, with places for its values.

EVTX-as-JSON is what the Python package `evtx` makes of a log file; flat Windows JSON is the form of the
Security-Datasets; Winlogbeat is version 8 without an ingest pipeline, and version 6. Shapes are taken from real events
of each. A place is `<<name|writer>>`, see `templates`; the writers are those of `formats`.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tocsin.sources.simulator.kind import Field, FieldType, Kind

_WINLOGBEAT_VERSION = "8.17.4"
_WINLOGBEAT6_VERSION = "6.8.23"
_LEVELS = {0: "information", 3: "warning", 4: "information", 5: "verbose"}


def _evtx_json(kind: Kind) -> dict[str, Any]:
    guid = f"{{{kind.provider_guid}}}" if kind.is_manifest_guid_braced else kind.provider_guid.upper()
    provider = {"Name": kind.provider, "Guid": guid}
    if kind.event_source:
        provider["EventSourceName"] = kind.event_source
    event_id: Any = kind.event_id
    if kind.qualifiers is not None:
        event_id = {"#attributes": {"Qualifiers": kind.qualifiers}, "#text": kind.event_id}
    system = {
        "Provider": {"#attributes": provider},
        "EventID": event_id,
        "Version": kind.version,
        "Level": kind.level,
        "Task": kind.task,
        "Opcode": kind.opcode,
        "Keywords": f"0x{kind.keywords:x}",
        "TimeCreated": {"#attributes": {"SystemTime": "<<second>><<micros|micros>>Z"}},
        "EventRecordID": "<<record_number|number>>",
        "Correlation": {"#attributes": {"ActivityID": "<<_ActivityID>>"}} if _has(kind, "ActivityID") else None,
        "Execution": {"#attributes": {"ProcessID": "<<pid|number>>", "ThreadID": "<<thread_id|number>>"}},
        "Channel": kind.channel,
        "Computer": "<<computer>>",
        "Security": {"#attributes": {"UserID": _user_id(kind)}} if _user_id(kind) else None,
    }
    body = {"EventData": {field.name: _evtx_value(field) for field in kind.fields}}
    if kind.user_data:
        namespace = {"#attributes": {"xmlns": "http://manifests.microsoft.com/win/2004/08/windows/eventlog"}}
        body = {"UserData": {kind.user_data: namespace | body["EventData"]}}
    attributes = {"xmlns": "http://schemas.microsoft.com/win/2004/08/events/event"}
    return {"Event": {"#attributes": attributes, "System": system, **body}}


def _evtx_value(field: Field) -> Any:
    if field.constant is not None:
        return _constant(field.type, field.constant)
    if field.type is FieldType.BOOLEAN:
        return f"<<{field.name}|boolean>>"
    if field.type is FieldType.INTEGER:
        return f"<<{field.name}|number>>"
    return f"<<{field.name}|hex>>" if field.type is FieldType.HEX else f"<<{field.name}>>"


def _constant(type_: FieldType, text: str) -> Any:
    return json.loads(text) if type_ in (FieldType.INTEGER, FieldType.BOOLEAN) else text


def _flat_windows(kind: Kind) -> dict[str, Any]:
    time = "<<second>><<millis|millis>>Z"
    document = {
        "SourceName": kind.provider,
        "ProviderGuid": f"{{{kind.provider_guid}}}",
        "Level": str(kind.level),
        "Keywords": f"0x{kind.keywords:x}",
        "Channel": kind.channel,
        "Hostname": "<<computer>>",
        "TimeCreated": time,
        "@timestamp": time,
        "EventID": kind.event_id,
        "Message": _message(kind),
        "Task": str(kind.task),
    }
    # The collector behind the Security-Datasets reads EventData alone: 1102 has only its message there.
    return document if kind.user_data else document | {field.name: _text_value(field) for field in kind.fields}


def _text_value(field: Field) -> str | None:
    if field.constant is not None:
        return field.constant or None if field.type is FieldType.NULLABLE else field.constant
    writer = {
        FieldType.TEXT: "",
        FieldType.INTEGER: "|integer",
        FieldType.HEX: "|hex",
        FieldType.GUID: "|braced",
        FieldType.NULLABLE: "|nullable",
        FieldType.BOOLEAN: "",
    }[field.type]
    return f"<<{field.name}{writer}>>"


def _shown_value(field: Field) -> str:
    """What is null in flat events is empty text in a message, and in Winlogbeat's data."""
    return (_text_value(field) or "").replace("|nullable", "")


def _winlogbeat(kind: Kind) -> dict[str, Any]:
    time = "<<second>><<millis|millis>>Z"
    event = {
        "action": kind.task_name,
        "code": str(kind.event_id),
        "created": time,
        "kind": "event",
        "provider": kind.provider,
    }
    winlog: dict[str, Any] = {"api": "wineventlog", "channel": kind.channel, "computer_name": "<<computer>>"}
    if _has(kind, "ActivityID"):
        winlog["activity_id"] = "<<_ActivityID|braced>>"
    data = {field.name: _shown_value(field) for field in kind.fields}
    if kind.user_data:
        winlog["user_data"] = data | {"xml_name": kind.user_data}
    else:
        winlog["event_data"] = data
    outcome = _outcome(kind)
    if outcome:
        event["outcome"] = outcome
        winlog["keywords"] = [f"Audit {outcome.title()}"]
    winlog |= {
        "event_id": str(kind.event_id),
        "opcode": _opcode(kind),
        "process": {"pid": "<<pid|number>>", "thread": {"id": "<<thread_id|number>>"}},
        "provider_guid": f"{{{kind.provider_guid}}}",
        "provider_name": kind.provider,
        "record_id": "<<record_number|integer>>",
        "task": kind.task_name,
        "version": kind.version,
    }
    if _user_id(kind):
        winlog["user"] = {"identifier": _user_id(kind), "type": "User"}
    return {
        "@timestamp": time,
        "@metadata": {"beat": "winlogbeat", "type": "_doc", "version": _WINLOGBEAT_VERSION},
        "message": _message(kind).replace("\r\n", "\n"),
        "event": event,
        "log": {"level": _LEVELS[kind.level]},
        "winlog": winlog,
        "ecs": {"version": "8.0.0"},
        "host": {"name": "<<computer>>"},
        "agent": {
            "id": "<<agent_id>>",
            "name": "<<short_name>>",
            "type": "winlogbeat",
            "version": _WINLOGBEAT_VERSION,
        },
    }


def _winlogbeat6(kind: Kind) -> dict[str, Any]:
    document: dict[str, Any] = {
        "@timestamp": "<<second>><<millis|millis>>Z",
        "@metadata": {"beat": "winlogbeat", "type": "doc", "version": _WINLOGBEAT6_VERSION},
        "type": "wineventlog",
        "log_name": kind.channel,
        "source_name": kind.provider,
        "provider_guid": f"{{{kind.provider_guid}}}",
        "computer_name": "<<computer>>",
        "record_number": "<<record_number|integer>>",
        "event_id": kind.event_id,
        "version": kind.version,
        "task": kind.task_name,
        "opcode": _opcode(kind),
        "level": _LEVELS[kind.level].title(),
        "process_id": "<<pid|number>>",
        "thread_id": "<<thread_id|number>>",
        "message": _message(kind).replace("\r\n", "\n"),
        "beat": {"name": "<<short_name>>", "hostname": "<<short_name>>", "version": _WINLOGBEAT6_VERSION},
        "host": {"name": "<<short_name>>"},
    }
    if _has(kind, "ActivityID"):
        document["activity_id"] = "<<_ActivityID|braced>>"
    if _outcome(kind):
        document["keywords"] = [f"Audit {_outcome(kind).title()}"]
    if _user_id(kind):
        document["user"] = {"identifier": _user_id(kind), "type": "User"}
    data = {field.name: _shown_value(field) for field in kind.fields}
    return document | ({"user_data": data | {"xml_name": kind.user_data}} if kind.user_data else {"event_data": data})


def _message(kind: Kind) -> str:
    fields = {field.name: field for field in kind.fields}

    def place(match: re.Match[str]) -> str:
        name, writer = match.groups()
        field = fields[name]
        if field.constant is not None:
            return field.constant
        return f"<<{name}|{writer}>>" if writer else _shown_value(field)

    return re.sub(r"\{(\w+)(?::(\w+))?\}", place, kind.message)


def _has(kind: Kind, name: str) -> bool:
    return any(field.name == name for field in kind.extra)


def _user_id(kind: Kind) -> str:
    return "<<_UserID>>" if _has(kind, "UserID") else kind.user_id


def _outcome(kind: Kind) -> str:
    audit = (kind.keywords >> 52) & 0x3
    return {0: "", 1: "failure", 2: "success"}[audit]


def _opcode(kind: Kind) -> str:
    return "On create calls" if kind.opcode else "Info"


DOCUMENTS: Mapping[str, Callable[[Kind], dict[str, Any]]] = {
    "evtx-json": _evtx_json,
    "flat-windows": _flat_windows,
    "winlogbeat": _winlogbeat,
    "winlogbeat6": _winlogbeat6,
}
