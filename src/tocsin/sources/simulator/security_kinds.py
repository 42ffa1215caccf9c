"""What Windows writes in the Security log: logons, processes, accounts, tickets, shares."""

from tocsin.sources.simulator.kind import Field, FieldType, Kind

CHANNEL = "Security"

_HEX, _INTEGER, _GUID = FieldType.HEX, FieldType.INTEGER, FieldType.GUID

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
    extra: tuple[Field, ...] = (),
) -> Kind:
    return Kind(
        CHANNEL,
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
        extra=extra,
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
    CHANNEL,
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

TASK_CREATED = _audit(
    4698,
    0,
    12804,
    "Other Object Access Events",
    "A scheduled task was created.\r\n\r\nSubject:\r\n" + _SUBJECT_MESSAGE + "Task Information:\r\n"
    "\tTask Name: \t\t{TaskName}\r\n\tTask Content: \t\t{TaskContent}\r\n\t",
    (*_SUBJECT, Field("TaskName"), Field("TaskContent")),
    extra=(Field("ActivityID", _GUID),),
)

ACCOUNT_CREATED = _audit(
    4720,
    0,
    13824,
    "User Account Management",
    "A user account was created.\r\n\r\nSubject:\r\n" + _SUBJECT_MESSAGE + "New Account:\r\n"
    "\tSecurity ID:\t\t{TargetSid}\r\n\tAccount Name:\t\t{TargetUserName}\r\n"
    "\tAccount Domain:\t\t{TargetDomainName}\r\n\r\n"
    "Attributes:\r\n\tSAM Account Name:\t{SamAccountName}\r\n\tDisplay Name:\t\t<value not set>\r\n"
    "\tUser Principal Name:\t-\r\n\tHome Directory:\t\t<value not set>\r\n\tHome Drive:\t\t<value not set>\r\n"
    "\tScript Path:\t\t<value not set>\r\n\tProfile Path:\t\t<value not set>\r\n"
    "\tUser Workstations:\t<value not set>\r\n"
    "\tPassword Last Set:\t<never>\r\n\tAccount Expires:\t\t<never>\r\n\tPrimary Group ID:\t513\r\n"
    "\tAllowed To Delegate To:\t-\r\n\tOld UAC Value:\t\t0x0\r\n\tNew UAC Value:\t\t0x15\r\n"
    "\tUser Account Control:\t\r\n"
    "\t\tAccount Disabled\r\n\t\t'Password Not Required' - Enabled\r\n\t\t'Normal Account' - Enabled\r\n"
    "\tUser Parameters:\t<value not set>\r\n\tSID History:\t\t-\r\n\tLogon Hours:\t\tAll\r\n\r\n"
    "Additional Information:\r\n\tPrivileges\t\t-",
    (
        Field("TargetUserName"),
        Field("TargetDomainName"),
        Field("TargetSid"),
        *_SUBJECT,
        Field("PrivilegeList", constant="-"),
        Field("SamAccountName"),
        Field("DisplayName", constant="%%1793"),
        Field("UserPrincipalName", constant="-"),
        *(
            Field(name, constant="%%1793")
            for name in ("HomeDirectory", "HomePath", "ScriptPath", "ProfilePath", "UserWorkstations")
        ),
        Field("PasswordLastSet", constant="%%1794"),
        Field("AccountExpires", constant="%%1794"),
        Field("PrimaryGroupId", constant="513"),
        Field("AllowedToDelegateTo", constant="-"),
        Field("OldUacValue", constant="0x0"),
        Field("NewUacValue", constant="0x15"),
        Field("UserAccountControl", constant="\r\n\t\t%%2080\r\n\t\t%%2082\r\n\t\t%%2084"),
        Field("UserParameters", constant="%%1793"),
        Field("SidHistory", constant="-"),
        Field("LogonHours", constant="%%1797"),
    ),
)


def _member_added(event_id: int, group: str) -> Kind:
    return _audit(
        event_id,
        0,
        13826,
        "Security Group Management",
        f"A member was added to a security-enabled {group} group.\r\n\r\nSubject:\r\n"
        + _SUBJECT_MESSAGE
        + "Member:\r\n"
        "\tSecurity ID:\t\t{MemberSid}\r\n\tAccount Name:\t\t{MemberName}\r\n\r\nGroup:\r\n"
        "\tSecurity ID:\t\t{TargetSid}\r\n\tGroup Name:\t\t{TargetUserName}\r\n"
        "\tGroup Domain:\t\t{TargetDomainName}\r\n\r\n"
        "Additional Information:\r\n\tPrivileges:\t\t-",
        (
            Field("MemberName"),
            Field("MemberSid"),
            Field("TargetUserName"),
            Field("TargetDomainName"),
            Field("TargetSid"),
            *_SUBJECT,
            Field("PrivilegeList", constant="-"),
        ),
    )


MEMBER_ADDED_TO_GLOBAL_GROUP = _member_added(4728, "global")
MEMBER_ADDED_TO_LOCAL_GROUP = _member_added(4732, "local")

_TICKET_TERMS = "are defined in RFC 4120."

TICKET_GRANTING_TICKET = _audit(
    4768,
    0,
    14339,
    "Kerberos Authentication Service",
    "A Kerberos authentication ticket (TGT) was requested.\r\n\r\nAccount Information:\r\n"
    "\tAccount Name:\t\t{TargetUserName}\r\n\tSupplied Realm Name:\t{TargetDomainName}\r\n"
    "\tUser ID:\t\t\t{TargetSid}\r\n\r\n"
    "Service Information:\r\n\tService Name:\t\t{ServiceName}\r\n\tService ID:\t\t{ServiceSid}\r\n\r\n"
    "Network Information:\r\n\tClient Address:\t\t{IpAddress}\r\n\tClient Port:\t\t{IpPort}\r\n\r\n"
    "Additional Information:\r\n\tTicket Options:\t\t{TicketOptions}\r\n\tResult Code:\t\t{Status}\r\n"
    "\tTicket Encryption Type:\t{TicketEncryptionType}\r\n\tPre-Authentication Type:\t{PreAuthType}\r\n\r\n"
    "Certificate Information:\r\n\tCertificate Issuer Name:\t\t\r\n\tCertificate Serial Number:\t\r\n"
    "\tCertificate Thumbprint:\t\t\r\n\r\n"
    "Certificate information is only provided if a certificate was used for pre-authentication.\r\n\r\n"
    "Pre-authentication types, ticket options, encryption types and result codes " + _TICKET_TERMS,
    (
        Field("TargetUserName"),
        Field("TargetDomainName"),
        Field("TargetSid"),
        Field("ServiceName", constant="krbtgt"),
        Field("ServiceSid"),
        Field("TicketOptions", constant="0x40810010"),
        Field("Status", constant="0x0"),
        Field("TicketEncryptionType"),
        Field("PreAuthType"),
        Field("IpAddress"),
        Field("IpPort"),
        Field("CertIssuerName", FieldType.NULLABLE, constant=""),
        Field("CertSerialNumber", FieldType.NULLABLE, constant=""),
        Field("CertThumbprint", FieldType.NULLABLE, constant=""),
    ),
)

SERVICE_TICKET = _audit(
    4769,
    0,
    14337,
    "Kerberos Service Ticket Operations",
    "A Kerberos service ticket was requested.\r\n\r\nAccount Information:\r\n"
    "\tAccount Name:\t\t{TargetUserName}\r\n\tAccount Domain:\t\t{TargetDomainName}\r\n"
    "\tLogon GUID:\t\t{LogonGuid}\r\n\r\n"
    "Service Information:\r\n\tService Name:\t\t{ServiceName}\r\n\tService ID:\t\t{ServiceSid}\r\n\r\n"
    "Network Information:\r\n\tClient Address:\t\t{IpAddress}\r\n\tClient Port:\t\t{IpPort}\r\n\r\n"
    "Additional Information:\r\n\tTicket Options:\t\t{TicketOptions}\r\n"
    "\tTicket Encryption Type:\t{TicketEncryptionType}\r\n\tFailure Code:\t\t{Status}\r\n"
    "\tTransited Services:\t-\r\n\r\n"
    "This event is generated every time access is requested to a resource such as a computer or a Windows service.  "
    "The service name indicates the resource to which access was requested.\r\n\r\n"
    "This event can be correlated with Windows logon events by comparing the Logon GUID fields in each event.  "
    "The logon event occurs on the machine that was accessed, which is often a different machine than the domain "
    "controller which issued the service ticket.\r\n\r\n"
    "Ticket options, encryption types, and failure codes " + _TICKET_TERMS,
    (
        Field("TargetUserName"),
        Field("TargetDomainName"),
        Field("ServiceName"),
        Field("ServiceSid"),
        Field("TicketOptions", constant="0x40810000"),
        Field("TicketEncryptionType"),
        Field("IpAddress"),
        Field("IpPort"),
        Field("Status", constant="0x0"),
        Field("LogonGuid", _GUID),
        Field("TransmittedServices", constant="-"),
    ),
)

SHARE_FILE_CHECKED = _audit(
    5145,
    0,
    12811,
    "Detailed File Share",
    "A network share object was checked to see whether client can be granted desired access.\r\n\t\r\nSubject:\r\n"
    + _SUBJECT_MESSAGE
    + "Network Information:\t\r\n\tObject Type:\t\tFile\r\n\tSource Address:\t\t{IpAddress}\r\n"
    "\tSource Port:\t\t{IpPort}\r\n\t\r\nShare Information:\r\n\tShare Name:\t\t{ShareName}\r\n"
    "\tShare Path:\t\t{ShareLocalPath}\r\n\tRelative Target Name:\t{RelativeTargetName}\r\n\r\n"
    "Access Request Information:\r\n\tAccess Mask:\t\t{AccessMask}\r\n\tAccesses:\t\t{AccessList:word}\r\n"
    "Access Check Results:\r\n\t-\r\n",
    (
        *_SUBJECT,
        Field("ObjectType", constant="File"),
        Field("IpAddress"),
        Field("IpPort"),
        Field("ShareName"),
        Field("ShareLocalPath", FieldType.NULLABLE),
        Field("RelativeTargetName"),
        Field("AccessMask"),
        Field("AccessList"),
        Field("AccessReason", constant="-"),
    ),
)
