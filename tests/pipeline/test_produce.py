"""Produce says what it did, and what of it there will be to look at."""

from pathlib import Path
from typing import Any

import pytest
from tests.command import tocsin

from tocsin.bus.embedded import EmbeddedBus
from tocsin.config import load_config
from tocsin.errors import ReopenError
from tocsin.pipeline.produce import Reading, produce
from tocsin.telemetry.meter import StageMeter


def test_produce_writes_the_labels_of_its_attacks_and_names_those_that_had_not_begun(tmp_path: Path) -> None:
    done = tocsin("produce", "--count", 9000, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    labels = (tmp_path / "tocsin-data" / "labels.jsonl").read_text()
    assert '"scenario":"phish-to-credentials"' in labels
    assert '"scenario":"psexec-to-ransomware"' not in labels
    records, notice, place = done.stdout.splitlines()
    assert records == "produce: 9,000 records put on the bus."
    assert notice.startswith("produce: attacks that had not begun by the last event: ")
    assert "psexec-to-ransomware" in notice
    assert "phish-to-credentials" not in notice
    assert place == "produce: labels of the attacks: tocsin-data/labels.jsonl"


def test_produce_without_attacks_writes_no_labels(tmp_path: Path) -> None:
    done = tocsin("produce", "--attacks", "none", "--count", 10, cwd=tmp_path)
    assert done.stdout == "produce: 10 records put on the bus.\n"
    assert not (tmp_path / "tocsin-data" / "labels.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--attacks", "psexec"), "command line: produce.attacks is `psexec`; unknown attack 'psexec'"),
        (("--hosts", 20_000), "command line: produce.hosts is `20000`; hosts must be from 1 to 10000"),
        (("--start", "1969-01-01"), "command line: produce.start is `1969-01-01`; start must lie between"),
        (("--replay", "empty"), "--replay: no .evtx or JSON Lines file in `empty`; give recordings"),
        (("--replay", "empty", "--follow"), "--follow is for --input: recordings are played as they are"),
        (("--follow",), "--follow needs --input: it is files that can be followed"),
    ],
)
@pytest.mark.parametrize("command", ["produce", "run"])
def test_what_cannot_be_produced_is_refused(
    tmp_path: Path, command: str, options: tuple[object, ...], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = tocsin(command, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_folder_without_logs_is_said_and_one_whose_logs_were_read_before_is_not(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "notes.txt").write_text("no log")
    done = tocsin("produce", "--input", "logs", cwd=tmp_path)
    assert done.stdout.splitlines()[1:] == [
        "produce: 0 files read: there is no .evtx or JSON Lines file among what was named",
        "produce: 1 file is neither .evtx nor JSON Lines by name: ignored",
    ]
    (logs / "a.jsonl").write_text('{"EventID": 1}\n')
    first, again = (tocsin("produce", "--input", "logs", cwd=tmp_path).stdout.splitlines() for _ in range(2))
    assert first[:2] == ["produce: 1 record put on the bus.", "produce: 1 file read"]
    assert again[1:3] == ["produce: 0 files read", "produce: 1 file had been read before"]


def test_a_bus_that_is_lost_as_it_is_asked_where_inputs_were_left_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_text('{"EventID": 1}\n')
    config = load_config({"data": str(tmp_path / "data")}, {})
    meter = StageMeter(config.figures_folder, "produce")
    positions = EmbeddedBus.positions
    lost = [ReopenError("the coordinator has moved")]

    def lose_once(bus: EmbeddedBus, *arguments: Any) -> dict[str, bytes]:
        if lost:
            raise lost.pop()
        return positions(bus, *arguments)

    monkeypatch.setattr(EmbeddedBus, "positions", lose_once)
    produce(config, Reading(inputs=(tmp_path / "a.jsonl",)), lambda: False, meter)
    assert meter.figures.records == 1
