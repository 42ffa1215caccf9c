"""What happens by chance in one block of the simulation."""

from collections.abc import Callable
from typing import TypeVar

from tocsin.sources.simulator.residents import BLOCK_US

_SECOND_US = 1_000_000
_MARGIN_US = 90 * _SECOND_US  # whatever begins in a block is over by its end

_Choice = TypeVar("_Choice")


class Chance:
    """Draws from `random()` (from 0 to 1) alone, so that the same seed gives the same again."""

    def __init__(self, random: Callable[[], float], block_start_us: int) -> None:
        self.random = random
        self._start_us = block_start_us

    def times(self, rate: float) -> int:
        """How often something happens that happens `rate` times in a block on average."""
        return int(rate * (0.6 + 0.8 * self.random()) + self.random())

    def moment(self) -> int:
        """A time in the block, early enough for what begins then to end in it."""
        return self._start_us + 5 * _SECOND_US + int(self.random() * (BLOCK_US - _MARGIN_US))

    def one(self, choices: tuple[_Choice, ...]) -> _Choice:
        return choices[int(self.random() * len(choices))]

    def filled(self, parts: tuple[bytes, ...]) -> bytes:
        """Join text with a number by chance where one belongs."""
        return (b"%d" % int(self.random() * 10_000)).join(parts) if len(parts) > 1 else parts[0]
