"""Source, step, sink and the one loop: batches move one way; outputs and positions are committed together."""

import gc
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from tocsin.errors import DeliveryError, ReopenError
from tocsin.event import MAX_OUTPUT_BYTES, Record

Outputs = Mapping[str, Sequence[Record]]  # topic -> records to append to it
TopicPartition = tuple[str, int]

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_LOOK_SECONDS = 0.05

# A batch is thousands of objects without a cycle, and with the default (700) each is looked through several times.
_OBJECTS_BETWEEN_COLLECTIONS = 200_000
_OF_BATCH = "Nothing was committed; the same batch is tried"
_OF_LAST = "The last batch was committed; whether all can see it is asked"
_RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # the last one repeats


@dataclass(frozen=True)
class Batch:
    """Records read at one go, with where to go on reading after them.

    A batch from a topic has `offsets`, one from outside has `positions`: opaque bytes per input, made and
    understood by the source alone. A batch without any of these is a tick: nothing to read at the moment.
    """

    records: Sequence[Record] = ()
    offsets: Mapping[TopicPartition, int] = field(default_factory=dict)  # next offset to read
    positions: Mapping[str, bytes] = field(default_factory=dict)  # input name -> where to go on
    aside: Outputs = field(default_factory=dict)  # what the source itself puts elsewhere: dead letters, labels
    file: str = ""  # the file all records come from, as the user named it
    lines: Sequence[int] = ()  # beside `records`: 1-based line, or record number in an EVTX file
    waited_seconds: float = field(default=0.0, compare=False)  # of `read`, until there was something, or enough
    arrivals: Sequence[tuple[int, int]] = field(default=(), compare=False)  # (number of records, when they came), in µs

    def portions(self) -> Iterator[tuple[int, Sequence[Record]]]:
        """Yield the records that came at one go, with when that was: microseconds since 1970, 0 where nobody said."""
        start = came_us = 0
        for records, came_us in self.arrivals:
            yield came_us, self.records[start : start + records]
            start += records
        if start < len(self.records):
            yield came_us, self.records[start:] if start else self.records

    @property
    def is_tick(self) -> bool:
        return not (self.records or self.offsets or self.positions or self.aside)


class Source(Protocol):
    """Where batches come from: a file, a simulator, a topic."""

    def read(self) -> Batch | None:
        """Return the next batch; a tick when there is nothing now; None when there will be nothing more."""

    def close(self) -> None: ...


Step = Callable[[Batch], Outputs]


class Committer(Protocol):
    """Appends outputs and remembers how far was read, both or neither."""

    def commit(self, outputs: Outputs, batch: Batch) -> None:
        """Durable on return. Raises DeliveryError when the same batch may be tried again; then it is committed once."""

    def settle(self) -> None:
        """See that all of the last commit is to be seen by whoever reads. Raises DeliveryError: try again."""


@dataclass(frozen=True)
class TopicSettings:
    """What a topic is made with. Retention never removes what a registered group has not read."""

    partitions: int = 4
    retention_seconds: int = 7 * 86_400
    retention_bytes: int = 4 << 30  # of the whole topic, compressed
    max_record_bytes: int = MAX_OUTPUT_BYTES
    is_compacted: bool = False  # the newest record of each key is enough


@dataclass(frozen=True)
class PartitionLag:
    """How far one group is behind in one partition."""

    group: str
    topic: str
    partition: int
    committed: int  # next offset the group will read
    end: int  # next offset to be written
    oldest_age_seconds: float  # of the oldest record it has not read; 0 when there is none

    @property
    def records(self) -> int:
        return self.end - self.committed


class Meter(Protocol):
    """Is told what each turn of the loop did."""

    def turned(
        self, batch: Batch, outputs: Outputs, read_seconds: float, step_seconds: float, commit_seconds: float
    ) -> None:
        """A batch was committed with its outputs; or nothing was read, and the batch is a tick."""

    def retried(self, error: DeliveryError) -> None:
        """Something could not be delivered, and will be tried again."""


def pump(
    source: Source,
    step: Step,
    committer: Committer,
    meter: Meter,
    is_stopped: Callable[[], bool],
) -> None:
    """Move batches from the source through the step to the committer until the source ends or `is_stopped()`.

    A batch in hand is finished first. DeliveryError, of the step or of the commit, is retried with back-off; a step
    that has done its work is not run again. ReopenError ends it: what was not committed will be read again.
    """
    gc.unfreeze()  # what a former bus has left goes
    gc.collect()
    gc.freeze()  # what is there now stays
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    while not is_stopped():
        started = time.perf_counter()
        batch = _retried(source.read, meter, is_stopped)
        if batch is None:  # the source has ended, or a stop came
            _retried(partial(_settled, committer), meter, is_stopped, _OF_LAST)
            return
        read = time.perf_counter()
        if batch.is_tick:
            if _retried(partial(_settled, committer), meter, is_stopped, _OF_LAST) is None:
                return
            meter.turned(batch, {}, read - started, 0.0, 0.0)
            continue
        outputs = _retried(partial(step, batch), meter, is_stopped)
        stepped = time.perf_counter()
        if outputs is None or _retried(partial(_commit, committer, outputs, batch), meter, is_stopped) is None:
            return
        meter.turned(batch, outputs, read - started, stepped - read, time.perf_counter() - stepped)


def _commit(committer: Committer, outputs: Outputs, batch: Batch) -> bool:
    committer.commit(outputs, batch)
    return True


def _settled(committer: Committer) -> bool:
    committer.settle()
    return True


def _retried(
    action: Callable[[], _Result], meter: Meter, is_stopped: Callable[[], bool], what: str = _OF_BATCH
) -> _Result | None:
    """Return what the action returns, once it can deliver; None when told to stop before (it will be read again)."""
    attempt = 0
    while True:
        try:
            return action()
        except ReopenError:
            raise
        except DeliveryError as error:
            seconds = _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)]
            if attempt & (attempt - 1) == 0:  # 0, 1, 2, 4, 8 ...: an hour of it is ten lines
                log.warning("%s again in %g s: %s", what, seconds, error)
            meter.retried(error)
        if not waited(seconds, is_stopped):
            return None
        attempt += 1


def waited(seconds: float, is_stopped: Callable[[], bool]) -> bool:
    """Wait so long; False when told to stop meanwhile."""
    deadline = time.monotonic() + seconds
    while not is_stopped():
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return True
        time.sleep(min(remaining, _LOOK_SECONDS))
    return False
