"""The kinds of events that are simulated: what Windows writes in each, field by field, in its order."""

from dataclasses import dataclass
from enum import IntEnum


class FieldType(IntEnum):
    """How a value is written; EVTX-as-JSON has numbers for integers, the other formats have text everywhere."""

    TEXT = 0  # bytes, already escaped for JSON
    INTEGER = 1
    HEX = 2  # an integer, written 0x3e7
    GUID = 3  # upper-case bytes without braces, as in EVTX-as-JSON; the others have lower case and braces
    NULLABLE = 4  # text that is null in flat events when it is empty


@dataclass(frozen=True)
class Field:
    name: str
    type: FieldType = FieldType.TEXT
    constant: str | None = None  # always this text; takes no place among an event's values


@dataclass(frozen=True)
class Kind:
    """One event id of one provider. An event's values: those of `extra`, then of the fields without a constant."""

    channel: str
    provider: str
    provider_guid: str  # lower case, without braces
    event_id: int
    version: int
    level: int
    task: int
    opcode: int
    keywords: int
    task_name: str
    message: str  # {Field} a value, {Field:upper} hex in upper case, {Field:word} the text behind a %% token
    fields: tuple[Field, ...]
    extra: tuple[Field, ...] = ()  # of the header: UserID, ActivityID
    user_id: str = ""  # of the header where it is always the same
    event_source: str = ""
    qualifiers: int | None = None
    user_data: str = ""  # name and namespace of the element that stands in place of EventData
    value_order: tuple[str, ...] = ()  # of the fields' values, where it is not the order of the fields
    is_manifest_guid_braced: bool = False  # old providers keep braces in EVTX-as-JSON

    @property
    def value_fields(self) -> tuple[Field, ...]:
        fields = [field for field in self.fields if field.constant is None]
        if self.value_order:
            fields.sort(key=lambda field: self.value_order.index(field.name))
        return (*self.extra, *fields)


SECURITY = "Security"
SYSTEM = "System"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
CHANNELS = (SECURITY, SYSTEM, SYSMON, POWERSHELL)

_TEXT, _INTEGER, _HEX, _GUID, _NULLABLE = FieldType

_AUDIT_PROVIDER = ("Microsoft-Windows-Security-Auditing", "54849625-5478-4994-a5ba-3e3b0328c30d")
_AUDIT_SUCCESS = 0x8020000000000000
_AUDIT_FAILURE = 0x8010000000000000

_SUBJECT = (
    Field("SubjectUserSid"),
    Field("SubjectUserName"),
    Field("SubjectDomainName"),
    Field("SubjectLogonId", _HEX),
)
_SUBJECT_MESSAGE = (
    "\tSecurity ID:\t\t{SubjectUserSid}\r\n\tAccount Name:\t\t{SubjectUserName}\r\n"
    "\tAccount Domain:\t\t{SubjectDomainName}\r\n\tLogon ID:\t\t{SubjectLogonId:upper}\r\n\r\n"
)


def _audit(
    event_id: int,
    version: int,
    task: int,
    task_name: str,
    message: str,
    fields: tuple[Field, ...],
    keywords: int = _AUDIT_SUCCESS,
    value_order: tuple[str, ...] = (),
) -> Kind:
    return Kind(
        SECURITY,
        *_AUDIT_PROVIDER,
        event_id,
        version,
        0,
        task,
        0,
        keywords,
        task_name,
        message,
        fields,
        value_order=value_order,
    )


_AUTHENTICATION_MESSAGE = (
    "Detailed Authentication Information:\r\n\tLogon Process:\t\t{LogonProcessName}\r\n"
    "\tAuthentication Package:\t{AuthenticationPackageName}\r\n\tTransited Services:\t-\r\n"
    "\tPackage Name (NTLM only):\t{LmPackageName}\r\n\tKey Length:\t\t{KeyLength}\r\n\r\n"
)

