"""When attacks are played: by how many events the fleet has written until then."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from tocsin.sources.simulator.attack import Playing
from tocsin.sources.simulator.residents import BLOCK_US, DAY_US, HOUR_US, is_weekend
from tocsin.sources.simulator.scenarios import SCENARIOS

# Each scenario is played once in so many events of the fleet: a day of fifty hosts.
PERIOD_EVENTS = 100_000

_LEAD_US = 60 * 1_000_000  # an attack may begin so much before its start, with a logon
_LONGEST_US = 45 * 60 * 1_000_000
_EVENTS_MEANWHILE = 6_000  # of a large fleet while an attack lasts, at most

# Events of one host in an hour, on average, as measured over simulated days of fifty hosts.
_NIGHT = 41.3
_WORKDAY = {7: 55.6, 8: 135.2, **dict.fromkeys(range(9, 16), 150.7), 12: 101.6, 16: 145.3, 17: 104.9, 18: 46.8}


@dataclass(frozen=True)
class Instance:
    """One playing of a scenario."""

    scenario: str
    number: int  # from 1
    start_us: int
    pace: float

    @property
    def end_us(self) -> int:
        """No event of it is later."""
        return self.start_us + int(_LONGEST_US * self.pace)

    def play(self, playing: Playing) -> None:
        """Write all of it to its recorder."""
        SCENARIOS[self.scenario].play(playing)


class Plan:
    """Which attacks are played when; a pure function of start, number of hosts and the scenarios chosen."""

    def __init__(self, start_us: int, hosts: int, scenarios: tuple[str, ...]) -> None:
        self._start_us = start_us
        self._hosts = hosts
        self._scenarios = scenarios
        blocks = 7 * DAY_US // BLOCK_US
        weeks = accumulate(hosts * _events_of_a_host(start_us + block * BLOCK_US) for block in range(blocks))
        self._until_end_of_block = list(weeks)

    def instances_in(self, start_us: int, end_us: int) -> Iterator[Instance]:
        """The attacks with a part between the two times, in a fixed order."""
        first = max(0, int(self._events_until(start_us - 2 * _LONGEST_US) / PERIOD_EVENTS) - 1)
        last = int(self._events_until(end_us) / PERIOD_EVENTS) + 1
        for number in range(first, last + 1):
            for scenario in self._scenarios:
                instance = self._instance(scenario, number)
                if instance.start_us - _LEAD_US < end_us and instance.end_us >= start_us:
                    yield instance

    def _instance(self, scenario: str, number: int) -> Instance:
        week_events = self._until_end_of_block[-1]
        weeks, events = divmod(number * PERIOD_EVENTS + SCENARIOS[scenario].begins_at, week_events)
        block = bisect_left(self._until_end_of_block, events)
        in_block = self._hosts * _events_of_a_host(self._start_us + block * BLOCK_US)
        part = 1 - (self._until_end_of_block[block] - events) / in_block
        start_us = self._start_us + int(weeks) * 7 * DAY_US + int((block + part) * BLOCK_US) + _LEAD_US
        events_an_hour = in_block * HOUR_US / BLOCK_US
        hours = min(_LONGEST_US / HOUR_US, _EVENTS_MEANWHILE / events_an_hour)
        return Instance(scenario, number + 1, start_us, hours * HOUR_US / _LONGEST_US)

    def _events_until(self, time_us: int) -> float:
        if time_us <= self._start_us:
            return 0.0
        weeks, block = divmod((time_us - self._start_us) // BLOCK_US, len(self._until_end_of_block))
        return weeks * self._until_end_of_block[-1] + (self._until_end_of_block[block - 1] if block else 0.0)


@lru_cache(maxsize=1 << 12)
def _events_of_a_host(time_us: int) -> float:
    """Expected events of a host in the block that begins then."""
    hour = time_us % DAY_US // HOUR_US
    return (_NIGHT if is_weekend(time_us // DAY_US) else _WORKDAY.get(hour, _NIGHT)) / (HOUR_US // BLOCK_US)
