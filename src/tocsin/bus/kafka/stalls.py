"""Notice that nothing comes of a partition that holds more.

After its leader has moved a client may never ask for it again (github.com/confluentinc/librdkafka/issues/4492).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tocsin.bus.kafka.client import Place


@dataclass(frozen=True)
class _Behind:
    """A partition that held more when it was looked at first."""

    following: int  # next offset to read
    before: int  # records that waited elsewhere, and may come before its own
    seen: int = 0  # records of any partition since then


class Stalls:
    """Is told now and then what is there, and what was read."""

    def __init__(self) -> None:
        self._behind: dict[Place, _Behind] = {}

    def look(self, following: Mapping[Place, int], ends: Mapping[Place, int], seen: int) -> Place | None:
        """Return a partition of which nothing came since the last look, though it is its turn.

        `following`: next offset to read, by partition. `ends`: where they end. `seen`: records read since that look.
        One may wait for its turn as long as others give what there was when it began to wait.
        """
        waiting = {place: end - following[place] for place, end in ends.items() if end > following[place]}
        was = {place: one for place, one in self._behind.items() if following.get(place) == one.following}
        stalled = {place: replace(was[place], seen=was[place].seen + seen) for place in waiting.keys() & was.keys()}
        elsewhere = sum(count for place, count in waiting.items() if place not in stalled)
        new = {place: _Behind(following[place], sum(waiting.values()) - waiting[place]) for place in waiting}
        self._behind = {place: stalled.get(place, new[place]) for place in waiting}
        return min((place for place, one in stalled.items() if one.seen >= min(one.before, elsewhere)), default=None)
