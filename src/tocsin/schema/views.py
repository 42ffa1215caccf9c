"""Lay Sigma's field names over an event whose native names differ: one overlay per category."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tocsin.schema.memory import Remembered
from tocsin.schema.users import SUBJECT, TARGET, acting_user

Overlay = dict[str, Any]

# Sigma's name -> native name -> how the value changes. A native field that is missing stays missing.
Mapped = dict[str, tuple[str, Callable[[Any], Any] | None]]


def overlay_of(service: str, code: str) -> Callable[[Mapping[str, Any]], Overlay] | None:
    """Return the function from native fields to the overlay of such an event; None where native names are Sigma's.

    An overlay that it returns may be shared between events: never change it.
    """
    return _OVERLAYS.get((service, code))


def _decimal(value: object) -> object:
    """Event 4688 gives process ids in hex, Sysmon in decimal."""
    if type(value) is not str or not _HEX.fullmatch(value):
        return value
    return str(int(value, 16))


_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,16}")

# Well-known SIDs of mandatory integrity labels ([MS-DTYP] 2.4.2.4), in the words Sysmon uses.
INTEGRITY_LEVELS = {
    "S-1-16-0": "Untrusted",
    "S-1-16-4096": "Low",
    "S-1-16-8192": "Medium",
    "S-1-16-8448": "Medium Plus",
    "S-1-16-12288": "High",
    "S-1-16-16384": "System",
    "S-1-16-20480": "Protected",
}


def _integrity_level(sid: object) -> object:
    return INTEGRITY_LEVELS.get(sid, sid) if type(sid) is str else sid


PROCESS_4688: Mapped = {
    "Image": ("NewProcessName", None),
    "ProcessId": ("NewProcessId", _decimal),
    "ParentImage": ("ParentProcessName", None),
    "ParentProcessId": ("ProcessId", _decimal),
    "LogonId": ("SubjectLogonId", None),
    "IntegrityLevel": ("MandatoryLabel", _integrity_level),
}

REGISTRY_4657: Mapped = {
    "Image": ("ProcessName", None),
    "ProcessId": ("ProcessId", _decimal),
}


def _process_4688(fields: Mapping[str, Any]) -> Overlay:
    overlay = _mapped(PROCESS_4688, fields)
    user = acting_user(fields, (TARGET, SUBJECT))
    if user:
        overlay["User"] = user
    return overlay


def _mapped(table: Mapped, fields: Mapping[str, Any]) -> Overlay:
    overlay = {}
    for name, (native, convert) in table.items():
        value = fields.get(native)
        if value is not None:
            overlay[name] = value if convert is None else convert(value)
    return overlay


def _registry_4657(fields: Mapping[str, Any]) -> Overlay:
    overlay = _mapped(REGISTRY_4657, fields)
    user = acting_user(fields, (SUBJECT,))
    if user:
        overlay["User"] = user
    key = fields.get("ObjectName")
    if type(key) is str:
        overlay["TargetObject"] = _target_object(key, fields.get("ObjectValueName"))
    details = fields.get("NewValue")
    if details is not None:
        overlay["Details"] = _details(fields.get("NewValueType"), details)
    event_type = _EVENT_TYPES.get(str(fields.get("OperationType")))
    if event_type is not None:
        overlay["EventType"] = event_type
    return overlay


_EVENT_TYPES = {
    "%%1904": "SetValue",
    "New registry value created": "SetValue",
    "%%1905": "SetValue",
    "Existing registry value modified": "SetValue",
    "%%1906": "DeleteValue",
    "Registry value deleted": "DeleteValue",
}

# Sysmon shortens the roots and the current control set; rules are written for that.
_ROOTS = ((r"\REGISTRY\MACHINE", "HKLM"), (r"\REGISTRY\USER", "HKU"))
_CONTROL_SET = re.compile(r"^HKLM\\SYSTEM\\ControlSet\d{3}(?=\\|$)", re.IGNORECASE)


def _target_object(key: str, value_name: object) -> str:
    for native, short in _ROOTS:
        if key[: len(native)].upper() == native:
            key = short + key[len(native) :]
            break
    key = _CONTROL_SET.sub(r"HKLM\\System\\CurrentControlSet", key)
    if type(value_name) is not str:
        return key
    return f"{key}\\{value_name or '(Default)'}"


def _details(value_type: object, value: object) -> object:
    """Write a number as Sysmon does: `DWORD (0x00000001)`; other values as they are."""
    if type(value) is not str or not (_HEX.fullmatch(value) or _DECIMAL.fullmatch(value)):
        return value
    if value_type in ("%%1876", "REG_DWORD"):
        return f"DWORD (0x{int(value, 0):08x})"
    if value_type in ("%%1883", "REG_QWORD"):
        number = int(value, 0)
        return f"QWORD (0x{number >> 32:08x}-0x{number & 0xFFFFFFFF:08x})"
    return value


_DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}")


def _hashes(fields: Mapping[str, Any]) -> Overlay:
    """Split Sysmon's `MD5=…,SHA256=…,IMPHASH=…` into the fields of Sigma's taxonomy."""
    hashes = fields.get("Hashes") or fields.get("Hash")
    return _SPLIT_HASHES[hashes] if type(hashes) is str and hashes else {}


HASH_NAMES = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "IMPHASH": "Imphash"}


def _split_hashes(hashes: str) -> Overlay:
    named = (part.partition("=") for part in hashes.split(","))
    return {HASH_NAMES[name]: value for name, _, value in named if name in HASH_NAMES}


_SPLIT_HASHES: Remembered[str, Overlay] = Remembered(_split_hashes, entries=10_000, max_chars=400)

HASHED_SYSMON_CODES = ("1", "6", "7", "15", "23", "24", "26", "27", "28", "29")

_OVERLAYS: dict[tuple[str, str], Callable[[Mapping[str, Any]], Overlay]] = {
    ("security", "4688"): _process_4688,
    ("security", "4657"): _registry_4657,
    **{("sysmon", code): _hashes for code in HASHED_SYSMON_CODES},
}
