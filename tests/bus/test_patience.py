import threading

import pytest

from tocsin.bus.kafka.patience import within


def test_what_a_call_returns_or_raises_is_what_comes_of_it() -> None:
    assert within(5.0, lambda: 7) == 7
    assert within(5.0, lambda: None) is None
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)


def test_a_call_that_never_returns_is_left_to_itself() -> None:
    never = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.01, never.wait)
    never.set()
