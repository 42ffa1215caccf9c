"""Write one event in each of the formats: the same values, in the shape that each collector gives them.

EVTX-as-JSON is what the Python package `evtx` makes of a log file; flat Windows JSON is the form of the
Security-Datasets; Winlogbeat is version 8 without an ingest pipeline. Shapes taken from real events of each.
"""

import json
import re
from typing import Any

from tocsin.sources.simulator.kinds import KINDS, Field, FieldType, Kind
from tocsin.sources.simulator.templates import Template, Transform, compiled

# What every event begins its values with, before those of its kind.
HEADER = ("second", "micros", "millis", "record_number", "pid", "thread_id", "computer", "short_name", "agent_id")

_WINLOGBEAT_VERSION = "8.17.4"

_WORDS = {
    b"%%1842": b"Yes",
    b"%%1843": b"No",
    b"%%2304": b"An Error occured during Logon.",
    b"%%2305": b"The specified user account has expired.",
    b"%%2310": b"Account currently disabled.",
    b"%%2313": b"Unknown user name or bad password.",
}


def _nullable(text: bytes) -> bytes:
    return b'"%b"' % text if text else b"null"


_WRITERS: dict[str, tuple[str, Transform | None]] = {
    "integer": ("%d", None),
    "micros": ("%06d", None),
    "millis": ("%03d", None),
    "hex": ("0x%x", None),
    "upper": ("0x%X", None),
    "braced": ("{%b}", bytes.lower),
    "nullable": ("%b", _nullable),
    "word": ("%b", _WORDS.__getitem__),
}


def templates_of(format_name: str) -> tuple[Template, ...]:
    """Compile the templates of a format, one for each of `KINDS`."""
    write = {"evtx-json": _evtx_json, "flat-windows": _flat_windows, "winlogbeat": _winlogbeat}[format_name]
    return tuple(_compiled(write(kind), kind) for kind in KINDS)


def _compiled(document: dict[str, Any], kind: Kind) -> Template:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    text = re.sub(r'"(<<\w+\|(?:number|nullable)>>)"', r"\1", text).replace("|number>>", "|integer>>")
    names = HEADER + tuple(field.name if field in kind.fields else f"_{field.name}" for field in kind.value_fields)
    return compiled(text, names, _WRITERS)


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
        return int(field.constant) if field.type is FieldType.INTEGER else field.constant
    if field.type is FieldType.INTEGER:
        return f"<<{field.name}|number>>"
    return f"<<{field.name}|hex>>" if field.type is FieldType.HEX else f"<<{field.name}>>"


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


def _text_value(field: Field) -> str:
    if field.constant is not None:
        return field.constant
    writer = {
        FieldType.TEXT: "",
        FieldType.INTEGER: "|integer",
        FieldType.HEX: "|hex",
        FieldType.GUID: "|braced",
        FieldType.NULLABLE: "|nullable",
    }[field.type]
    return f"<<{field.name}{writer}>>"


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
    data = {field.name: _text_value(field).replace("|nullable", "") for field in kind.fields}
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
        "opcode": "On create calls" if kind.opcode else "Info",
        "process": {"pid": "<<pid|number>>", "thread": {"id": "<<thread_id|number>>"}},
        "provider_guid": f"{{{kind.provider_guid}}}",
        "provider_name": kind.provider,
        "record_id": "<<record_number|integer>>",
        "task": kind.task_name,
        "version": kind.version,
    }
    if _user_id(kind):
        winlog["user"] = {"identifier": _user_id(kind), "type": "User"}
    level = {0: "information", 3: "warning", 4: "information", 5: "verbose"}[kind.level]
    return {
        "@timestamp": time,
        "@metadata": {"beat": "winlogbeat", "type": "_doc", "version": _WINLOGBEAT_VERSION},
        "message": _message(kind).replace("\r\n", "\n"),
        "event": event,
        "log": {"level": level},
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


def _message(kind: Kind) -> str:
    fields = {field.name: field for field in kind.fields}

    def place(match: re.Match[str]) -> str:
        name, writer = match.groups()
        field = fields[name]
        if field.constant is not None:
            return field.constant
        return f"<<{name}|{writer}>>" if writer else _text_value(field).replace("|nullable", "")

    return re.sub(r"\{(\w+)(?::(\w+))?\}", place, kind.message)


def _has(kind: Kind, name: str) -> bool:
    return any(field.name == name for field in kind.extra)


def _user_id(kind: Kind) -> str:
    return "<<_UserID>>" if _has(kind, "UserID") else kind.user_id


def _outcome(kind: Kind) -> str:
    audit = (kind.keywords >> 52) & 0x3
    return {0: "", 1: "failure", 2: "success"}[audit]
