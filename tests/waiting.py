"""Wait for what other threads and processes do."""

import time
from collections.abc import Callable

_SECONDS = 30.0


def until(is_so: Callable[[], bool], seconds: float = _SECONDS) -> None:
    """Wait until something is so. Raises AssertionError where it is not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"it is not so after {seconds:g} s"
        time.sleep(0.01)
