"""Attacks are whole, labelled apart, and said in the ATT&CK of today."""

import base64
from collections import Counter, defaultdict
from typing import Any

import orjson
import pytest

from tests.sources.simulator.simulated import data_of, default_run, run, system_of, time_of
from tocsin.event import Record, Stamp
from tocsin.rules.attack import Attack
from tocsin.sources.simulator import SimulatorSettings
from tocsin.sources.simulator.attack import Move
from tocsin.sources.simulator.scenarios import SCENARIOS

_MOVES = [move for scenario in SCENARIOS.values() for move in scenario.moves]


def labels_of(records: list[Record]) -> list[dict[str, Any]]:
    return [orjson.loads(record.value) for record in records]


def labelled(scenario: str) -> dict[int, list[Record]]:
    """The events of each step of the first instance of a scenario, in a default run."""
    records, labels = default_run()
    by_id = {stamp.event_id.hex(): record for record in records if (stamp := Stamp.of(record))}
    steps: dict[int, list[Record]] = defaultdict(list)
    for label in labels_of(labels):
        if label["scenario"] == scenario:
            steps[label["step"]].append(by_id[label["event_id"]])
    return steps


def commands(records: list[Record]) -> list[str]:
    return [data["CommandLine"] for record in records if "CommandLine" in (data := data_of(record))]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_step_of_a_scenario_is_labelled_in_order(scenario: str) -> None:
    steps = labelled(scenario)
    assert sorted(steps) == list(range(1, len(SCENARIOS[scenario].moves) + 1))
    firsts = [time_of(steps[step][0]) for step in sorted(steps)]
    assert firsts == sorted(firsts)


def test_labels_say_where_and_when_their_event_was() -> None:
    records, labels = default_run()
    by_id = {stamp.event_id.hex(): record for record in records if (stamp := Stamp.of(record))}
    for label in labels_of(labels):
        record = by_id[label["event_id"]]
        assert label["time"] == time_of(record)
        assert label["host"] == record.key.decode()
        assert label["run"].startswith(f"{label['scenario']}-1@")
        assert label["detectable"] in ("event", "correlation")


def test_events_say_nothing_of_labels() -> None:
    names = [name.encode() for name in SCENARIOS]
    for record in default_run()[0]:
        assert not any(word in record.value for word in (*names, b"tactic", b"technique"))


@pytest.mark.parametrize("move", _MOVES, ids=lambda move: f"{move.technique} {move.title}")
def test_techniques_are_live_and_of_their_tactic(move: Move) -> None:
    attack = Attack.load()
    technique = attack.techniques[move.technique]
    assert not technique.revoked
    assert not technique.deprecated
    names = {tactic.id: tactic.shortname for tactic in attack.tactics}
    assert names[move.tactic] in technique.tactics


def test_each_scenario_has_steps_for_rules_and_at_least_eight_are_played_in_a_default_run() -> None:
    assert len({label["scenario"] for label in labels_of(default_run()[1])}) == len(SCENARIOS) >= 8
    for scenario in SCENARIOS.values():
        assert {"event"} <= {move.detectable for move in scenario.moves} <= {"event", "correlation"}


def test_the_attacks_are_spread_over_the_day_of_a_default_run() -> None:
    times = [time_of(labelled(scenario)[1][0]) for scenario in SCENARIOS]
    assert times == sorted(times)
    assert len({time[:13] for time in times}) >= len(SCENARIOS) - 1


@pytest.mark.parametrize("hosts", [5, 50, 500, 3_000])
def test_twenty_thousand_events_hold_one_whole_attack(hosts: int) -> None:
    labels = labels_of(run(SimulatorSettings(count=20_000, hosts=hosts))[1])
    steps = {label["step"] for label in labels if label["run"].startswith("phish-to-credentials-1@")}
    assert steps == set(range(1, len(SCENARIOS["phish-to-credentials"].moves) + 1))


@pytest.mark.parametrize(("attacks", "played"), [((), set()), (("spray-to-rdp",), {"spray-to-rdp"})])
def test_only_the_chosen_attacks_are_played(attacks: tuple[str, ...], played: set[str]) -> None:
    labels = labels_of(run(SimulatorSettings(count=70_000, attacks=attacks))[1])
    assert {label["scenario"] for label in labels} == played


def test_word_starts_powershell_whose_encoded_command_is_the_script_of_4104() -> None:
    steps = labelled("phish-to-credentials")
    start = next(data_of(record) for record in steps[2] if system_of(record)["EventID"] == 1)
    assert start["ParentImage"].endswith("\\WINWORD.EXE")
    decoded = base64.b64decode(start["CommandLine"].rsplit(" ", 1)[1]).decode("utf-16-le")
    assert "DownloadString" in decoded
    (script,) = (record for record in steps[3] if system_of(record)["EventID"] == 4104)
    assert data_of(script)["ScriptBlockText"] == decoded


def test_the_stolen_account_installs_a_service_elsewhere_and_clears_the_log() -> None:
    steps = labelled("phish-to-credentials")
    assert {record.key for record in steps[8]}.isdisjoint({record.key for record in steps[10]})
    (service,) = steps[10]
    assert "%COMSPEC% /b /c start" in data_of(service)["ImagePath"]
    assert 1102 in [system_of(record)["EventID"] for record in steps[12]]
    assert any('wevtutil.exe" cl Security' in command for command in commands(steps[12]))


def test_a_spray_tries_many_accounts_from_one_address_and_then_one_works() -> None:
    steps = labelled("spray-to-rdp")
    tries = [data_of(record) for record in steps[1]]
    assert len({data["TargetUserName"] for data in tries}) == 30
    assert len({data["IpAddress"] for data in tries}) == 1
    success = next(data_of(record) for record in steps[2] if system_of(record)["EventID"] == 4624)
    assert (success["LogonType"], success["IpAddress"]) == (10, tries[0]["IpAddress"])
    assert any("delete shadows" in command for command in commands(steps[9]))
    assert any("recoveryenabled no" in command for command in commands(steps[10]))


def test_some_honest_events_look_like_an_attack() -> None:
    _, labels = default_run()
    ids = {label["event_id"] for label in labels_of(labels)}
    honest = Counter[str]()
    for record in default_run()[0]:
        stamp = Stamp.of(record)
        assert stamp is not None
        if stamp.event_id.hex() in ids:
            continue
        honest["encoded"] += b"-EncodedCommand" in record.value
        honest["domain admins"] += b"Domain Admins" in record.value
        honest["psexec"] += b"PSEXESVC" in record.value
        honest["shadow copies"] += b"delete shadows" in record.value
        honest["scanner"] += b"SCAN-0001" in record.value
    assert 0 < honest["encoded"] < 500
    assert 0 < honest["domain admins"] < 100
    assert 0 < honest["psexec"] < 100
    assert 0 < honest["shadow copies"] < 100
    assert 0 < honest["scanner"] < 500


def test_two_simulations_play_attacks_that_nothing_takes_for_one() -> None:
    runs = [
        {label["run"] for label in labels_of(run(SimulatorSettings(count=20_000, seed=seed))[1])} for seed in (1, 2)
    ]
    assert runs[0] and runs[1]
    assert runs[0].isdisjoint(runs[1])
