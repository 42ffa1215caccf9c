"""The summary of a run says what was measured, and nothing of what was not."""

import dataclasses
from collections.abc import Sequence

import pytest

from tocsin.commands.summary import _attacks, _speed
from tocsin.pipeline.progress import Progress
from tocsin.pipeline.run import RunOutcome
from tocsin.pipeline.summary import AttackStep, StageCost

_DONE = RunOutcome(
    was_stopped=False,
    new_events=20_000,
    seconds=2.0,
    start_seconds=0.5,
    latency_seconds={50: 1.5, 99: None},
    backlog=0,
    restarts={},
    progress=Progress(),
)


def said(capsys: pytest.CaptureFixture[str], outcome: RunOutcome, costs: Sequence[StageCost] = ()) -> list[str]:
    """Return the lines on speed, without the spaces that align them."""
    _speed(outcome, costs)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line]


def test_a_run_that_was_done_says_how_fast_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    costs = [StageCost("classify", 20_000, 60.0, {"read": 2.0, "wait": 900.0, "step": 40.0})]
    assert said(capsys, _DONE, costs) == [
        "Speed",
        "events a second, end to end 10,000",
        "seconds, first event to all stored 2.0",
        "seconds to start the stages 0.5",
        "produced to stored, p50 1,500 ms",
        "classify 60.0 µs of CPU an event (wall: read 2.0, step 40.0)",
    ]


def test_stages_that_saw_few_events_are_named_and_their_cost_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    stopped = dataclasses.replace(_DONE, was_stopped=True, latency_seconds={})
    costs = [StageCost("classify", 9_999, 600.0, {}), StageCost("store", 10, 6000.0, {})]
    (heading, line) = said(capsys, stopped, costs)
    assert heading == "Speed"
    assert line.startswith("CPU an event is not said of classify, store: fewer than 10,000 events")


def test_a_run_that_measured_nothing_has_no_heading_for_speed(capsys: pytest.CaptureFixture[str]) -> None:
    stopped = dataclasses.replace(_DONE, was_stopped=True, latency_seconds={50: None, 99: None})
    assert said(capsys, stopped) == []
    assert said(capsys, dataclasses.replace(_DONE, new_events=0, latency_seconds={})) == []


def test_labels_that_anybody_wrote_do_nothing_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b]0;owned\x07"
    _attacks([AttackStep(hostile, hostile, 1, hostile, hostile, "event", False, False, True)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count(r"\x1b]0;owned\x07") == 4
