"""Formats of products that are known: cloud, network and Linux, by the names that their makers document."""

from tocsin.event import Logsource
from tocsin.schema.auditd import read_auditd
from tocsin.schema.log_format import LogFormat, LogFormats

_AZURE_TIMES = ("time", "createdDateTime", "TimeGenerated", "activityDateTime", "eventTimestamp")
_AZURE_USERS = (
    "identity", "properties.userPrincipalName", "properties.initiatedBy.user.userPrincipalName", "UserPrincipalName",
    "userPrincipalName", "caller", "Caller",
)  # fmt: skip
_SIGN_INS = (
    "SignInLogs", "NonInteractiveUserSignInLogs", "ServicePrincipalSignInLogs", "ManagedIdentitySignInLogs",
)  # fmt: skip
_ACTIVITIES = (
    "Administrative", "Security", "ServiceHealth", "Alert", "Recommendation", "Policy", "Autoscale", "ResourceHealth",
)  # fmt: skip


def _azure(name: str, service: str, *has: str, **where: str) -> LogFormat:
    return LogFormat(
        name, Logsource("azure", service), has, where, times=_AZURE_TIMES, hosts=("tenantId",), users=_AZURE_USERS
    )


def _zeek(log: str) -> LogFormat:
    categories = ("dns",) if log == "dns" else ()
    return LogFormat(
        f"zeek-{log}", Logsource("zeek", log, categories), ("_path", "ts"), {"_path": log}, times=("ts",),
        hosts=("id.orig_h",), users=("username", "user"),
    )  # fmt: skip


def _m365(name: str, service: str, source: str) -> LogFormat:
    return LogFormat(
        name, Logsource("m365", service), ("eventName", "status"), {"eventSource": source},
        times=("timestamp", "CreationTime"), users=("UserId", "userId"),
    )  # fmt: skip


PRODUCTS = (
    LogFormat(
        "aws-cloudtrail", Logsource("aws", "cloudtrail"), ("eventVersion", "eventSource", "eventName"),
        times=("eventTime", "@timestamp"), hosts=("recipientAccountId",),
        users=("userIdentity.arn", "userIdentity.userName", "userIdentity.principalId"),
    ),
    *[_azure("azure-signin", "signinlogs", "category", "operationName", category=one) for one in _SIGN_INS],
    _azure("azure-audit", "auditlogs", "category", "operationName", category="AuditLogs"),
    *[_azure("azure-activity", "activitylogs", "category", "operationName", category=one) for one in _ACTIVITIES],
    _azure("azure-pim", "pim", "riskEventType", riskEventType="*AlertIncident"),
    _azure("azure-risk", "riskdetection", "riskEventType"),
    _azure("azure-signin", "signinlogs", "ResultType", "AppDisplayName", "UserPrincipalName"),
    _azure("azure-signin", "signinlogs", "createdDateTime", "appDisplayName", "userPrincipalName"),
    _azure("azure-audit", "auditlogs", "InitiatedBy", "LoggedByService"),
    _azure("azure-audit", "auditlogs", "initiatedBy", "loggedByService"),
    _azure("azure-activity", "activitylogs", "OperationNameValue", "CategoryValue"),
    LogFormat(
        "google-workspace-admin", Logsource("gcp", "google_workspace.admin"), ("eventService", "eventName"),
        {"eventService": "admin.googleapis.com"}, times=("timestamp",), users=("authenticationInfo.principalEmail",),
    ),
    LogFormat(
        "google-workspace-login", Logsource("gcp", "google_workspace.login"), ("protoPayload",),
        {"protoPayload.serviceName": "login.googleapis.com"}, times=("timestamp",),
        users=("protoPayload.authenticationInfo.principalEmail",),
    ),
    LogFormat(
        "gcp-audit", Logsource("gcp", "gcp.audit"), ("protoPayload.methodName",),
        fields={
            "gcp.audit.method_name": "protoPayload.methodName",
            "gcp.audit.service_name": "protoPayload.serviceName",
            "data.protoPayload": "protoPayload",
        },
        times=("timestamp", "receiveTimestamp"), hosts=("resource.labels.project_id",),
        users=("protoPayload.authenticationInfo.principalEmail",),
    ),
    LogFormat(
        "okta", Logsource("okta", "okta"), ("eventType", "published", "actor"), times=("published",),
        users=("actor.alternateId",),
    ),
    LogFormat(
        "github-audit", Logsource("github", "audit"), ("_document_id", "action"), times=("@timestamp", "created_at"),
        hosts=("org",), users=("actor",),
    ),
    LogFormat(
        "bitbucket-audit", Logsource("bitbucket", "audit"), ("auditType.action",), times=("timestamp", "creationDate"),
        users=("author.name",),
    ),
    _m365("m365-threat-management", "threat_management", "SecurityComplianceCenter"),
    _m365("m365-exchange", "exchange", "Exchange"),
    LogFormat(
        "m365-audit", Logsource("m365", "audit"), ("Operation", "RecordType"),
        fields={"Workload": "OfficeWorkload"}, times=("CreationTime", "TimeGenerated"), users=("UserId",),
    ),
    LogFormat(
        "kubernetes-audit", Logsource("kubernetes", "audit", ("application",)), ("auditID", "verb"),
        {"apiVersion": "audit.k8s.io/*"},
        fields={
            "apiGroup": "objectRef.apiGroup",
            "capabilities": "requestObject.spec.containers.securityContext.capabilities.add",
            "hostPath": "requestObject.spec.volumes.hostPath.path",
        },
        times=("requestReceivedTimestamp", "stageTimestamp"), users=("user.username",),
    ),
    LogFormat(
        "opencanary", Logsource("opencanary", "", ("application",)), ("logtype", "node_id"),
        times=("utc_time", "local_time"), hosts=("node_id",),
    ),
    LogFormat(
        "onelogin", Logsource("onelogin", "onelogin.events"), ("event_type_id", "account_id"), times=("created_at",),
        users=("user_name",),
    ),
    LogFormat(
        "fortigate", Logsource("fortigate", "event"), ("devid", "logid"), {"type": "event"}, times=("eventtime",),
        hosts=("devname",), users=("user",),
    ),
    *map(_zeek, ("dns", "http", "smb_files", "dce_rpc", "rdp", "x509", "kerberos", "conn", "files", "ssl", "notice")),
    LogFormat(
        "web-server", Logsource("", "", ("webserver",)), ("cs-method", "cs-uri-stem"),
        times=("timestamp", "@timestamp"), hosts=("s-computername", "s-ip"), users=("cs-username",),
    ),
    LogFormat(
        "proxy", Logsource("", "", ("proxy",)), ("c-uri",), times=("timestamp", "@timestamp"), hosts=("c-ip", "src_ip"),
        users=("cs-username",),
    ),
    LogFormat(
        "antivirus", Logsource("", "", ("antivirus",)), ("Signature", "Filename"), times=("timestamp", "@timestamp"),
        hosts=("host", "ComputerName"), users=("User",),
    ),
    LogFormat(
        "auditd", Logsource("linux", "auditd"), ("record", "type"), {"record": "type=*msg=audit(*"},
        times=("time", "@timestamp"), hosts=("node", "hostname"), users=("AUID", "auid"), read=read_auditd,
    ),
)  # fmt: skip

KNOWN = LogFormats(PRODUCTS)
