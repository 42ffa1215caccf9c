"""The labelled steps of attacks are held against what is stored."""

from tests.stats.report.reported import alert, store_of

from tocsin.pipeline.labels import Label
from tocsin.pipeline.summary import NOT_STORED, attack_steps


def _label(step: int, event_id: str, detectable: str = "event") -> Label:
    return Label(
        event_id, "2026-01-12T06:00:00Z", "h", "lure", "lure-1@a", step, "A step", "TA0002", "T1059", detectable
    )


def test_a_step_whose_events_nobody_has_judged_yet_is_not_missed() -> None:
    raised = alert("06:00")
    store = store_of([raised])
    steps = attack_steps(
        store, [_label(1, raised["event_id"]), _label(2, "f" * 32), _label(3, "e" * 32, "correlation")]
    )
    assert [step.outcome for step in steps] == ["detected", NOT_STORED, NOT_STORED]
