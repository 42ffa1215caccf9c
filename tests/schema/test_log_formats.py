"""Records of products other than Windows go to the log source that Sigma's rules ask for; users map their own."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.writing import matcher_of, rule_text
from tests.schema.test_normalise import NOW, event_of, us
from tocsin.errors import ConfigError
from tocsin.event import Logsource
from tocsin.schema.log_format import LogFormats
from tocsin.schema.normalise import normalise
from tocsin.schema.own_formats import read_formats
from tocsin.schema.products import PRODUCTS

AUDITD = 'type=EXECVE msg=audit(1604994496.155:92733): argc=3 a0="sh" a1="-c" a2=636174202F6574632F706173737764'
SYSMON_LINUX = (
    '<Event><System><Provider Name="Linux-Sysmon"/><EventID>1</EventID><TimeCreated SystemTime="2026-01-12T06:00:00Z"/>'
    "<EventRecordID>7</EventRecordID><Channel>Linux-Sysmon/Operational</Channel><Computer>WEB1</Computer></System>"
    '<EventData><Data Name="Image">/usr/bin/curl</Data><Data Name="CommandLine">curl &lt;a&gt;</Data>'
    "</EventData></Event>"
)
SIGN_IN = {"operationName": "Sign-in activity", "properties": {"userPrincipalName": "ann@example.com"}}

# A record of each product, the log source of a rule, and a selection of it that the record fits.
RECORDS: list[tuple[dict[str, Any], dict[str, str], str]] = [
    (
        {"eventVersion": "1.08", "eventSource": "iam.amazonaws.com", "eventName": "CreateUser"},
        {"product": "aws", "service": "cloudtrail"},
        "eventName: CreateUser",
    ),
    ({"category": "SignInLogs", **SIGN_IN}, {"product": "azure", "service": "signinlogs"}, "operationName: Sign-in*"),
    (
        {"category": "AuditLogs", "operationName": "Add user", "properties": {"message": "Add user"}},
        {"product": "azure", "service": "auditlogs"},
        "properties.message: Add user",
    ),
    (
        {"category": "Administrative", "operationName": "MICROSOFT.AUTHORIZATION/X"},
        {"product": "azure", "service": "activitylogs"},
        "operationName|startswith: Microsoft.Authorization",
    ),
    ({"riskEventType": "leaked"}, {"product": "azure", "service": "riskdetection"}, "riskEventType: leaked*"),
    ({"riskEventType": "xAlertIncident"}, {"product": "azure", "service": "pim"}, "riskEventType: x*"),
    (
        {"protoPayload": {"methodName": "v1.compute.delete", "serviceName": "compute"}},
        {"product": "gcp", "service": "gcp.audit"},
        "gcp.audit.method_name|endswith: .delete",
    ),
    (
        {"eventService": "admin.googleapis.com", "eventName": "GRANT"},
        {"product": "gcp", "service": "google_workspace.admin"},
        "eventName: GRANT",
    ),
    (
        {"eventType": "user.lock", "published": "2026-01-12T06:00:00Z", "actor": {"alternateId": "ann"}},
        {"product": "okta", "service": "okta"},
        "actor.alternateId: ann",
    ),
    ({"_document_id": "x", "action": "repo.add"}, {"product": "github", "service": "audit"}, "action: repo.add"),
    ({"auditType": {"action": "A"}}, {"product": "bitbucket", "service": "audit"}, "auditType.action: a"),
    (
        {"eventSource": "SecurityComplianceCenter", "eventName": "x", "status": "success"},
        {"product": "m365", "service": "threat_management"},
        "status: success",
    ),
    (
        {"Operation": "New-InboxRule", "RecordType": 1, "Workload": "Exchange"},
        {"product": "m365", "service": "audit"},
        "Operation: New-InboxRule",
    ),
    (
        {"auditID": "x", "verb": "create", "apiVersion": "audit.k8s.io/v1", "objectRef": {"resource": "pods"}},
        {"product": "kubernetes", "category": "application", "service": "audit"},
        "objectRef.resource: pods",
    ),
    ({"logtype": 4002, "node_id": "n"}, {"product": "opencanary", "category": "application"}, "logtype: 4002"),
    ({"event_type_id": 1, "account_id": 1}, {"product": "onelogin", "service": "onelogin.events"}, "event_type_id: 1"),
    (
        {"devid": "FG1", "logid": "1", "type": "event", "action": "Add"},
        {"product": "fortigate", "service": "event"},
        "action: Add",
    ),
    ({"_path": "dns", "ts": 1.5e9, "query": "a.onion"}, {"category": "dns"}, "query|endswith: .onion"),
    ({"_path": "smb_files", "ts": 1.5e9, "name": "x"}, {"product": "zeek", "service": "smb_files"}, "name: x"),
    ({"cs-method": "GET", "cs-uri-stem": "/a", "cs-uri-query": "x"}, {"category": "webserver"}, "cs-uri-query: x"),
    ({"c-uri": "http://a/", "cs-method": "GET"}, {"category": "proxy"}, "c-uri|contains: a"),
    ({"Signature": "Trojan", "Filename": "a.exe"}, {"category": "antivirus"}, "Signature: Trojan"),
    ({"type": "EXECVE", "record": AUDITD}, {"product": "linux", "service": "auditd"}, "a2: cat /etc/passwd"),
    ({"SyslogMessage": SYSMON_LINUX}, {"product": "linux", "category": "process_creation"}, "CommandLine: curl <a>"),
    (
        {"EventID": 3, "Channel": "RPCFW", "Hostname": "dc", "EventLog": "RPCFW"},
        {"product": "rpc_firewall", "category": "application"},
        "EventLog: RPCFW",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("record", "logsource", "selection"), RECORDS, ids=lambda value: str(value)[:40])
def test_a_rule_fires_on_a_record_of_the_product_it_is_for(
    record: dict[str, Any], logsource: dict[str, str], selection: str
) -> None:
    other = {"product": "windows" if logsource.get("product") != "windows" else "linux", "category": "image_load"}
    matcher = matcher_of(
        rule_text(selection, title="for it", logsource=logsource), rule_text(selection, logsource=other)
    )
    event = event_of(record)
    assert ([rule.title for rule in matcher.match(event)], "unknown_format" in event.flags) == (["for it"], False)


def test_time_host_and_user_are_found() -> None:
    event = event_of(
        {
            "eventVersion": "1.08",
            "eventSource": "iam.amazonaws.com",
            "eventName": "CreateUser",
            "eventTime": "2026-01-12T06:00:00Z",
            "recipientAccountId": "123",
            "userIdentity": {"arn": "arn:ann"},
        }
    )
    assert (event.time_us, event.time_source) == (us("2026-01-12T06:00:00Z"), "eventTime")
    assert (event.host, event.user, event.flags) == ("123", "arn:ann", ())
    event = event_of({"type": "EXECVE", "record": AUDITD})
    assert event.time_us == 1_604_994_496_155_000
    event = event_of({"SyslogMessage": SYSMON_LINUX})
    assert (event.time_us, event.host) == (us("2026-01-12T06:00:00Z"), "web1")


def test_lines_of_auditd_are_read_with_what_is_quoted_nested_and_encoded() -> None:
    line = (
        "type=USER_CMD msg=audit(1604994496.155:7): pid=1 uid=0 auid=1000 key=(null) "
        "msg='op=add id=3 exe=\"/usr/bin/a b\" cmd=6C73202F res=success'"
    )
    fields = event_of({"type": "USER_CMD", "record": line}).fields
    assert {name: fields[name] for name in ("type", "pid", "op", "exe", "cmd", "res", "key", "serial")} == {
        "type": "USER_CMD", "pid": "1", "op": "add", "exe": "/usr/bin/a b", "cmd": "ls /", "res": "success",
        "key": "(null)", "serial": "7",
    }  # fmt: skip


def test_what_no_format_fits_stays_unknown() -> None:
    event = event_of({"a": 1})
    assert (event.shape.format, event.flags) == ("unknown", ("missing_time", "unknown_format"))


PATHS = sorted({path for one in PRODUCTS for path in (*one.has, *one.where)} | {"record", "SyslogMessage", "time"})
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just(AUDITD), st.just(SYSMON_LINUX)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(PATHS), inner, max_size=2)),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(PATHS), VALUES, max_size=6))
def test_no_record_of_a_product_is_too_odd_to_be_read(record: dict[str, Any]) -> None:
    raw = orjson.dumps({key: value for key, value in record.items() if _fits_json(value)})
    assert normalise(raw, NOW).json == raw


def _fits_json(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


OWN = """\
- name: our-edr
  when: {vendor: acme, kind: proc*, id: null}
  logsource: {product: windows, category: process_creation}
  fields: {CommandLine: proc.cmd, Image: proc.path}
  time: [at, time]
  host: machine.name
  user: who
