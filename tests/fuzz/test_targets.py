"""The fuzz targets run clean for some hundred inputs, and reach what they are about."""

from tests.fuzz.targets import Fuzz


def test_a_few_hundred_changed_events_and_rules_do_no_harm() -> None:
    outcomes = Fuzz(seed=1).run(60, is_done=lambda inputs: inputs >= 400)
    assert outcomes.total() >= 400
    assert {"event read: evtx-json", "event refused: not_json", "rule read", "rule refused"} <= outcomes.keys()
