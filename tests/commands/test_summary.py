"""The summary of a run says what was measured, and nothing of what was not."""

import dataclasses
from collections.abc import Sequence

import pytest

from tocsin.commands.summary import _attacks, _speed, _traces
from tocsin.config import load_config
from tocsin.pipeline.progress import Progress
from tocsin.pipeline.run import RunOutcome
from tocsin.pipeline.summary import AttackStep, StageCost
from tocsin.pipeline.trace_outcome import TraceOutcome
from tocsin.telemetry.outcomes import EVENT_OUTCOMES, SPAN_OUTCOMES

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


def test_a_step_whose_events_are_in_another_data_directory_is_not_missed(capsys: pytest.CaptureFixture[str]) -> None:
    def step(number: int, is_detected: bool, is_stored: bool) -> AttackStep:
        return AttackStep("lure", "lure-1@a", number, "A step", "T1059", "event", is_detected, False, is_stored)

    _attacks([step(1, True, True), step(2, False, False), step(3, False, False)])
    _, columns, lure, everything, *sentence = capsys.readouterr().out.strip().splitlines()
    assert columns.split("  ")[-1].strip() == "not stored here"
    assert lure.split() == ["lure", "3", "1", "0", "0", "0", "2"]
    assert everything.split() == ["all", "3", "1", "0", "0", "0", "2"]
    assert "another `tocsin store` on this bus has them; whether they were missed is not known here" in sentence[-1]
    assert not any(line.strip().startswith("missed:") for line in sentence)


def _said_of_traces(capsys: pytest.CaptureFixture[str], traces: TraceOutcome) -> list[str]:
    _traces(load_config({"data": "case 42"}, {}), traces)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line]


def test_of_traces_what_was_sent_is_said_and_else_only_what_there_was(capsys: pytest.CaptureFixture[str]) -> None:
    none = dict.fromkeys((*SPAN_OUTCOMES, *EVENT_OUTCOMES), 0)
    assert _said_of_traces(capsys, TraceOutcome(none, 0)) == ["Traces", "spans of events sent 0"]
    all_kinds = {"sent": 2_000, "rejected": 1, "refused": 2, "limited": 3, "expired": 4, "failed": 5}
    assert _said_of_traces(capsys, TraceOutcome(all_kinds, 1_006)) == [
        "Traces",
        "spans of events sent 2,000",
        "spans that the collector rejected 1",
        "spans that the collector refused 2",
        "events beyond trace.max_spans 3",
        "events that were removed before 4",
        "events of which no spans could be made 5",
        "events that wait 1,006",
        "they come after the next start, or by `tocsin export-traces --once --data 'case 42'`",
    ]


def test_a_file_of_counts_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    (_, line) = _said_of_traces(capsys, TraceOutcome(None, 0))
    assert line.startswith("case 42/store/traces.sqlite is damaged, locked or not there")
