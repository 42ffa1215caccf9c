"""Rebuild native fields that a Winlogbeat module or ingest pipeline moved into ECS."""

from collections.abc import Mapping
from typing import Any

_PROCESS = {
    "process.command_line": "CommandLine",
    "process.entity_id": "ProcessGuid",
    "process.executable": "Image",
    "process.parent.command_line": "ParentCommandLine",
    "process.parent.entity_id": "ParentProcessGuid",
    "process.parent.executable": "ParentImage",
    "process.parent.pid": "ParentProcessId",
    "process.pe.company": "Company",
    "process.pe.description": "Description",
    "process.pe.file_version": "FileVersion",
    "process.pe.original_file_name": "OriginalFileName",
    "process.pe.product": "Product",
    "process.pid": "ProcessId",
    "process.working_directory": "CurrentDirectory",
}
_IMAGE = {name: _PROCESS[name] for name in ("process.entity_id", "process.executable", "process.pid")}
_FILE = _IMAGE | {"file.path": "TargetFilename"}
_LOADED = {"file.path": "ImageLoaded"}
_REGISTRY = _IMAGE | {"registry.path": "TargetObject"}
_SOURCE = {
    "process.entity_id": "SourceProcessGUID",
    "process.executable": "SourceImage",
    "process.pid": "SourceProcessId",
}

ECS_NAMES: dict[tuple[str, str], dict[str, str]] = {
    ("sysmon", "1"): _PROCESS,
    ("sysmon", "2"): _FILE,
    ("sysmon", "3"): _IMAGE
    | {
        "destination.domain": "DestinationHostname",
        "destination.ip": "DestinationIp",
        "destination.port": "DestinationPort",
        "network.transport": "Protocol",
        "source.domain": "SourceHostname",
        "source.ip": "SourceIp",
        "source.port": "SourcePort",
    },
    ("sysmon", "5"): _IMAGE,
    ("sysmon", "6"): _LOADED,
    ("sysmon", "7"): _IMAGE | _LOADED,
    ("sysmon", "8"): _SOURCE,
    ("sysmon", "9"): _IMAGE,
    ("sysmon", "10"): _SOURCE,
    ("sysmon", "11"): _FILE,
    ("sysmon", "12"): _REGISTRY,
    ("sysmon", "13"): _REGISTRY,
    ("sysmon", "14"): _REGISTRY,
    ("sysmon", "15"): _FILE,
    ("sysmon", "17"): _IMAGE | {"file.name": "PipeName"},
    ("sysmon", "18"): _IMAGE | {"file.name": "PipeName"},
    ("sysmon", "22"): _IMAGE | {"dns.question.name": "QueryName"},
    ("sysmon", "23"): _FILE,
    ("sysmon", "25"): _IMAGE,
    ("sysmon", "26"): _FILE,
    ("security", "4688"): {
        "process.command_line": "CommandLine",
        "process.executable": "NewProcessName",
        "process.parent.executable": "ParentProcessName",
        "process.parent.pid": "ProcessId",
        "process.pid": "NewProcessId",
        "user.domain": "SubjectDomainName",
        "user.id": "SubjectUserSid",
        "user.name": "SubjectUserName",
    },
    ("security", "4624"): {
        "source.ip": "IpAddress",
        "source.port": "IpPort",
        "user.domain": "TargetDomainName",
        "user.id": "TargetUserSid",
        "user.name": "TargetUserName",
        "winlog.logon.id": "TargetLogonId",
    },
    ("powershell", "4104"): {
        "file.path": "Path",
        "powershell.file.script_block_id": "ScriptBlockId",
        "powershell.file.script_block_text": "ScriptBlockText",
    },
}
ECS_NAMES["security", "4625"] = ECS_NAMES["security", "4624"]


def restore_native_fields(record: Mapping[str, Any], service: str, code: str, fields: dict[str, Any]) -> None:
    """Add the native fields of such an event that `fields` lacks and the ECS part of `record` has."""
    names = ECS_NAMES.get((service, code))
    if names is None or not any(part in record for part in _PARTS):
        return
    for path, native in names.items():
        if native not in fields:
            value = _value_at(record, path)
            if value is not None:
                fields[native] = value
    if service != "sysmon":
        return
    if "Hashes" not in fields:
        _restore_hashes(record, fields)
    if "User" not in fields:
        _restore_user(record, fields)


_PARTS = ("process", "file", "registry", "dns", "source", "destination", "powershell")


def _value_at(record: Mapping[str, Any], path: str) -> Any:
    found: Any = record
    for part in path.split("."):
        if type(found) is not dict:
            return None
        found = found.get(part)
    return found


def _restore_hashes(record: Mapping[str, Any], fields: dict[str, Any]) -> None:
    for part in ("process", "file"):
        hashes = _value_at(record, f"{part}.hash")
        found = dict(hashes) if type(hashes) is dict else {}
        found["imphash"] = _value_at(record, f"{part}.pe.imphash")
        joined = ",".join(f"{name.upper()}={value.upper()}" for name, value in found.items() if type(value) is str)
        if joined:
            fields["Hashes"] = joined
            return


def _restore_user(record: Mapping[str, Any], fields: dict[str, Any]) -> None:
    domain, name = _value_at(record, "user.domain"), _value_at(record, "user.name")
    if type(name) is str:
        fields["User"] = f"{domain}\\{name}" if type(domain) is str else name
