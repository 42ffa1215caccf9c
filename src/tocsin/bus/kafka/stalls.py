"""Notice that nothing comes of a partition that holds more.

After its leader has moved a client may never ask for it again (github.com/confluentinc/librdkafka/issues/4492).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin.bus.kafka.client import Place


@dataclass(frozen=True)
class _Behind:
    """A partition that held more when it was looked at first."""

    following: int  # next offset to read
    ends: Mapping[Place, int]  # of all partitions, then: what was there may come before its own


class Stalls:
    """Is told now and then what is there, and what was read."""

    def __init__(self) -> None:
        self._behind: dict[Place, _Behind] = {}

    def look(self, following: Mapping[Place, int], ends: Mapping[Place, int]) -> Place | None:
        """Return a partition of which nothing came since the last look, though it is its turn.

        `following`: next offset to read, by partition. `ends`: where they end. One waits for its turn until others
        have given what there was when it began to wait; others of which nothing comes do not count.
        """
        behind = {place for place, end in ends.items() if end > following[place]}
        still = {at for at in behind if at in self._behind and self._behind[at].following == following[at]}
        self._behind = {at: self._behind[at] if at in still else _Behind(following[at], ends) for at in behind}
        moving = behind - still
        return min((at for at in still if not _is_waiting(self._behind[at], following, moving)), default=None)


def _is_waiting(one: _Behind, following: Mapping[Place, int], moving: set[Place]) -> bool:
    return any(following[other] < one.ends.get(other, 0) for other in moving)