LOGON = _audit(
    4624,
    2,
    12544,
    "Logon",
    "An account was successfully logged on.\r\n\r\nSubject:\r\n"
    + _SUBJECT_MESSAGE
    + "Logon Information:\r\n\tLogon Type:\t\t{LogonType}\r\n\tRestricted Admin Mode:\t-\r\n"
    "\tVirtual Account:\t\tNo\r\n\tElevated Token:\t\t{ElevatedToken:word}\r\n\r\n"
    "Impersonation Level:\t\tImpersonation\r\n\r\n"
    "New Logon:\r\n\tSecurity ID:\t\t{TargetUserSid}\r\n\tAccount Name:\t\t{TargetUserName}\r\n"
    "\tAccount Domain:\t\t{TargetDomainName}\r\n\tLogon ID:\t\t{TargetLogonId:upper}\r\n\tLinked Logon ID:\t\t0x0\r\n"
    "\tNetwork Account Name:\t-\r\n\tNetwork Account Domain:\t-\r\n\tLogon GUID:\t\t{LogonGuid}\r\n\r\n"
    "Process Information:\r\n\tProcess ID:\t\t{ProcessId}\r\n\tProcess Name:\t\t{ProcessName}\r\n\r\n"
    "Network Information:\r\n\tWorkstation Name:\t{WorkstationName}\r\n"
    "\tSource Network Address:\t{IpAddress}\r\n\tSource Port:\t\t{IpPort}\r\n\r\n"
    + _AUTHENTICATION_MESSAGE
    + "This event is generated when a logon session is created. It is generated on the computer that was accessed.",
    (
        *_SUBJECT,
        Field("TargetUserSid"),
        Field("TargetUserName"),
        Field("TargetDomainName"),
        Field("TargetLogonId", _HEX),
        Field("LogonType", _INTEGER),
        Field("LogonProcessName"),
        Field("AuthenticationPackageName"),
        Field("WorkstationName"),
        Field("LogonGuid", _GUID),
        Field("TransmittedServices", constant="-"),
        Field("LmPackageName"),
        Field("KeyLength", _INTEGER),
        Field("ProcessId", _HEX),
        Field("ProcessName"),
        Field("IpAddress"),
        Field("IpPort"),
        Field("ImpersonationLevel", constant="%%1833"),
        Field("RestrictedAdminMode", constant="-"),
        Field("TargetOutboundUserName", constant="-"),
        Field("TargetOutboundDomainName", constant="-"),
        Field("VirtualAccount", constant="%%1843"),
        Field("TargetLinkedLogonId", _HEX, constant="0x0"),
        Field("ElevatedToken"),
    ),
)

LOGON_FAILURE = _audit(
    4625,
    0,
    12544,
    "Logon",
    "An account failed to log on.\r\n\r\nSubject:\r\n" + _SUBJECT_MESSAGE + "Logon Type:\t\t\t{LogonType}\r\n\r\n"
    "Account For Which Logon Failed:\r\n\tSecurity ID:\t\tS-1-0-0\r\n\tAccount Name:\t\t{TargetUserName}\r\n"
    "\tAccount Domain:\t\t{TargetDomainName}\r\n\r\n"
    "Failure Information:\r\n\tFailure Reason:\t\t{FailureReason:word}\r\n\tStatus:\t\t\t{Status:upper}\r\n"
    "\tSub Status:\t\t{SubStatus:upper}\r\n\r\n"
    "Process Information:\r\n\tCaller Process ID:\t{ProcessId}\r\n\tCaller Process Name:\t{ProcessName}\r\n\r\n"
    "Network Information:\r\n\tWorkstation Name:\t{WorkstationName}\r\n"
    "\tSource Network Address:\t{IpAddress}\r\n\tSource Port:\t\t{IpPort}\r\n\r\n"
    + _AUTHENTICATION_MESSAGE
    + "This event is generated when a logon request fails. It is generated on the computer where access was attempted.",
    (
        *_SUBJECT,
        Field("TargetUserSid", constant="S-1-0-0"),
        Field("TargetUserName"),
        Field("TargetDomainName"),
        Field("Status", _HEX),
        Field("FailureReason"),
        Field("SubStatus", _HEX),
        Field("LogonType", _INTEGER),
        Field("LogonProcessName"),
        Field("AuthenticationPackageName"),
        Field("WorkstationName"),
        Field("TransmittedServices", constant="-"),
        Field("LmPackageName", constant="-"),
        Field("KeyLength", _INTEGER, constant="0"),
        Field("ProcessId", _HEX),
        Field("ProcessName"),
        Field("IpAddress"),
        Field("IpPort"),
    ),
    _AUDIT_FAILURE,
)

