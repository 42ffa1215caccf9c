"""What PowerShell and the service control manager write."""

from tocsin.sources.simulator.kind import Field, FieldType, Kind

POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
SYSTEM = "System"


def _script(level: int) -> Kind:
    return Kind(
        POWERSHELL,
        "Microsoft-Windows-PowerShell",
        "a0c1853b-5c40-4b15-8766-3cf1c58f985a",
        4104,
        1,
        level,
        2,
        15,
        0,
        "Execute a Remote Command",
        "Creating Scriptblock text ({MessageNumber} of {MessageTotal}):\r\n{ScriptBlockText}\r\n\r\n"
        "ScriptBlock ID: {ScriptBlockId}\r\nPath: {Path}",
        (
            Field("MessageNumber", FieldType.INTEGER, constant="1"),
            Field("MessageTotal", FieldType.INTEGER, constant="1"),
            Field("ScriptBlockText"),
            Field("ScriptBlockId"),
            Field("Path", FieldType.NULLABLE),
        ),
        extra=(Field("UserID"), Field("ActivityID", FieldType.GUID)),
    )


SCRIPT = _script(5)
SUSPICIOUS_SCRIPT = _script(3)  # PowerShell itself raises the level for words on its list

SERVICE_INSTALLED = Kind(
    SYSTEM,
    "Service Control Manager",
    "555908d1-a6d7-4695-8e1e-26931d2012f4",
    7045,
    0,
    4,
    0,
    0,
    0x8080000000000000,
    "None",
    "A service was installed in the system.\r\n\r\nService Name:  {ServiceName}\r\nService File Name:  {ImagePath}\r\n"
    "Service Type:  {ServiceType}\r\nService Start Type:  {StartType}\r\nService Account:  {AccountName}",
    (
        Field("ServiceName"),
        Field("ImagePath"),
        Field("ServiceType"),
        Field("StartType"),
        Field("AccountName"),
    ),
    extra=(Field("UserID"),),
    event_source="Service Control Manager",
    qualifiers=16384,
    is_manifest_guid_braced=True,
)
