"""Make one block of the simulation: all events of the fleet in ten minutes, in order of time."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from random import Random
from typing import Any

from tocsin.sources.simulator.activity import Activity
from tocsin.sources.simulator.attack import Playing
from tocsin.sources.simulator.draft import Draft
from tocsin.sources.simulator.fleet import fleet_of
from tocsin.sources.simulator.formats import templates_of
from tocsin.sources.simulator.kinds import CHANNELS, KINDS
from tocsin.sources.simulator.plan import Instance, Plan
from tocsin.sources.simulator.recorder import Recorder
from tocsin.sources.simulator.residents import BLOCK_US, Residents
from tocsin.sources.simulator.settings import SimulatorSettings
from tocsin.sources.simulator.text import number_of, second_of

# Record numbers of a host's channel go on in steps, so that a block needs to know nothing of those before it.
_RECORD_NUMBERS_A_BLOCK = 1 << 16
_FIRST_RECORD_NUMBERS = 3_000_000

Render = Callable[[tuple[Any, ...]], bytes]

_CHANNEL_OF = tuple(CHANNELS.index(kind.channel) for kind in KINDS)


class Blocks:
    """All blocks of a simulation, a pure function of its settings and a block's number."""

    def __init__(self, settings: SimulatorSettings) -> None:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        self._start_us = (settings.start - epoch) // timedelta(microseconds=1)
        self._seed = settings.seed
        self._fleet = fleet_of(settings.seed, settings.hosts)
        self._residents = Residents(settings.seed, self._start_us)
        self._plan = Plan(self._start_us, settings.hosts, settings.scenarios)
        self._renders = tuple(template.render for template in templates_of(settings.format))
        logs = range(len(self._fleet.hosts) * len(CHANNELS))
        self._first_record_numbers = [number_of(settings.seed, "record", log) % _FIRST_RECORD_NUMBERS for log in logs]
        self._played: dict[Instance, list[Draft]] = {}

    def block(self, number: int) -> "Block":
        """Make the block of that number, from 0."""
        start_us = self._start_us + number * BLOCK_US
        recorder = self._recorder("block", number)
        activity = Activity(self._fleet, self._residents, recorder, start_us)
        for host in self._fleet.hosts:
            activity.write(host)
        drafts = recorder.drafts + self._attacks(start_us, start_us + BLOCK_US)
        drafts.sort(key=attrgetter("time_us"))
        return Block(drafts, self._record_numbers(drafts, number), self._renders)

    def _recorder(self, *parts: int | str) -> Recorder:
        # Only `random()` of the standard generator is promised to stay the same in every version of Python.
        return Recorder(self._residents.resident_of, Random(number_of(self._seed, *parts)).random)

    def _attacks(self, start_us: int, end_us: int) -> list[Draft]:
        instances = list(self._plan.instances_in(start_us, end_us))
        self._played = {instance: self._played.get(instance) or self._played_out(instance) for instance in instances}
        drafts = (draft for played in self._played.values() for draft in played)
        return [draft for draft in drafts if start_us <= draft.time_us < end_us]

    def _played_out(self, instance: Instance) -> list[Draft]:
        recorder = self._recorder(instance.scenario, instance.number)
        instance.play(
            Playing(
                fleet=self._fleet,
                residents=self._residents,
                recorder=recorder,
                scenario=instance.scenario,
                run=f"{instance.scenario}-{instance.number}",
                number=instance.number,
                start_us=instance.start_us,
                pace=instance.pace,
            )
        )
        return recorder.drafts

    def _record_numbers(self, drafts: Sequence[Draft], block: int) -> list[int]:
        next_numbers = [first + block * _RECORD_NUMBERS_A_BLOCK for first in self._first_record_numbers]
        numbers = []
        for draft in drafts:
            log = draft.host.number * len(CHANNELS) + _CHANNEL_OF[draft.kind]
            numbers.append(next_numbers[log])
            next_numbers[log] += 1
        return numbers


class Block:
    """The events of one block, drafted; each is written when it is asked for."""

    def __init__(self, drafts: list[Draft], record_numbers: list[int], renders: Sequence[Render]) -> None:
        self.drafts = drafts
        self._record_numbers = record_numbers
        self._renders = renders

    def __len__(self) -> int:
        return len(self.drafts)

    def events(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of the events from `start` to before `end`, each written when it is asked for."""
        renders = self._renders
        second_us, second = -1_000_000, b""  # many events share a second
        for draft, number in zip(self.drafts[start:end], self._record_numbers[start:end], strict=True):
            micros = draft.time_us - second_us
            if micros >= 1_000_000:
                second_us += micros - micros % 1_000_000
                micros %= 1_000_000
                second = second_of(second_us // 1_000_000)
            host = draft.host
            thread = 4 * (40 + (number * 7 + host.number) % 31 * 13)
            values = (second, micros, micros // 1000, number, draft.pid, thread, *host.in_headers, *draft.values)
            yield renders[draft.kind](values)