LOGOFF = _audit(
    4634,
    0,
    12545,
    "Logoff",
    "An account was logged off.\r\n\r\nSubject:\r\n\tSecurity ID:\t\t{TargetUserSid}\r\n"
    "\tAccount Name:\t\t{TargetUserName}\r\n\tAccount Domain:\t\t{TargetDomainName}\r\n"
    "\tLogon ID:\t\t{TargetLogonId:upper}\r\n\r\nLogon Type:\t\t\t{LogonType}\r\n\r\n"
    "This event is generated when a logon session is destroyed. It may be positively correlated with a logon event "
    "using the Logon ID value. Logon IDs are only unique between reboots on the same computer.",
    (
        Field("TargetUserSid"),
        Field("TargetUserName"),
        Field("TargetDomainName"),
        Field("TargetLogonId", _HEX),
        Field("LogonType", _INTEGER),
    ),
)

PRIVILEGES = _audit(
    4672,
    0,
    12548,
    "Special Logon",
    "Special privileges assigned to new logon.\r\n\r\nSubject:\r\n"
    + _SUBJECT_MESSAGE
    + "Privileges:\t\t{PrivilegeList}",
    (*_SUBJECT, Field("PrivilegeList")),
)

PROCESS_AUDIT = _audit(
    4688,
    2,
    13312,
    "Process Creation",
    "A new process has been created.\r\n\r\nCreator Subject:\r\n" + _SUBJECT_MESSAGE + "Target Subject:\r\n"
    "\tSecurity ID:\t\tS-1-0-0\r\n\tAccount Name:\t\t{TargetUserName}\r\n\tAccount Domain:\t\t{TargetDomainName}\r\n"
    "\tLogon ID:\t\t{TargetLogonId:upper}\r\n\r\n"
    "Process Information:\r\n\tNew Process ID:\t\t{NewProcessId}\r\n\tNew Process Name:\t{NewProcessName}\r\n"
    "\tToken Elevation Type:\t{TokenElevationType}\r\n\tMandatory Label:\t\t{MandatoryLabel}\r\n"
    "\tCreator Process ID:\t{ProcessId}\r\n\tCreator Process Name:\t{ParentProcessName}\r\n"
    "\tProcess Command Line:\t{CommandLine}\r\n\r\n"
    "Token Elevation Type indicates the type of token that was assigned to the new process in accordance with "
    "User Account Control policy.",
    (
        *_SUBJECT,
        Field("NewProcessId", _HEX),
        Field("NewProcessName"),
        Field("TokenElevationType"),
        Field("ProcessId", _HEX),
        Field("CommandLine"),
        Field("TargetUserSid", constant="S-1-0-0"),
        Field("TargetUserName"),
        Field("TargetDomainName"),
        Field("TargetLogonId", _HEX),
        Field("ParentProcessName"),
        Field("MandatoryLabel"),
    ),
    value_order=(
        *("SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId", "NewProcessId", "NewProcessName"),
        *("ProcessId", "CommandLine", "ParentProcessName", "TokenElevationType", "MandatoryLabel"),
        *("TargetUserName", "TargetDomainName", "TargetLogonId"),
    ),
)

