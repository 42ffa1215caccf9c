"""The event that normalising makes of each format, and what it makes of bytes that are broken."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schema.same_event import (
    EVENTS,
    HASHES,
    PROCESS_4688,
    WRITERS,
    described,
    evtx_json,
    flat_windows,
    winlogbeat6,
    winlogbeat7,
    winlogbeat8_dotted,
    xmltodict_json,
)
from tocsin.errors import DecodeError
from tocsin.event import Event, Logsource
from tocsin.schema.normalise import normalise

SYSMON = "Microsoft-Windows-Sysmon/Operational"


def us(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


NOW = us("2026-06-01T00:00:00Z")


def event_of(record: Any, **arguments: Any) -> Event:
    return normalise(orjson.dumps(record), arguments.pop("ingest_us", NOW), **arguments)


def test_an_evtx_record_becomes_envelope_and_native_fields() -> None:
    raw = orjson.dumps(evtx_json(SYSMON, 1, "Microsoft-Windows-Sysmon", {"Image": "C:\\a.exe", "User": "CORP\\ann"}))
    event = normalise(raw, NOW)
    assert described(event) == {
        "json": raw,
        "is_repaired": False,
        "format": "evtx-json",
        "time_us": us("2026-01-12T06:00:00.123Z"),
        "time_source": "SystemTime",
        "flags": (),
        "host": "ws1.corp.local",
        "user": "CORP\\ann",
        "logsource": Logsource("windows", "sysmon", ("process_creation",)),
        "channel": SYSMON,
        "provider": "Microsoft-Windows-Sysmon",
        "code": "1",
        "fields": {
            "Level": 4,
            "Task": 1,
            "Opcode": 0,
            "Keywords": "0x8000000000000000",
            "EventRecordID": 17,
            "Version": 5,
            "Image": "C:\\a.exe",
            "User": "CORP\\ann",
            "EventID": 1,
            "Channel": SYSMON,
            "Computer": "WS1.corp.local",
            "Provider_Name": "Microsoft-Windows-Sysmon",
            "Security_UserID": "S-1-5-18",
            "UserID": "S-1-5-18",
        },
        "overlay": {},
    }


def test_a_flat_record_keeps_its_keys_and_gains_provider_and_computer() -> None:
    record = {
        "EventID": 4624,
        "Channel": "security",
        "SourceName": "Microsoft-Windows-Security-Auditing",
        "Hostname": "WS1",
        "@timestamp": "2026-01-12T06:00:00.5Z",
        "TargetUserName": "ann",
        "TargetDomainName": "-",
        "tags": ["lab"],
    }
    event = event_of(record)
    added = {"Provider_Name": "Microsoft-Windows-Security-Auditing", "Computer": "WS1"}
    assert event.fields == record | added
    assert (event.shape.channel, event.host, event.user, event.shape.code) == ("Security", "ws1", "ann", "4624")
    assert event.shape.logsource == Logsource("windows", "security")


def test_event_data_that_azure_writes_as_text_is_read() -> None:
    record = {"EventID": 1, "Channel": SYSMON, "Provider": "Microsoft-Windows-Sysmon", "Computer": "WS1"}
    data = {"Image": "C:\\a.exe", "User": "CORP\\ann", "EventID": "4624"}
    event = event_of(record | {"EventData": orjson.dumps(data).decode()})
    assert (event.shape.provider, event.shape.code, event.user, event.fields["Image"]) == (
        "Microsoft-Windows-Sysmon",
        "1",
        "CORP\\ann",
        "C:\\a.exe",
    )
    for text in ("<Data/>", "[1]", "{", "1"):
        assert event_of(record | {"EventData": text}).fields["EventData"] == text


def test_a_winlogbeat_record_gives_event_data_and_user_data() -> None:
    record = winlogbeat7("Security", 1102, "Microsoft-Windows-Eventlog", {})
    record["winlog"]["user_data"] = {
        "SubjectUserName": "ann",
        "SubjectDomainName": "CORP",
        "xml_name": "LogFileCleared",
    }
    event = event_of(record | {"message": "The audit log was cleared."})
    assert event.shape.format == "winlogbeat"
    assert event.user == "CORP\\ann"
    assert event.fields == {
        "EventRecordID": 17,
        "SubjectUserName": "ann",
        "SubjectDomainName": "CORP",
        "xml_name": "LogFileCleared",
        "EventID": 1102,
        "Channel": "Security",
        "Provider_Name": "Microsoft-Windows-Eventlog",
        "Computer": "WS1.corp.local",
        "Message": "The audit log was cleared.",
    }


def test_a_winlogbeat_6_record_gives_event_data() -> None:
    event = event_of(winlogbeat6("Security", 4688, "Microsoft-Windows-Security-Auditing", PROCESS_4688))
    assert event.shape.format == "winlogbeat6"
    assert event.fields["NewProcessName"] == "C:\\Windows\\System32\\whoami.exe"
    assert event.fields["EventID"] == 4688


@pytest.mark.parametrize("event_name", EVENTS)
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_one_event_is_the_same_in_every_format(write: Any, event_name: str) -> None:
    plain, other = event_of(evtx_json(*EVENTS[event_name])), event_of(write(*EVENTS[event_name]))
    for name in ("time_us", "host", "user", "code", "channel", "provider", "logsource", "overlay", "flags"):
        assert described(other)[name] == described(plain)[name], name
    data = EVENTS[event_name][3]
    assert {name: other.fields[name] for name in data} == data


def test_formats_are_told_apart() -> None:
    detected = [event_of(write(*EVENTS["4688"])).shape.format for write in WRITERS]
    assert detected == ["evtx-json", "evtx-json", "flat-windows", "winlogbeat", "winlogbeat", "winlogbeat6"]


def test_4688_is_laid_over_with_the_names_of_process_creation() -> None:
    assert event_of(flat_windows(*EVENTS["4688"])).overlay == {
        "Image": "C:\\Windows\\System32\\whoami.exe",
        "ProcessId": "4428",
        "ParentImage": "C:\\Windows\\System32\\cmd.exe",
        "ParentProcessId": "6116",
        "LogonId": "0x910e0",
        "IntegrityLevel": "High",
        "User": "CORP\\ann",
    }


def test_hashes_of_sysmon_are_split() -> None:
    overlay = {"sha1": "DA39", "md5": "D41D", "sha256": "E3B0", "Imphash": "4E00"}
    assert event_of(evtx_json(*EVENTS["sysmon-1"])).overlay == overlay
    assert event_of(evtx_json(SYSMON, 7, "", {"Hashes": HASHES})).overlay == overlay


def test_a_process_of_another_user_is_the_targets() -> None:
    data = PROCESS_4688 | {"TargetUserName": "svc", "TargetDomainName": "CORP"}
    event = event_of(evtx_json("Security", 4688, "", data))
    assert (event.user, event.overlay["User"]) == ("CORP\\svc", "CORP\\svc")


def test_a_field_that_a_4688_of_an_old_windows_lacks_is_missing_in_the_view_too() -> None:
    overlay = event_of(evtx_json("Security", 4688, "", {"NewProcessName": "C:\\a.exe", "NewProcessId": "0x10"})).overlay
    assert overlay == {"Image": "C:\\a.exe", "ProcessId": "16"}


def test_4657_is_of_the_category_that_its_operation_says() -> None:
    def categories(operation: str) -> tuple[str, ...]:
        return event_of(evtx_json("Security", 4657, "", {"OperationType": operation})).shape.logsource.categories

    assert categories("%%1904") == ("registry_event", "registry_add", "registry_set")
    assert categories("%%1905") == ("registry_event", "registry_set")
    assert categories("%%1906") == ("registry_event", "registry_delete")
    assert categories("%%9999") == ("registry_event",)


def test_sysmon_ids_mean_nothing_on_other_channels() -> None:
    assert event_of(evtx_json("Application", 1, "MsiInstaller", {})).shape.logsource == Logsource(
        "windows", "application"
    )
    assert event_of(evtx_json("Custom/Operational", 1, "", {})).shape.logsource == Logsource("windows")


def test_unnamed_data_is_a_field_called_data() -> None:
    def data(payload: Any) -> Any:
        return event_of(evtx_json("Application", 11707, "MsiInstaller", payload)).fields.get("Data", "missing")

    assert data({"Data": {"#text": ["Installed.", "(NULL)"]}, "Binary": None}) == ["Installed.", "(NULL)"]
    assert data({"Data": {"#text": "Installed."}}) == "Installed."
    assert data({"Data": [{"#text": "a"}, "b"]}) == ["a", "b"]
    assert data({"Data": [{"#attributes": {"Name": "Image"}, "#text": "a"}, "b"]}) == ["b"]
    assert data(None) == "missing"


def test_user_data_lies_one_level_down() -> None:
    record = evtx_json("Security", 1102, "Microsoft-Windows-Eventlog", {})
    del record["Event"]["EventData"]
    record["Event"]["UserData"] = {"LogFileCleared": {"#attributes": {"xmlns": "…"}, "SubjectUserName": "ann"}}
    event = event_of(record)
    assert event.user == "ann"
    assert "xmlns" not in event.fields and "LogFileCleared" not in event.fields


def test_an_event_id_with_qualifiers_is_its_text() -> None:
    record = evtx_json("System", 0, "Service Control Manager", {"param1": "Fax"})
    record["Event"]["System"]["EventID"] = {"#attributes": {"Qualifiers": 16384}, "#text": 7036}
    event = event_of(record)
    assert (event.shape.code, event.fields["EventID"]) == ("7036", 7036)


def test_names_with_blanks_are_also_there_without() -> None:
    defender = "Microsoft-Windows-Windows Defender/Operational"
    fields = event_of(evtx_json(defender, 1116, "", {"Threat Name": "EICAR"})).fields
    assert (fields["Threat Name"], fields["ThreatName"]) == ("EICAR", "EICAR")


def test_values_of_windows_powershell_are_called_data_in_every_format() -> None:
    channel = "Windows PowerShell"
    values = ["Available", "None", "HostApplication=powershell"]
    assert event_of(evtx_json(channel, 400, "PowerShell", {"Data": {"#text": values}})).fields["Data"] == values
    params = {"param1": values[0], "param2": values[1], "param3": values[2]}
    assert event_of(winlogbeat6(channel, 400, "PowerShell", params)).fields["Data"] == values
    text = {"Message": "Engine state… HostApplication=powershell"}
    assert event_of(flat_windows(channel, 400, "PowerShell", text)).fields["Data"] == text["Message"]


def test_native_fields_that_a_winlogbeat_module_moved_come_back() -> None:
    record = winlogbeat7(SYSMON, 1, "Microsoft-Windows-Sysmon", {"RuleName": "-"}) | {
        "process": {
            "executable": "C:\\a.exe",
            "command_line": "a /x",
            "pid": 7,
            "parent": {"executable": "C:\\b.exe"},
            "hash": {"md5": "d41d"},
            "pe": {"imphash": "4e00"},
        },
        "user": {"domain": "CORP", "name": "ann"},
    }
    event = event_of(record)
    expected = {"Image": "C:\\a.exe", "CommandLine": "a /x", "ProcessId": 7, "ParentImage": "C:\\b.exe"}
    expected |= {"Hashes": "MD5=D41D,IMPHASH=4E00", "User": "CORP\\ann"}
    assert {name: event.fields[name] for name in expected} == expected
    assert event.user == "CORP\\ann"
    assert event.overlay == {"md5": "D41D", "Imphash": "4E00"}


def test_nothing_in_the_events_own_data_overrides_what_rules_route_by() -> None:
    data = {"EventID": "4624", "Channel": "Security", "Computer": "dc1", "Provider_Name": "x"}
    for write in (evtx_json, xmltodict_json, winlogbeat7, winlogbeat8_dotted, winlogbeat6):
        event = event_of(write("Application", 1, "MsiInstaller", data))
        assert str(event.fields["EventID"]) == "1", write
        assert event.fields["Channel"] == "Application", write


def test_an_unmapped_format_still_becomes_an_event() -> None:
    record = {"eventSource": "iam.amazonaws.com", "eventTime": "2026-01-12T06:00:00Z", "host": {"name": "Web-1"}}
    event = event_of(record)
    assert (event.shape.format, event.flags, event.host) == ("unknown", ("unknown_format",), "web-1")
    assert (event.time_us, event.time_source) == (us("2026-01-12T06:00:00Z"), "eventTime")
    assert event.fields == record and event.shape.logsource == Logsource()


def test_zone_less_times_are_in_the_sources_timezone_and_flagged() -> None:
    record = {"EventID": 4625, "Channel": "Security", "EventTime": "2026-07-01 12:00:00"}
    in_utc = event_of(record, ingest_us=us("2027-01-01T00:00:00Z"))
    assert (in_utc.time_us, in_utc.time_source) == (us("2026-07-01T12:00:00Z"), "EventTime")
    assert in_utc.flags == ("assumed_timezone",)
    in_berlin = event_of(record, ingest_us=us("2027-01-01T00:00:00Z"), timezone=ZoneInfo("Europe/Berlin"))
    assert in_berlin.time_us == us("2026-07-01T10:00:00Z")


def test_in_flat_events_timestamp_precedes_utctime_precedes_eventtime() -> None:
    times = {"@timestamp": "2026-01-12T06:00:02Z", "UtcTime": "2026-01-12 06:00:01", "EventTime": "2026-01-12 01:00:00"}
    record: dict[str, Any] = {"EventID": 1, "Channel": SYSMON}
    chosen = []
    while times:
        event = event_of(record | times)
        chosen.append((event.time_source, event.flags))
        del times[event.time_source]
    assert chosen == [("@timestamp", ()), ("UtcTime", ()), ("EventTime", ("assumed_timezone",))]


@pytest.mark.parametrize(
    ("times", "flag"),
    [({}, "missing_time"), ({"EventTime": ""}, "missing_time"), ({"@timestamp": "yesterday"}, "unreadable_time")],
)
def test_without_a_time_the_event_has_that_of_its_ingest_and_a_flag(times: dict[str, str], flag: str) -> None:
    event = event_of({"EventID": 1, "Channel": SYSMON, **times})
    assert (event.time_us, event.time_source, event.flags) == (NOW, "ingest", (flag,))


def test_a_time_more_than_five_minutes_ahead_is_kept_and_flagged() -> None:
    def flags(time: str) -> tuple[str, ...]:
        return event_of(evtx_json("Security", 4624, "", {}, time=time), ingest_us=us("2026-01-12T06:00:00Z")).flags

    assert flags("2026-01-12T06:05:00.000000Z") == ()
    assert flags("2026-01-12T06:05:00.000001Z") == ("future_time",)


def test_the_bytes_are_handed_on_as_they_came() -> None:
    raw = b' {"EventID" : 1,\t"Channel":"Security", "EventID": 2} '
    event = normalise(raw, NOW)
    assert event.json is raw and not event.is_repaired and event.shape.code == "2"


REPAIRED = {
    b'{"a":"\xff\xfe"}': ('{"a":"��"}'.encode(), "repaired_utf8"),
    b'{"a":"\xe2"}': ('{"a":"�"}'.encode(), "repaired_utf8"),
    b'{"a":"\xed\xa0\x80"}': ('{"a":"���"}'.encode(), "repaired_utf8"),
    rb'{"a":"\ud800"}': (rb'{"a":"\ufffd"}', "repaired_surrogate"),
    rb'{"a":"\uDC00\ud83d\ude00\ud83d"}': (rb'{"a":"\ufffd\ud83d\ude00\ufffd"}', "repaired_surrogate"),
    rb'{"a":"\\ud800 \\\ud800"}': (rb'{"a":"\\ud800 \\\ufffd"}', "repaired_surrogate"),
    rb'{"\ud800":1}': (rb'{"\ufffd":1}', "repaired_surrogate"),
    b'\xef\xbb\xbf{"a":1}': (b'{"a":1}', "removed_bom"),
}


@pytest.mark.parametrize("raw", REPAIRED)
def test_one_bad_byte_does_not_hide_an_event(raw: bytes) -> None:
    json, flag = REPAIRED[raw]
    event = normalise(raw, NOW)
    assert (event.json, event.is_repaired) == (json, True)
    assert event.flags[0] == flag
    assert event.fields == orjson.loads(json)


DEEP = 10_000
WIDE = b"{" + b"".join(b'"%d":1,' % number for number in range(20))

BROKEN = {
    "nothing": (b"", "empty"),
    "white space": (b" \r\n", "empty"),
    "truncated": (b'{"EventID":4624,"Chan', "not_json"),
    "truncated in a character": ('{"a":"é'.encode()[:-1], "not_json"),
    "NUL in a string": (b'{"a":"\x00"}', "not_json"),
    "NUL bytes": (b"\x00" * 64, "not_json"),
    "a number beyond all doubles": (b'{"a":1e999}', "not_json"),
    "NaN": (b'{"a":NaN}', "not_json"),
    "single quotes": (b"{'a':1}", "not_json"),
    "two values": (b"{}{}", "not_json"),
    "text": (b"Jan 12 06:00:00 host sshd[1]: x", "not_json"),
    "bad bytes outside a string": (b'{"a":1\xff}', "not_json"),
    "an array": (b'[{"EventID":1}]', "not_an_object"),
    "a string": (b'"x"', "not_an_object"),
    "a number": (b"17", "not_an_object"),
    "null": (b"null", "not_an_object"),
    "10,000 deep": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "too_deep"),
    "10,000 deep, not closed": (b"[" * DEEP, "too_deep"),
    "501 deep": (b'{"a":' * 501 + b"1" + b"}" * 501, "too_deep"),
    "501 deep, as short as can be": (b'{"":' * 500 + b"{}" + b"}" * 500, "too_deep"),
    "501 deep, in a wide object": (WIDE + b'"a":' + b'{"":' * 499 + b"{}" + b"}" * 500, "too_deep"),
    "501 deep, arrays in a wide object": (WIDE + b'"a":' + b"[" * 500 + b"]" * 500 + b"}", "too_deep"),
    "501 deep, objects in a list": (WIDE + b'"a":[' + b'{"":' * 498 + b"{}" + b"}" * 498 + b"]}", "too_deep"),
    "501 deep, arrays": (b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", "too_deep"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_refused_with_a_reason(case: str) -> None:
    raw, reason = BROKEN[case]
    with pytest.raises(DecodeError) as caught:
        normalise(raw, NOW)
    assert caught.value.reason == reason


def test_500_deep_is_read_and_so_are_many_braces_in_text() -> None:
    assert normalise(b'{"a":' * 500 + b"1" + b"}" * 500, NOW).shape.format == "unknown"
    assert event_of({"EventID": 4104, "Channel": "x", "tags": [], "ScriptBlockText": "{[" * 5000}).shape.code == "4104"


def test_the_position_of_an_error_is_in_bytes() -> None:
    with pytest.raises(DecodeError, match=r"byte 8$"):
        normalise('{"éé":x}'.encode(), NOW)


def test_repair_takes_time_in_proportion_to_the_length() -> None:
    for hostile in (rb"\ud800" * 170_000, b"\xff" * 1_000_000, b"\\\\" * 500_000 + rb"\ud800"):
        event = normalise(b'{"a":"' + hostile + b'"}', NOW)
        assert event.is_repaired


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
# fmt: off
KEYS = [
    "Event", "System", "EventData", "UserData", "Data", "#text", "#attributes", "@attributes", "Name", "SystemTime",
    "TimeCreated", "Provider", "EventID", "Channel", "Computer", "Security", "UserID", "SourceName", "Hostname",
    "EventTime", "UtcTime", "@timestamp", "host", "name", "winlog", "event_data", "user_data", "event_id",
    "log_name", "user", "domain", "process", "hash", "OperationType", "ObjectName", "ObjectValueName", "NewValue",
    "NewValueType", "Hashes", "NewProcessId", "ProcessId", "MandatoryLabel", "SubjectUserName", "SubjectDomainName",
    "Message", "param1", "winlog.channel", "winlog.event_data", "winlog.event_data.x", "EventLog", "time",
    "timestamp",
]
# fmt: on
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["Security", "security", SYSMON, "Windows PowerShell", 4688, 4657, 1, "1", 4624, 400])
    | st.sampled_from(["2026-01-12T06:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 1.7e9, 1e300])
)
EVENT_LIKE = st.recursive(
    VALUES,
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=10,
)


def check(raw: bytes) -> None:
    try:
        event = normalise(raw, NOW, timezone(timedelta(hours=-4)))
    except DecodeError:
        return
    assert type(orjson.loads(event.json)) is dict
    assert event.is_repaired == (event.json != raw)
    assert event.time_us is not None
    assert us("0001-01-01T00:00:00Z") <= event.time_us <= us("9999-12-31T23:59:59.999999Z")
    texts = (event.host, event.user, event.shape.channel, event.shape.provider, event.shape.code, event.time_source)
    assert all(type(text) is str for text in texts)
    assert event.shape.logsource.categories or not event.overlay


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | JSON.map(orjson.dumps))
def test_any_bytes_give_an_event_or_a_decode_error(raw: bytes) -> None:
    check(raw)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), EVENT_LIKE, max_size=12))
def test_events_with_anything_in_any_place_give_an_event(record: dict[str, Any]) -> None:
    check(orjson.dumps(record))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WRITERS), st.sampled_from(sorted(EVENTS)), st.data())
def test_damaged_events_give_an_event_or_a_decode_error(write: Any, name: str, data: st.DataObject) -> None:
    raw = bytearray(orjson.dumps(write(*EVENTS[name])))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(raw[: data.draw(st.integers(0, len(raw)))]) if data.draw(st.booleans()) else bytes(raw))
