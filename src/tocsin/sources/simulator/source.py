"""The simulator as a source: batches of stamped events, with labels of attacks aside."""

import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from tocsin.errors import ConfigError
from tocsin.event import LABELS, Record, stamped
from tocsin.flow import Batch
from tocsin.sources.simulator.attack import label_of
from tocsin.sources.simulator.blocks import Block, Blocks
from tocsin.sources.simulator.pacing import Pace
from tocsin.sources.simulator.settings import SimulatorSettings
from tocsin.telemetry.ids import event_id_of, origin_of

# Part of the origin: raised by whoever changes what the same settings give.
_CONTENT_VERSION = "2"

_CURSOR = struct.Struct(">BQQQ")  # version, index of the next event, its block, its place in the block
_CURSOR_VERSION = 1


class SimulatorSource:
    """Events of a simulated Windows fleet. The same settings give the same bytes and ids, wherever it was stopped.

    Each simulation, told apart by the settings that shape its bytes, is an input of its own with its own position.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        positions: Mapping[str, bytes],
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        settings.check()
        self._settings = settings
        self._clock_us = clock_us
        self._monotonic = monotonic
        self._origin = _origin_of(settings)
        self._input = f"simulator:{self._origin.hex()}"
        self._index, self._block_number, self._place = self._where(positions)
        self._pace = Pace(settings.rate, settings.burst, monotonic, sleep)
        self._blocks = Blocks(settings)
        self._block: Block | None = None
        self._is_from_start = self._index == 0
        self._begun: set[str] = set()

    def not_begun(self) -> list[str]:
        """Return the attacks of which no step has been written yet; none where an earlier process wrote some."""
        return [name for name in self._settings.scenarios if name not in self._begun] if self._is_from_start else []

    def read(self) -> Batch | None:
        """Return the next events, fewer or none (a tick) when the rate asks for it; None after `count` events."""
        wanted = self._settings.batch_size
        if self._settings.count is not None:
            wanted = min(wanted, self._settings.count - self._index)
        if wanted <= 0:
            return None
        began = self._monotonic()
        due = self._pace.take(wanted)
        waited = self._monotonic() - began
        return replace(self._batch(due), waited_seconds=waited) if due else Batch()

    def close(self) -> None:
        self._block = None

    def _batch(self, size: int) -> Batch:
        ingest_us, origin = self._clock_us(), self._origin
        records: list[Record] = []
        labels: list[Record] = []
        while len(records) < size:
            block = self._current_block()
            end = min(len(block), self._place + size - len(records))
            drafts = block.drafts[self._place : end]
            indices = range(self._index, self._index + len(drafts))
            for index, raw, draft in zip(indices, block.events(self._place, end), drafts, strict=True):
                event_id = event_id_of(origin, index, raw)
                records.append(stamped(raw, event_id, ingest_us, draft.host.computer))
                if draft.step is not None:
                    self._begun.add(draft.step.scenario)
                    labels.append(label_of(draft.step, origin, event_id, draft.time_us, draft.host.computer, ingest_us))
            self._index += end - self._place
            self._place = end
        cursor = _CURSOR.pack(_CURSOR_VERSION, self._index, self._block_number, self._place)
        return Batch(records, positions={self._input: cursor}, aside={LABELS: labels} if labels else {})

    def _current_block(self) -> Block:
        if self._block is None:
            self._block = self._blocks.block(self._block_number)
        while self._place >= len(self._block):
            self._block_number += 1
            self._place = 0
            self._block = self._blocks.block(self._block_number)
        return self._block

    def _where(self, positions: Mapping[str, bytes]) -> tuple[int, int, int]:
        """Return the index of the next event, its block, and its place in the block."""
        position = positions.get(self._input)
        if position is None:
            return 0, 0, 0
        if len(position) != _CURSOR.size or position[0] != _CURSOR_VERSION:
            raise ConfigError(
                "sources.simulator: the stored position is not one of this version; start a new data directory"
            )
        _, index, block, place = _CURSOR.unpack(position)
        return index, block, place


def _origin_of(settings: SimulatorSettings) -> bytes:
    shaping = (
        settings.seed,
        settings.run,
        settings.format,
        settings.hosts,
        *settings.scenarios,
        settings.start.timestamp(),
    )
    return origin_of("simulator", _CONTENT_VERSION, *map(str, shaping))
