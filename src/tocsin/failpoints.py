"""Named places where a test can make the process die, as a crash at that very moment would."""

import os
import signal

_ENVIRONMENT = "TOCSIN_FAILPOINT"  # name, or name:N to die at the N-th passing
_name, _, _count = os.environ.get(_ENVIRONMENT, "").partition(":")
_remaining = int(_count or 1)


def failpoint(name: str) -> None:
    """Die here by SIGKILL if this fail point was named in TOCSIN_FAILPOINT; otherwise do nothing."""
    global _remaining
    if name != _name:
        return
    _remaining -= 1
    if _remaining <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
