"""One logical event as each format writes it, for tests that compare them."""

from dataclasses import asdict
from typing import Any

import msgspec

from tocsin.event import Event


def described(event: Event) -> dict[str, Any]:
    """Return all that an event says, its shape spelled out."""
    own = msgspec.structs.asdict(event)
    shape = own.pop("shape")
    return own | asdict(shape) | {"logsource": shape.logsource}


def evtx_json(
    channel: str, code: int, provider: str, data: dict[str, Any], *, host: str = "WS1.corp.local", time: str = ""
) -> dict[str, Any]:
    system = {
        "Provider": {"#attributes": {"Name": provider, "Guid": "5770385F-C22A-43E0-BF4C-06F5698FFBD9"}},
        "EventID": code,
        "Version": 5,
        "Level": 4,
        "Task": 1,
        "Opcode": 0,
        "Keywords": "0x8000000000000000",
        "TimeCreated": {"#attributes": {"SystemTime": time or "2026-01-12T06:00:00.123000Z"}},
        "EventRecordID": 17,
        "Correlation": None,
        "Execution": {"#attributes": {"ProcessID": 3408, "ThreadID": 4448}},
        "Channel": channel,
        "Computer": host,
        "Security": {"#attributes": {"UserID": "S-1-5-18"}},
    }
    return {"Event": {"#attributes": {"xmlns": "http://schemas…"}, "System": system, "EventData": data}}


def xmltodict_json(channel: str, code: int, provider: str, data: dict[str, Any]) -> dict[str, Any]:
    system = {
        "Provider": {"@Name": provider},
        "EventID": {"@Qualifiers": "0", "#text": str(code)},
        "TimeCreated": {"@SystemTime": "2026-01-12T06:00:00.123000000Z"},
        "Channel": channel,
        "Computer": "WS1.corp.local",
    }
    named = [{"@Name": name, "#text": value} for name, value in data.items()]
    return {"Event": {"@xmlns": "http://schemas…", "System": system, "EventData": {"Data": named}}}


def flat_windows(channel: str, code: int, provider: str, data: dict[str, Any]) -> dict[str, Any]:
    head = {
        "SourceName": provider,
        "Channel": channel.lower() if channel == "Security" else channel,
        "Hostname": "WS1.corp.local",
        "EventID": code,
        "@timestamp": "2026-01-12T06:00:00.123Z",
        "EventTime": "2026-01-12 01:00:00",
        "tags": ["lab"],
    }
    return head | data


def winlogbeat7(channel: str, code: int, provider: str, data: dict[str, Any]) -> dict[str, Any]:
    winlog = {
        "channel": channel,
        "event_id": code,
        "provider_name": provider,
        "computer_name": "WS1.corp.local",
        "record_id": 17,
        "event_data": data,
    }
    return {"@timestamp": "2026-01-12T06:00:00.123Z", "winlog": winlog, "host": {"name": "collector"}}


def winlogbeat8_dotted(channel: str, code: int, provider: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "@timestamp": "2026-01-12T06:00:00.123Z",
        "winlog.channel": channel,
        "winlog.event_id": str(code),
        "winlog.provider_name": provider,
        "winlog.computer_name": "WS1.corp.local",
        **{f"winlog.event_data.{name}": value for name, value in data.items()},
    }


def winlogbeat6(channel: str, code: int, provider: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "@timestamp": "2026-01-12T06:00:00.123Z",
        "log_name": channel,
        "event_id": code,
        "source_name": provider,
        "computer_name": "WS1.corp.local",
        "event_data": data,
        "host": {"name": "collector"},
    }


WRITERS = (evtx_json, xmltodict_json, flat_windows, winlogbeat7, winlogbeat8_dotted, winlogbeat6)

HASHES = "SHA1=DA39,MD5=D41D,SHA256=E3B0,IMPHASH=4E00"

PROCESS_4688: dict[str, Any] = {
    "SubjectUserSid": "S-1-5-21-1-1104",
    "SubjectUserName": "ann",
    "SubjectDomainName": "CORP",
    "SubjectLogonId": "0x910e0",
    "NewProcessId": "0x114c",
    "NewProcessName": "C:\\Windows\\System32\\whoami.exe",
    "ProcessId": "0x17e4",
    "CommandLine": "whoami /all",
    "TargetUserName": "-",
    "TargetDomainName": "-",
    "ParentProcessName": "C:\\Windows\\System32\\cmd.exe",
    "MandatoryLabel": "S-1-16-12288",
}
REGISTRY_4657: dict[str, Any] = {
    "SubjectUserName": "ann",
    "SubjectDomainName": "CORP",
    "ObjectName": "\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\Fax",
    "ObjectValueName": "Start",
    "OperationType": "%%1905",
    "NewValueType": "%%1876",
    "NewValue": "4",
    "ProcessId": "0xf28",
    "ProcessName": "C:\\Windows\\regedit.exe",
}
SYSMON_1: dict[str, Any] = {
    "UtcTime": "2026-01-12 06:00:00.120",
    "ProcessId": "5600",
    "Image": "C:\\Windows\\System32\\whoami.exe",
    "CommandLine": "whoami /all",
    "User": "CORP\\ann",
    "Hashes": HASHES,
}
LOGON_4624: dict[str, Any] = {
    "SubjectUserName": "WS1$",
    "SubjectDomainName": "CORP",
    "TargetUserName": "ann",
    "TargetDomainName": "CORP",
    "LogonType": "10",
    "IpAddress": "10.0.0.7",
}

EVENTS = {
    "4688": ("Security", 4688, "Microsoft-Windows-Security-Auditing", PROCESS_4688),
    "4657": ("Security", 4657, "Microsoft-Windows-Security-Auditing", REGISTRY_4657),
    "4624": ("Security", 4624, "Microsoft-Windows-Security-Auditing", LOGON_4624),
    "sysmon-1": ("Microsoft-Windows-Sysmon/Operational", 1, "Microsoft-Windows-Sysmon", SYSMON_1),
}