LOG_CLEARED = Kind(
    SECURITY,
    "Microsoft-Windows-Eventlog",
    "fc65ddd8-d6ef-4962-83d5-6e5cfe9ce148",
    1102,
    0,
    4,
    104,
    0,
    0x4020000000000000,
    "Log clear",
    "The audit log was cleared.\r\nSubject:\r\n\tSecurity ID:\t{SubjectUserSid}\r\n"
    "\tAccount Name:\t{SubjectUserName}\r\n\tDomain Name:\t{SubjectDomainName}\r\n\tLogon ID:\t{SubjectLogonId:upper}",
    _SUBJECT,
    user_data="LogFileCleared",
    is_manifest_guid_braced=True,
)

PROCESS = Kind(
    SYSMON,
    "Microsoft-Windows-Sysmon",
    "5770385f-c22a-43e0-bf4c-06f5698ffbd9",
    1,
    5,
    4,
    1,
    0,
    0x8000000000000000,
    "Process Create (rule: ProcessCreate)",
    "Process Create:\r\nRuleName: -\r\nUtcTime: {UtcTime}\r\nProcessGuid: {ProcessGuid}\r\nProcessId: {ProcessId}\r\n"
    "Image: {Image}\r\nFileVersion: {FileVersion}\r\nDescription: {Description}\r\nProduct: {Product}\r\n"
    "Company: {Company}\r\nOriginalFileName: {OriginalFileName}\r\nCommandLine: {CommandLine}\r\n"
    "CurrentDirectory: {CurrentDirectory}\r\nUser: {User}\r\nLogonGuid: {LogonGuid}\r\nLogonId: {LogonId:upper}\r\n"
    "TerminalSessionId: {TerminalSessionId}\r\nIntegrityLevel: {IntegrityLevel}\r\nHashes: {Hashes}\r\n"
    "ParentProcessGuid: {ParentProcessGuid}\r\nParentProcessId: {ParentProcessId}\r\nParentImage: {ParentImage}\r\n"
    "ParentCommandLine: {ParentCommandLine}\r\nParentUser: {ParentUser}",
    (
        Field("RuleName", constant="-"),
        Field("UtcTime"),
        Field("ProcessGuid", _GUID),
        Field("ProcessId", _INTEGER),
        Field("Image"),
        Field("FileVersion"),
        Field("Description"),
        Field("Product"),
        Field("Company"),
        Field("OriginalFileName"),
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
    user_id="S-1-5-18",
    value_order=(
        *("UtcTime", "ProcessGuid", "ProcessId", "CommandLine", "CurrentDirectory"),
        *("Image", "FileVersion", "Description", "Product", "Company", "OriginalFileName", "Hashes"),
        *("User", "LogonGuid", "LogonId", "TerminalSessionId", "IntegrityLevel"),
        *("ParentProcessGuid", "ParentProcessId", "ParentImage", "ParentCommandLine", "ParentUser"),
    ),
)


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
            Field("MessageNumber", _INTEGER, constant="1"),
            Field("MessageTotal", _INTEGER, constant="1"),
            Field("ScriptBlockText"),
            Field("ScriptBlockId"),
            Field("Path", _NULLABLE),
        ),
        extra=(Field("UserID"), Field("ActivityID", _GUID)),
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

KINDS = (
    LOGON,
    LOGON_FAILURE,
    LOGOFF,
    PRIVILEGES,
    PROCESS_AUDIT,
    LOG_CLEARED,
    PROCESS,
    SCRIPT,
    SUSPICIOUS_SCRIPT,
    SERVICE_INSTALLED,
)
(
    LOGON_NUMBER,
    LOGON_FAILURE_NUMBER,
    LOGOFF_NUMBER,
    PRIVILEGES_NUMBER,
    PROCESS_AUDIT_NUMBER,
    LOG_CLEARED_NUMBER,
    PROCESS_NUMBER,
    SCRIPT_NUMBER,
    SUSPICIOUS_SCRIPT_NUMBER,
    SERVICE_INSTALLED_NUMBER,
) = range(len(KINDS))
