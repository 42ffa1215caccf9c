"""Events are formed as the real ones of their kind, and say the same in each format."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.sources.simulator.simulated import default_run, run, system_of
from tocsin.sources.simulator import FORMATS, SimulatorSettings
from tocsin.sources.simulator.kinds import KINDS

# Where real events of each kind and format lie; every event of a file is looked at until one has the fields of ours.
_REAL_EVTX = {
    4624: "evtx-attack-samples/Credential_Access/remote_sam_registry_access_via_backup_operator_priv",
    4625: "evtx-rs-samples/Security_short_selected",
    4634: "evtx-attack-samples/Privilege_Escalation/4624_LT3_AnonymousLogon_Localhost_-_JuicyPotato",
    4672: "evtx-attack-samples/Credential_Access/remote_sam_registry_access_via_backup_operator_priv",
    4688: "evtx-attack-samples/Credential_Access/tutto_malseclogon",
    1102: "evtx-attack-samples/Credential_Access/ACL_ForcePwd_SPNAdd_User_Computer_Accounts",
    1: "evtx-attack-samples/Credential_Access/tutto_malseclogon",
    4104: "evtx-attack-samples/Credential_Access/Powershell_4104_MiniDumpWriteDump_Lsass",
    7045: "evtx-attack-samples/Privilege_Escalation/System_7045_namedpipe_privesc",
    **dict.fromkeys((7, 10, 11, 13), "sigma-regression/sigma-regression"),
    3: "evtx-attack-samples/Command_and_Control/tunna_iis_rdp_smb_tunneling_sysmon_3",
    4698: "evtx-attack-samples/Privilege_Escalation/PrivEsc_SeImpersonatePriv_enabled_back_for_upnp_localsvc_4698",
    4720: "hayabusa/DeepBlueCLI/new-user-security",
    4728: "hayabusa/DeepBlueCLI/new-user-security",
    4732: "hayabusa/DeepBlueCLI/new-user-security",
    4768: "hayabusa/YamatoSecurity/CredentialAccess/T1558.003_StealOrForgeKerberosTicketsKerberoasting_Security",
    4769: "hayabusa/YamatoSecurity/CredentialAccess/T1558.003_StealOrForgeKerberosTicketsKerberoasting_Security",
    5145: "evtx-attack-samples/Credential_Access/remote_sam_registry_access_via_backup_operator_priv",
}
_REAL_FLAT = "otrf/atomic/windows/credential_access/cmd_dumping_ntds_dit_file_volume_shadow_copy"


_OF_EACH_KIND = 150


@lru_cache(maxsize=1)
def chosen() -> list[int]:
    """Places in a default run of events of every kind: the first few of each."""
    seen: Counter[int] = Counter()
    places = []
    for place, record in enumerate(default_run()[0]):
        event_id = evtx_id(orjson.loads(record.value))
        seen[event_id] += 1
        if seen[event_id] <= _OF_EACH_KIND:
            places.append(place)
    return places


@lru_cache(maxsize=len(FORMATS))
def events_of(format_name: str) -> list[dict[str, Any]]:
    count = len(default_run()[0])
    records = (
        default_run()[0] if format_name == "evtx-json" else run(SimulatorSettings(count=count, format=format_name))[0]
    )
    return [orjson.loads(records[place].value) for place in chosen()]


def shape(value: Any) -> Any:
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value).__name__


def real_events(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / "events" / f"{name}.jsonl.gz") as file:
        for line in file:
            yield orjson.loads(line)


def evtx_id(event: dict[str, Any]) -> int:
    event_id = event["Event"]["System"]["EventID"]
    return int(event_id["#text"] if isinstance(event_id, dict) else event_id)


@pytest.mark.parametrize("event_id", sorted(_REAL_EVTX))
def test_evtx_json_has_the_keys_order_and_types_of_a_real_event(event_id: int, shared_data: Path) -> None:
    ours = next(event for event in events_of("evtx-json") if evtx_id(event) == event_id)
    shapes = [
        json.dumps(shape(real)) for real in real_events(shared_data, _REAL_EVTX[event_id]) if evtx_id(real) == event_id
    ]
    assert json.dumps(shape(ours)) in shapes


@pytest.mark.parametrize("event_id", sorted(_REAL_EVTX))
def test_evtx_json_has_the_constants_of_a_real_event(event_id: int, shared_data: Path) -> None:
    names = ("Provider", "EventID", "Version", "Task", "Opcode", "Keywords", "Channel")
    ours = next(event for event in events_of("evtx-json") if evtx_id(event) == event_id)
    heads = [
        [real["Event"]["System"][name] for name in names]
        for real in real_events(shared_data, _REAL_EVTX[event_id])
        if evtx_id(real) == event_id
    ]
    assert [ours["Event"]["System"][name] for name in names] in heads


@pytest.mark.parametrize("event_id", [4624, 4634, 4672, 4688, 1, 4104, 3, 7, 10, 11, 13, 22])
def test_flat_events_have_the_keys_order_and_types_of_a_real_event(event_id: int, shared_data: Path) -> None:
    ours = [event for event in events_of("flat-windows") if event["EventID"] == event_id]
    ours_shapes = {json.dumps(shape(event)) for event in ours}
    real = next(event for event in real_events(shared_data, _REAL_FLAT) if event["EventID"] == event_id)
    assert json.dumps(shape(real)) in ours_shapes


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_kind_of_event_is_simulated(format_name: str) -> None:
    ids: dict[str, Callable[[dict[str, Any]], int]] = {
        "evtx-json": evtx_id,
        "flat-windows": lambda event: int(event["EventID"]),
        "winlogbeat": lambda event: int(event["winlog"]["event_id"]),
        "winlogbeat6": lambda event: int(event["event_id"]),
    }
    assert {ids[format_name](event) for event in events_of(format_name)} == {kind.event_id for kind in KINDS}


def test_the_same_event_says_the_same_in_each_format() -> None:
    for evtx, flat, beat, old_beat in zip(*map(events_of, FORMATS), strict=True):
        system, data = evtx["Event"]["System"], evtx["Event"].get("EventData")
        winlog = beat["winlog"]
        assert int(winlog["event_id"]) == flat["EventID"] == evtx_id(evtx)
        assert winlog["channel"] == flat["Channel"] == system["Channel"]
        assert winlog["provider_name"] == flat["SourceName"] == system["Provider"]["#attributes"]["Name"]
        assert winlog["computer_name"] == flat["Hostname"] == system["Computer"]
        assert winlog["record_id"] == old_beat["record_number"] == str(system["EventRecordID"])
        assert (winlog["channel"], int(winlog["event_id"])) == (old_beat["log_name"], old_beat["event_id"])
        assert winlog.get("event_data") == old_beat.get("event_data")
        assert winlog.get("user_data") == old_beat.get("user_data")
        time = system["TimeCreated"]["#attributes"]["SystemTime"]
        assert (
            beat["@timestamp"] == old_beat["@timestamp"] == flat["TimeCreated"] == flat["@timestamp"] == f"{time[:-4]}Z"
        )
        if data is None:
            cleared = evtx["Event"]["UserData"]["LogFileCleared"]
            assert winlog["user_data"]["SubjectUserName"] == cleared["SubjectUserName"]
            assert cleared["SubjectUserName"] in flat["Message"]
            continue
        assert [comparable(value) for value in winlog["event_data"].values()] == [*map(comparable, data.values())]
        assert [comparable(flat[name]) for name in data] == [*map(comparable, data.values())]


def comparable(value: Any) -> str:
    return "" if value is None else str(value).strip("{}").lower()


def test_record_numbers_rise_in_each_log_of_a_host() -> None:
    last: dict[tuple[str, str], int] = {}
    for record in default_run()[0]:
        system = system_of(record)
        log = (system["Computer"], system["Channel"])
        assert system["EventRecordID"] > last.get(log, 0)
        last[log] = system["EventRecordID"]
    assert len(last) > 100
