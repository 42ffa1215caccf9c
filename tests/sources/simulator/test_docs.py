"""The page about the simulator says what it does."""

import re
from pathlib import Path

import pytest

from tocsin.event import LABELS
from tocsin.rules.attack import Attack
from tocsin.sources.simulator import FORMATS, SimulatorSettings, SimulatorSource
from tocsin.sources.simulator.kinds import KINDS
from tocsin.sources.simulator.scenarios import SCENARIOS

_PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "simulator.md").read_text()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_page_tells_each_step_of_a_scenario(name: str) -> None:
    section = _PAGE.split(f"### {name}\n")[1].split("\n### ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ") and line[2].isdigit()]
    told = [(row[1], row[2], row[3], row[4].removesuffix(" |")) for row in rows]
    seen_in = {"event": "one event", "correlation": "several together"}
    tactics = {tactic.id: tactic.name for tactic in Attack.load().tactics}
    assert told == [
        (move.title, tactics[move.tactic], move.technique, seen_in[move.detectable]) for move in SCENARIOS[name].moves
    ]


def test_the_page_names_each_kind_and_format() -> None:
    told = {log: re.findall(r"\b\d+\b", _row(log)) for log in ("Security", "Sysmon", "PowerShell", "System")}
    assert [(kind.channel, kind.event_id) for kind in KINDS if str(kind.event_id) not in told[_log(kind.channel)]] == []
    assert [name for name in FORMATS if f"`{name}`" not in _PAGE] == []


def test_the_label_that_the_page_shows_is_the_first_one_of_the_default_settings() -> None:
    source = SimulatorSource(SimulatorSettings(), {})
    labels = next(batch.aside[LABELS] for _ in range(100) if (batch := source.read()) and batch.aside)
    assert _PAGE.split("```json\n")[1].split("\n```")[0].encode() == labels[0].value


def _row(log: str) -> str:
    return next(line for line in _PAGE.splitlines() if line.startswith(f"| {log} |"))


def _log(channel: str) -> str:
    return next(log for log in ("Sysmon", "PowerShell", "Security", "System") if log in channel)
