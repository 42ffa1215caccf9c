"""Open the bus anew where nothing is to be had any more from what was opened of it."""

import logging
from collections.abc import Callable

from tocsin.errors import DeliveryError, ReopenError, StoppedError
from tocsin.flow import waited

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5


def opened_anew(
    once: Callable[[], None],
    is_stopped: Callable[[], bool],
    when_away: Callable[[DeliveryError], None] | None = None,
) -> None:
    """Do it, which opens the bus and closes it; again after each ReopenError, until it ends or a stop comes.

    Where the bus was there before, it is waited for. Where it is not there from the first, `when_away` is told each
    time, and it is waited for; without `when_away` that raises DeliveryError.
    """
    was_open = False
    while True:
        try:
            return once()
        except ReopenError as error:
            was_open = True
            log.warning("The bus is opened anew; what was not committed is read again: %s", error)
        except StoppedError as error:
            log.info("Stopped: %s", error)
            return None
        except DeliveryError as error:
            if was_open:
                log.warning("The bus cannot be opened yet: %s", error)
            elif when_away is None:
                raise
            else:
                when_away(error)
        if not waited(_PAUSE_SECONDS, is_stopped):
            return None
