"""The same settings give the same records, wherever and however they are cut."""

from datetime import UTC, datetime

import pytest

from tests.sources.simulator.simulated import INGEST_US, run
from tocsin.errors import ConfigError
from tocsin.event import Stamp
from tocsin.sources.simulator import FORMATS, SimulatorSettings, SimulatorSource
from tocsin.sources.simulator.fleet import fleet_of


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_settings_give_the_same_records_and_labels_in_any_batches(format_name: str) -> None:
    whole = run(SimulatorSettings(count=12_000, format=format_name))
    again = run(SimulatorSettings(count=12_000, format=format_name, batch_size=333))
    assert whole == again
    assert len(whole[0]) == 12_000
    assert whole[1]


def test_a_source_goes_on_from_any_position_with_any_batch_size() -> None:
    expected, _ = run(SimulatorSettings(count=9_000))
    source = SimulatorSource(SimulatorSettings(count=9_000, batch_size=701), {}, lambda: INGEST_US)
    read = 0
    while (batch := source.read()) is not None:
        read += len(batch.records)
        rest, _ = run(SimulatorSettings(count=read + 40, batch_size=23), batch.positions)
        assert rest[: 9_000 - read] == expected[read : read + 40]


@pytest.mark.parametrize(
    "other",
    [
        SimulatorSettings(count=2_000, seed=2),
        SimulatorSettings(count=2_000, run="second"),
        SimulatorSettings(count=2_000, hosts=51),
        SimulatorSettings(count=2_000, attacks=()),
        SimulatorSettings(count=2_000, start=datetime(2026, 1, 13, 6, tzinfo=UTC)),
        SimulatorSettings(count=2_000, format="winlogbeat"),
    ],
)
def test_other_settings_are_another_input_with_other_ids(other: SimulatorSettings) -> None:
    settings = SimulatorSettings(count=2_000)
    ids = {stamp.event_id for record in run(settings)[0] if (stamp := Stamp.of(record))}
    assert len(ids) == 2_000
    other_ids = {stamp.event_id for record in run(other)[0] if (stamp := Stamp.of(record))}
    assert not ids & other_ids
    batch = SimulatorSource(settings, {}).read()
    assert batch is not None
    from_its_start = SimulatorSource(other, batch.positions, lambda: INGEST_US).read()
    assert from_its_start == SimulatorSource(other, {}, lambda: INGEST_US).read()


def test_another_seed_gives_the_same_names_and_addresses_with_other_ids_and_logs() -> None:
    first, second = (fleet_of(seed, 50) for seed in (1, 2))
    names = [
        [(host.name, host.address, host.owner.name, host.role) for host in fleet.hosts] for fleet in (first, second)
    ]
    assert names[0] == names[1]
    assert not {host.owner.sid for host in first.hosts} & {host.owner.sid for host in second.hosts}
    assert [host.has_sysmon for host in first.hosts] != [host.has_sysmon for host in second.hosts]


def test_another_seed_gives_other_bytes() -> None:
    first, second = ({record.value for record in run(SimulatorSettings(count=2_000, seed=seed))[0]} for seed in (1, 2))
    assert not first & second


def test_a_position_that_is_none_of_ours_is_refused() -> None:
    batch = SimulatorSource(SimulatorSettings(), {}).read()
    assert batch is not None
    (name,) = batch.positions
    with pytest.raises(ConfigError, match="not one of this version"):
        SimulatorSource(SimulatorSettings(), {name: b"nonsense"})


def test_records_carry_stamp_host_and_the_time_of_the_clock() -> None:
    record = run(SimulatorSettings(count=1))[0][0]
    stamp = Stamp.of(record)
    assert stamp is not None
    assert stamp.ingest_us == record.timestamp_us == INGEST_US
    assert record.key.endswith(b".harbor.example")
    assert record.key in record.value


def test_a_longer_run_begins_as_a_shorter_one() -> None:
    assert run(SimulatorSettings(count=500))[0] == run(SimulatorSettings(count=900))[0][:500]


@pytest.mark.parametrize("hosts", [1, 2, 7, 600])
def test_fleets_of_any_size_are_simulated(hosts: int) -> None:
    records, labels = run(SimulatorSettings(count=14_000, hosts=hosts))
    assert len(records) == 14_000
    assert labels
