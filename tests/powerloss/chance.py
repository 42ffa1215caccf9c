"""Chance says what survives a loss of power though it was not synced: nothing, or some, by a seed."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

_SECTOR = 512

_Step = TypeVar("_Step")


class Chance:
    """One loss of power. A disk that had almost caught up is as likely as one that had hardly begun."""

    def __init__(self, seed: int | None) -> None:
        """`seed`: None loses all that was not synced."""
        self._random = Random(seed) if seed is not None else None
        self._share = self._random.choice((0.1, 0.5, 0.9, 1.0)) if self._random else 0.0
        self._torn = self._random.choice((0.0, 0.2)) if self._random else 0.0
        self._is_journal = self._random.random() < 0.5 if self._random else True

    def is_kept(self) -> bool:
        return self._random is not None and self._random.random() < self._share

    def parts(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, bytes) of what is kept of one write: all, its begin, any of its sectors, or nothing."""
        if not data or not self._random:
            return
        if self._random.random() >= self._torn:
            if self.is_kept():
                yield 0, data
        elif self._random.random() < 0.5:
            yield 0, data[: self._random.randrange(len(data) // _SECTOR + 1) * _SECTOR]
        else:
            for start in range(0, len(data), _SECTOR):
                if self._random.random() < 0.5:
                    yield start, data[start : start + _SECTOR]

    def steps(self, changes: Sequence[_Step]) -> Sequence[_Step]:
        """Return the changes of a directory that are kept: the first ones, as by a journal, or any."""
        if not self._random:
            return ()
        if self._is_journal:
            return changes[: self._random.randint(0, len(changes))]
        return [change for change in changes if self.is_kept()]
