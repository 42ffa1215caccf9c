"""Log what may come very often only now and then."""

import logging
import time

_SECONDS = 30.0


class Seldom:
    """Warnings of one kind of trouble, half a minute apart at least."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said_at = -_SECONDS

    def warn(self, sentence: str, *values: object) -> None:
        if time.monotonic() - self._said_at >= _SECONDS:
            self._said_at = time.monotonic()
            self._log.warning(sentence, *values)

    def forget(self) -> None:
        """The trouble is over: the next is said at once."""
        self._said_at = -_SECONDS
