"""Settings are refused with all that is wrong in them."""

from datetime import datetime

import pytest

from tocsin.errors import ConfigError
from tocsin.sources.simulator import SCENARIOS, SimulatorSettings, SimulatorSource


def test_the_defaults_are_fine() -> None:
    SimulatorSettings().check()


def test_all_problems_are_named_at_once() -> None:
    settings = SimulatorSettings(
        hosts=0,
        rate=-1.0,
        burst=(100.0, 0.0),
        count=0,
        batch_size=0,
        format="evtx",
        attacks=("phish-to-credential", "all"),
        start=datetime(2026, 1, 1),
    )
    with pytest.raises(ConfigError) as error:
        SimulatorSource(settings, {})
    assert list(error.value.problems) == [
        "sources.simulator: hosts must be from 1 to 10000, not 0",
        "sources.simulator: count must be 1 or more, not 0",
        "sources.simulator: batch_size must be 1 or more, not 0",
        "sources.simulator: rate must be more than 0 events a second, not -1.0",
        "sources.simulator: burst must be RATE:SECONDS, both more than 0, not 100.0:0.0",
        "sources.simulator: start must name its time zone (UTC), not 2026-01-01T00:00:00",
        "sources.simulator: unknown format 'evtx'; did you mean 'evtx-json'?",
        "sources.simulator: unknown attack 'phish-to-credential'; did you mean 'phish-to-credentials'?",
    ]


@pytest.mark.parametrize(
    ("attacks", "scenarios"),
    [
        (("all",), SCENARIOS),
        (("none",), ()),
        ((), ()),
        (("spray-to-rdp",), ("spray-to-rdp",)),
        (("spray-to-rdp", "phish-to-credentials"), ("phish-to-credentials", "spray-to-rdp")),
    ],
)
def test_attacks_name_scenarios_or_all_or_none(attacks: tuple[str, ...], scenarios: tuple[str, ...]) -> None:
    assert SimulatorSettings(attacks=attacks).scenarios == scenarios
