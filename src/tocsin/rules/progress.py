"""How far long work on rules is, for whoever wants to show it."""

from collections.abc import Callable

OnProgress = Callable[[str, int, int], None]  # what is done, how much of it, of how much


def unseen(_what: str, _done: int, _total: int) -> None:
    """Show nothing."""
