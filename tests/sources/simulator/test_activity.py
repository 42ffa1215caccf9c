"""What is simulated hangs together: times, sessions, processes, working hours."""

from collections import Counter

from tests.sources.simulator.simulated import data_of, default_run, system_of, time_of
from tocsin.sources.simulator.fleet import Fleet, fleet_of
from tocsin.sources.simulator.residents import DAY_US, Residents

_WELL_KNOWN_SESSIONS = {"0x3e7", "0x0"}
_START_US = 1_768_197_600_000_000  # the default start


def test_events_come_in_order_of_their_time() -> None:
    times = [time_of(record) for record in default_run()[0]]
    assert times == sorted(times)
    assert times[0].startswith("2026-01-12T06:00:")


def test_people_work_by_day_and_servers_round_the_clock() -> None:
    by_hour = Counter(time_of(record)[11:13] for record in default_run()[0])
    assert by_hour["10"] > 3 * by_hour["23"] > 0
    assert by_hour["12"] < by_hour["11"]
    servers = Counter(time_of(record)[11:13] for record in default_run()[0] if b"SRV-" in record.key)
    assert min(servers[f"{hour:02d}"] for hour in range(24)) > 100


def test_a_default_run_is_about_a_day() -> None:
    end = time_of(default_run()[0][-1])
    assert "2026-01-13T04" < end < "2026-01-13T08"


def test_every_session_of_a_process_has_a_logon() -> None:
    sessions: set[tuple[bytes, str]] = set()
    for record in default_run()[0]:
        event_id, data = system_of(record)["EventID"], data_of(record)
        if event_id == 4624:
            sessions.add((record.key, data["TargetLogonId"]))
        for name in {1: ("LogonId",), 4688: ("SubjectLogonId", "TargetLogonId")}.get(event_id, ()):
            assert data[name] in _WELL_KNOWN_SESSIONS or (record.key, data[name]) in sessions
        if event_id == 4634:
            assert (record.key, data["TargetLogonId"]) in sessions


def test_every_parent_is_a_process_that_was_started_before() -> None:
    known = residents_of(fleet_of(1, 50))
    starts = [data_of(record) for record in default_run()[0] if system_of(record)["EventID"] == 1]
    for data in sorted(starts, key=lambda data: data["UtcTime"]):
        assert data["ParentProcessGuid"] in known, data
        assert data["ProcessGuid"] not in known
        known.add(data["ProcessGuid"])


def test_whatever_a_process_does_is_done_by_one_that_was_started() -> None:
    known, shifts = residents_of(fleet_of(1, 50)), set()
    deeds = []
    for record in default_run()[0]:
        event_id = system_of(record)["EventID"]
        if event_id == 1:
            known.add(data_of(record)["ProcessGuid"])
            shifts.add(data_of(record)["ProcessGuid"])
        elif event_id in (3, 7, 11, 13, 22):
            deeds.append(data_of(record)["ProcessGuid"])
        elif event_id == 10:
            deeds += (data_of(record)["SourceProcessGUID"], data_of(record)["TargetProcessGUID"])
    assert set(deeds) <= known
    assert len(set(deeds) & shifts) > 1_000


def residents_of(fleet: Fleet) -> set[str]:
    residents = Residents(1, _START_US)
    return {
        root.guid.decode()
        for host in fleet.hosts
        for resident in (residents.resident_of(host),)
        for root in (resident.services, resident.winlogon, resident.scheduler, resident.launcher, resident.lsass)
    }


def test_parents_in_4688_are_processes_of_the_same_host() -> None:
    audited = Counter[bytes]()
    orphans = Counter[bytes]()
    seen: set[tuple[bytes, str]] = set()
    for record in default_run()[0]:
        if system_of(record)["EventID"] != 4688:
            continue
        data = data_of(record)
        audited[record.key] += 1
        if (record.key, data["ProcessId"]) not in seen and data["SubjectLogonId"] != "0x3e7":
            orphans[record.key] += 1
        seen.add((record.key, data["NewProcessId"]))
    assert len(audited) > 30
    assert orphans == Counter()


def test_a_process_is_seen_by_sysmon_and_4688_where_a_host_has_both() -> None:
    kinds: dict[bytes, Counter[int]] = {}
    for record in default_run()[0]:
        kinds.setdefault(record.key, Counter())[system_of(record)["EventID"]] += 1
    both = [counts for counts in kinds.values() if counts[1] and counts[4688]]
    assert len(both) > 25
    assert all(abs(counts[1] - counts[4688]) <= 2 for counts in both)
    assert any(counts[1] and not counts[4688] for counts in kinds.values())
    assert any(counts[4688] and not counts[1] for counts in kinds.values())


def test_nobody_works_at_the_weekend() -> None:
    host = next(iter(fleet_of(1, 50).workstations))
    residents = Residents(1, _START_US)
    monday = _START_US // DAY_US
    assert [residents.shift_of(host, monday + day) is not None for day in range(7)] == [True] * 5 + [False] * 2
