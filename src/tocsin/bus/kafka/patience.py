"""Wait only so long for a call of the client that may never return, whatever time it was given."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")

_CLOSE_SECONDS = 3.0

log = logging.getLogger(__name__)


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


def let_go(close: Callable[[], object], seconds: float = _CLOSE_SECONDS) -> None:
    """Close a client: for ever, it may be, where a broker has gone (github.com/confluentinc/librdkafka/issues/4519)."""
    try:
        within(seconds, close)
    except TimeoutError:
        log.warning("A client of Kafka does not end; it is left to itself.")