"""


def own_formats(folder: Path, text: str) -> LogFormats | None:
    file = folder / "formats.yml"
    file.write_text(text)
    return read_formats([file])


def test_a_users_own_format_gives_log_source_fields_time_host_and_user(tmp_path: Path) -> None:
    record = {
        "vendor": "ACME", "kind": "process", "id": 7, "proc": {"cmd": "whoami", "path": "C:\\a.exe"},
        "time": "2026-01-12T06:00:00Z", "machine": {"name": "WS1"}, "who": "ann", "EventID": 1, "Channel": "Security",
    }  # fmt: skip
    own = own_formats(tmp_path, OWN)
    event = event_of(record, own=own)
    assert event.shape.logsource == Logsource("windows", "", ("process_creation",))
    assert (event.shape.format, event.host, event.user) == ("our-edr", "ws1", "ann")
    assert (event.time_us, event.time_source) == (us("2026-01-12T06:00:00Z"), "time")
    matcher = matcher_of(
        rule_text("CommandLine: whoami", logsource={"product": "windows", "category": "process_creation"})
    )
    assert matcher.match(event) != ()
    del record["id"]
    assert event_of(record, own=own).shape.format == "flat-windows"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: b", "must be a list of formats"),
        ("[]", "must be a list of formats"),
        ("- [", "is not valid YAML"),
        ("- x", "entry 1: a format is a map with name, when"),
        ("- {logsource: {product: a}}", "entry 1: `when` says which records are meant"),
        ("- {when: {a: [b]}, logsource: {product: a}}", "entry 1: `when` says which records are meant"),
        ("- {when: {a: b}}", "entry 1: `logsource` is a map with product, service, category"),
        ("- {when: {a: b}, logsource: {produkt: a}}", "entry 1: `logsource` is a map with product, service, category"),
        ("- {when: {a: b}, logsource: {product: a}, fields: [c]}", "entry 1: `fields` is a map"),
        ("- {when: {a: b}, logsource: {product: a}, time: [1]}", "entry 1: `time` is a path"),
        ("- {when: {a: b}, logsource: {product: a}, wen: c}", "entry 1: unknown key `wen`; known are name, when"),
    ],
)
def test_a_format_that_is_wrong_is_refused_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        own_formats(tmp_path, text)
    assert problem in caught.value.problems[0]
