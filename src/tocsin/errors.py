"""The four errors, one for each consequence, and two that ask for more than to try again."""

from collections.abc import Sequence


class ConfigError(Exception):
    """Refuse to start. Carries every problem found, so that one run shows them all."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Sequence[str] = problems


class RuleError(Exception):
    """Skip this rule, say where and why, and go on with the others."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


class DecodeError(Exception):
    """This record cannot be read: it goes to dead letters, the batch goes on.

    `reason` is a short stable code to count by (`not_json`, `too_deep`, ...), `detail` is for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class DeliveryError(Exception):
    """An output could not be delivered, or an archive fetched: nothing was committed; the same can be tried again."""


class StoppedError(DeliveryError):
    """A stop came while the bus was waited for: end quietly, nothing was begun."""


class ReopenError(DeliveryError):
    """Nothing is to be had any more from what was opened of the bus: close it and open it anew."""
