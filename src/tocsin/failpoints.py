"""Named places where a test can make the process die, as a crash at that very moment would."""

import os
import signal
from pathlib import Path

# NAME, or NAME:N to die at the N-th passing, or NAME:N:FILE to die once only: FILE is made first, and then nobody dies.
_name, _, _rest = os.environ.get("TOCSIN_FAILPOINT", "").partition(":")
_count, _, _once = _rest.partition(":")
_remaining = int(_count or 1)


def failpoint(name: str) -> None:
    """Die here by SIGKILL if this fail point was named in TOCSIN_FAILPOINT; otherwise do nothing."""
    global _remaining
    if name != _name:
        return
    _remaining -= 1
    if _remaining > 0:
        return
    if _once:
        try:
            Path(_once).touch(exist_ok=False)
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
