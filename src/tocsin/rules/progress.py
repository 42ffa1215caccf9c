"""How far long work on rules is, for whoever wants to show it."""

import os
from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much


def unseen(_what: str, _done: int, _total: int) -> None:
    """Show nothing."""


def cores() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1
