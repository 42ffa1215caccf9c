import pytest

from tocsin.errors import DeliveryError, ReopenError, StoppedError
from tocsin.pipeline.anew import opened_anew


def _attempts(*outcomes: Exception | None) -> list[str]:
    """Open once for each outcome; return what was raised."""
    left = list(outcomes)
    seen = []

    def once() -> None:
        outcome = left.pop(0)
        if outcome is not None:
            seen.append(str(outcome))
            raise outcome

    opened_anew(once, lambda: False)
    assert not left
    return seen


def test_a_bus_that_was_there_is_waited_for() -> None:
    gone = DeliveryError("does not answer")
    assert _attempts(ReopenError("shut out"), gone, gone, None) == ["shut out", "does not answer", "does not answer"]


def test_a_bus_that_was_never_there_ends_the_stage() -> None:
    with pytest.raises(DeliveryError, match="does not answer"):
        _attempts(DeliveryError("does not answer"), None)


def test_a_stop_before_the_bus_has_answered_ends_quietly() -> None:
    assert _attempts(StoppedError("stopped before its end")) == ["stopped before its end"]


def test_a_stop_is_heard_while_the_bus_is_away() -> None:
    def once() -> None:
        raise ReopenError("shut out")

    opened_anew(once, lambda: True)
