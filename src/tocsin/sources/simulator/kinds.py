"""All kinds of events that are simulated, each with its number."""

from tocsin.sources.simulator import other_kinds, security_kinds, sysmon_kinds
from tocsin.sources.simulator.kind import Kind

CHANNELS = (security_kinds.CHANNEL, other_kinds.SYSTEM, sysmon_kinds.CHANNEL, other_kinds.POWERSHELL)

KINDS: tuple[Kind, ...] = (
    security_kinds.LOGON,
    security_kinds.LOGON_FAILURE,
    security_kinds.LOGOFF,
    security_kinds.PRIVILEGES,
    security_kinds.PROCESS_AUDIT,
    security_kinds.LOG_CLEARED,
    security_kinds.TASK_CREATED,
    security_kinds.ACCOUNT_CREATED,
    security_kinds.MEMBER_ADDED_TO_GLOBAL_GROUP,
    security_kinds.MEMBER_ADDED_TO_LOCAL_GROUP,
    security_kinds.TICKET_GRANTING_TICKET,
    security_kinds.SERVICE_TICKET,
    security_kinds.SHARE_FILE_CHECKED,
    sysmon_kinds.PROCESS,
    sysmon_kinds.CONNECTION,
    sysmon_kinds.IMAGE_LOADED,
    sysmon_kinds.PROCESS_ACCESSED,
    sysmon_kinds.FILE_CREATED,
    sysmon_kinds.REGISTRY_VALUE_SET,
    sysmon_kinds.DNS_QUERY,
    other_kinds.SCRIPT,
    other_kinds.SUSPICIOUS_SCRIPT,
    other_kinds.SERVICE_INSTALLED,
)


def kind_number(kind: Kind) -> int:
    """Return the place of a kind among `KINDS`."""
    return KINDS.index(kind)
