"""A spool between a live stream and a bus that may be away: an embedded log on disk, filled at once, drained in order.

What a stream hands over is kept first, and goes to the bus from there: one path, whether the bus answers or not. How
far it went over is committed on the bus with the records, so that a kill loses and doubles nothing of what was kept.
"""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tocsin.bus.embedded import EmbeddedBus
from tocsin.errors import DeliveryError
from tocsin.event import DEAD_LETTERS, MAX_RECORD_BYTES, RAW_EVENTS
from tocsin.flow import Batch, Outputs, Source, TopicSettings
from tocsin.locks import FileLock
from tocsin.seldom import Seldom

log = logging.getLogger(__name__)

_GROUP = "over"  # its offsets say what has gone over, and may be removed here
_TOPICS = (RAW_EVENTS, DEAD_LETTERS)
_INPUT = "spool:"  # before a topic's name: where the bus keeps how far it went over
_KEPT_SECONDS = 1
_LOOK_SECONDS = 0.5
_OLD_SECONDS = 10.0  # a spool that holds records so old is filling: the bus is away, or too slow
_AT_ONCE = 5_000  # records of a batch for the bus
_IDLE_SECONDS = 0.05


@dataclass(frozen=True)
class SpoolSettings:
    """What a spool may hold."""

    max_bytes: int = 1 << 30  # of what has not gone over, compressed
    is_dropping: bool = False  # when full: drop what comes, rather than let the stream wait
    spare_bytes: int = 64 << 20  # of its disk, which stay free: what went over can be removed only by writing


@dataclass(frozen=True)
class Spooled:
    """What a spool holds at a moment, and what it has dropped."""

    records: int = 0
    bytes: int = 0  # compressed
    oldest_seconds: float = 0.0
    dropped: int = 0  # records, since this process started


def open_spool(folder: Path) -> tuple[EmbeddedBus, FileLock]:
    """Open it as its one owner. Raises ConfigError."""
    bus = _opened(folder)
    return bus, bus.own("spool")


def _opened(folder: Path) -> EmbeddedBus:
    bus = EmbeddedBus(folder)
    topics = {
        RAW_EVENTS: TopicSettings(1, _KEPT_SECONDS, 0, MAX_RECORD_BYTES),
        DEAD_LETTERS: TopicSettings(1, _KEPT_SECONDS, 0),
    }
    bus.ensure_topics(topics, {_GROUP: _TOPICS})
    return bus


class SpoolEntry:
    """The stream's end: a source that is looked at as it is read, and a committer that keeps what was read."""

    def __init__(self, folder: Path, settings: SpoolSettings, source: Source, tell: Callable[[Spooled], None]) -> None:
        """`tell` is told what the spool holds, up to twice a second, and of each batch that is dropped."""
        self._bus = _opened(folder)
        self._folder = folder
        self._settings = settings
        self._source = source
        self._tell = tell
        self._committer = self._bus.committer(owner="stream")
        self._spooled = Spooled()
        self._looked_at = -_LOOK_SECONDS
        self._seldom = Seldom(log)

    def read(self) -> Batch | None:
        self._look()
        return self._source.read()

    def close(self) -> None:
        self._source.close()
        self._bus.close()

    def commit(self, outputs: Outputs, batch: Batch) -> None:
        """Keep it. Raises DeliveryError where the spool is full, or the disk nearly is: then the stream waits."""
        self._look()
        self._check_disk()
        if self._spooled.bytes < self._settings.max_bytes:
            self._committer.commit(outputs, batch)
            return
        limit = f"the spool is full: {self._spooled.bytes:,} of {self._settings.max_bytes:,} bytes wait for the bus"
        if not self._settings.is_dropping:
            raise DeliveryError(f"{limit}; the stream waits (produce.spool_gb, produce.spool_full)")
        dropped = self._spooled.dropped + sum(map(len, outputs.values()))
        self._spooled = replace(self._spooled, dropped=dropped)
        self._tell(self._spooled)
        self._seldom.warn("%s; %s records were dropped so far.", limit, f"{dropped:,}")

    def settle(self) -> None:
        """Do nothing: what is kept is kept."""

    def _check_disk(self) -> None:
        free, spare = shutil.disk_usage(self._folder).free, self._settings.spare_bytes
        if free < spare:
            raise DeliveryError(
                f"the disk of `{self._folder}` is full: {free:,} bytes are free, and the spool leaves {spare:,} for"
                " removing what the bus has taken; the stream waits: free some space"
            )

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        lags = self._bus.lag(_GROUP)
        self._spooled = Spooled(
            sum(lag.records for lag in lags),
            self._bus.unread_bytes(_GROUP),
            max((lag.oldest_age_seconds for lag in lags), default=0.0),
            self._spooled.dropped,
        )
        self._tell(self._spooled)
        if self._spooled.oldest_seconds > _OLD_SECONDS:
            self._seldom.warn(
                "%s records wait in the spool (%s bytes).", f"{self._spooled.records:,}", f"{self._spooled.bytes:,}"
            )


