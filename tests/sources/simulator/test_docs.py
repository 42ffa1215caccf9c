"""The page about the simulator says what it does."""

from pathlib import Path

import pytest

from tocsin.sources.simulator import FORMATS
from tocsin.sources.simulator.kinds import KINDS
from tocsin.sources.simulator.scenarios import SCENARIOS

_PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "simulator.md").read_text()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_page_tells_each_step_of_a_scenario(name: str) -> None:
    section = _PAGE.split(f"### {name}\n")[1].split("\n### ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ") and line[2].isdigit()]
    told = [(row[1], row[3], row[4].removesuffix(" |")) for row in rows]
    seen_in = {"event": "one event", "correlation": "several together"}
    assert told == [(move.title, move.technique, seen_in[move.detectable]) for move in SCENARIOS[name].moves]


def test_the_page_names_each_kind_and_format() -> None:
    assert [kind.event_id for kind in KINDS if str(kind.event_id) not in _PAGE] == []
    assert [name for name in FORMATS if f"`{name}`" not in _PAGE] == []
