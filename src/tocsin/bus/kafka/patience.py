"""Wait only so long for a call of the client that may never return, whatever time it was given."""

import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


def within(seconds: float, call: Callable[[], _Result]) -> _Result:
    """Return what the call returns, and raise what it raises; TimeoutError where it has not ended in time.

    Then it is left to itself, with all that it holds, and its outcome goes unheard.
    """
    return begun(call)(seconds)


def begun(call: Callable[[], _Result]) -> Callable[[float], _Result]:
    """Begin a call, and return what waits for it as `within` does, for so many seconds."""
    results: list[_Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait(seconds: float) -> _Result:
        thread.join(seconds)
        if errors:
            raise errors[0]
        if not results:
            raise TimeoutError
        return results[0]

    return wait
