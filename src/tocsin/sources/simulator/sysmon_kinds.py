"""What Sysmon writes (schema 4.90): processes, and what they do to network, files, registry and each other."""

from collections.abc import Sequence

from tocsin.sources.simulator.kind import Field, FieldType, Kind

CHANNEL = "Microsoft-Windows-Sysmon/Operational"

_HEX, _INTEGER, _GUID, _BOOLEAN = FieldType.HEX, FieldType.INTEGER, FieldType.GUID, FieldType.BOOLEAN


def _sysmon(
    event_id: int, version: int, name: str, title: str, fields: Sequence[Field], value_order: tuple[str, ...] = ()
) -> Kind:
    fields = (Field("RuleName", constant="-"), *fields)
    lines = (f"{field.name}: {{{field.name}{':upper' if field.type is _HEX else ''}}}" for field in fields)
    return Kind(
        CHANNEL,
        "Microsoft-Windows-Sysmon",
        "5770385f-c22a-43e0-bf4c-06f5698ffbd9",
        event_id,
        version,
        4,
        event_id,
        0,
        0x8000000000000000,
        name,
        "\r\n".join((f"{title}:", *lines)),
        fields,
        user_id="S-1-5-18",
        value_order=value_order,
    )


_ACTOR = (Field("UtcTime"), Field("ProcessGuid", _GUID), Field("ProcessId", _INTEGER), Field("Image"))
_FILE_FACTS = ("FileVersion", "Description", "Product", "Company", "OriginalFileName")

PROCESS = _sysmon(
    1,
    5,
    "Process Create (rule: ProcessCreate)",
    "Process Create",
    (
        *_ACTOR,
        *map(Field, _FILE_FACTS),
        Field("CommandLine"),
        Field("CurrentDirectory"),
        Field("User"),
        Field("LogonGuid", _GUID),
        Field("LogonId", _HEX),
        Field("TerminalSessionId", _INTEGER),
        Field("IntegrityLevel"),
        Field("Hashes"),
        Field("ParentProcessGuid", _GUID),
        Field("ParentProcessId", _INTEGER),
        Field("ParentImage"),
        Field("ParentCommandLine"),
        Field("ParentUser"),
    ),
    value_order=(
        *("UtcTime", "ProcessGuid", "ProcessId", "CommandLine", "CurrentDirectory"),
        *("Image", *_FILE_FACTS, "Hashes"),
        *("User", "LogonGuid", "LogonId", "TerminalSessionId", "IntegrityLevel"),
        *("ParentProcessGuid", "ParentProcessId", "ParentImage", "ParentCommandLine", "ParentUser"),
    ),
)

CONNECTION = _sysmon(
    3,
    5,
    "Network connection detected (rule: NetworkConnect)",
    "Network connection detected",
    (
        *_ACTOR,
        Field("User"),
        Field("Protocol"),
        Field("Initiated", _BOOLEAN),
        Field("SourceIsIpv6", _BOOLEAN, constant="false"),
        Field("SourceIp"),
        Field("SourceHostname", constant="-"),
        Field("SourcePort", _INTEGER),
        Field("SourcePortName", constant="-"),
        Field("DestinationIsIpv6", _BOOLEAN, constant="false"),
        Field("DestinationIp"),
        Field("DestinationHostname", constant="-"),
        Field("DestinationPort", _INTEGER),
        Field("DestinationPortName", constant="-"),
    ),
)

IMAGE_LOADED = _sysmon(
    7,
    3,
    "Image loaded (rule: ImageLoad)",
    "Image loaded",
    (
        *_ACTOR,
        Field("ImageLoaded"),
        *map(Field, _FILE_FACTS),
        Field("Hashes"),
        Field("Signed"),
        Field("Signature"),
        Field("SignatureStatus"),
        Field("User"),
    ),
)

PROCESS_ACCESSED = _sysmon(
    10,
    3,
    "Process accessed (rule: ProcessAccess)",
    "Process accessed",
    (
        Field("UtcTime"),
        Field("SourceProcessGUID", _GUID),
        Field("SourceProcessId", _INTEGER),
        Field("SourceThreadId", _INTEGER),
        Field("SourceImage"),
        Field("TargetProcessGUID", _GUID),
        Field("TargetProcessId", _INTEGER),
        Field("TargetImage"),
        Field("GrantedAccess"),
        Field("CallTrace"),
        Field("SourceUser"),
        Field("TargetUser"),
    ),
)

FILE_CREATED = _sysmon(
    11,
    2,
    "File created (rule: FileCreate)",
    "File created",
    (*_ACTOR, Field("TargetFilename"), Field("CreationUtcTime"), Field("User")),
)

REGISTRY_VALUE_SET = _sysmon(
    13,
    2,
    "Registry value set (rule: RegistryEvent)",
    "Registry value set",
    (
        Field("EventType", constant="SetValue"),
        *_ACTOR,
        Field("TargetObject"),
        Field("Details"),
        Field("User"),
    ),
)

DNS_QUERY = _sysmon(
    22,
    5,
    "Dns query (rule: DnsQuery)",
    "Dns query",
    (
        *_ACTOR[:3],
        Field("QueryName"),
        Field("QueryStatus"),
        Field("QueryResults"),
        Field("Image"),
        Field("User"),
    ),
)