class SpoolSource:
    """The bus's end: a source of what the spool holds, in order, from where the bus says it went over."""

    def __init__(self, folder: Path, positions: Mapping[str, bytes], is_stream_over: Callable[[], bool]) -> None:
        self._bus = _opened(folder)
        self._is_stream_over = is_stream_over
        committed = self._bus.committed(_GROUP)
        self._removed = {topic: committed[(topic, 0)] for topic in _TOPICS}  # offsets up to which nothing is kept here
        self._next = {
            topic: max(int(positions.get(_INPUT + self._origin(topic), b"0")), removed)
            for topic, removed in self._removed.items()
        }
        self._removed_at = time.monotonic()
        self._settled = dict(self._next)  # up to where nothing can undo that it went over

    def read(self) -> Batch | None:
        """Return what waits; a tick when nothing does; None once the stream is over and all went over.

        What was returned before the last batch, or before a tick, is settled by now, and is removed here; no other
        moment says so.
        """
        settled, committed = self._settled, dict(self._next)
        is_over = self._is_stream_over()  # asked first: what came before its end is then found
        found = {topic: self._bus.read_from(topic, 0, self._next[topic], _AT_ONCE) for topic in _TOPICS}
        is_drained = not any(found.values())
        try:
            self._remove(settled, at_once=is_over and is_drained)
        except DeliveryError:  # such as a full disk: what waits can go over all the same, and is removed later
            if is_drained:
                raise
        if is_drained:
            if is_over and settled == committed:
                return None
            self._settled = committed
            time.sleep(_IDLE_SECONDS)
            return Batch()
        self._settled = committed
        self._next |= {topic: records[-1].offset + 1 for topic, records in found.items() if records}
        positions = {_INPUT + self._origin(topic): b"%d" % self._next[topic] for topic, got in found.items() if got}
        letters = found[DEAD_LETTERS]
        return Batch(found[RAW_EVENTS], positions=positions, aside={DEAD_LETTERS: letters} if letters else {})

    def close(self) -> None:
        self._bus.close()

    def _remove(self, went_over: Mapping[str, int], at_once: bool) -> None:
        """Remove what lies before these offsets, now and then."""
        now = time.monotonic()
        if went_over == self._removed or not (at_once or now - self._removed_at >= _LOOK_SECONDS):
            return
        offsets = {(topic, 0): following for topic, following in went_over.items()}
        self._bus.committer(group=_GROUP).commit({}, Batch(offsets=offsets))
        self._bus.retain(time.time_ns() // 1000)
        self._removed, self._removed_at = dict(went_over), now

    def _origin(self, topic: str) -> str:
        """Name a topic of this spool and no other, even in its place."""
        return f"{self._bus.id}/{topic}"


def waiting(folder: Path) -> int:
    """Return how many records wait in a spool."""
    bus = _opened(folder)
    try:
        return sum(lag.records for lag in bus.lag(_GROUP))
    finally:
        bus.close()
