"""Send the traces of what is stored to a collector: behind the store, never before it, and from where it was left."""

import heapq
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from tocsin.config import Config
from tocsin.errors import DeliveryError
from tocsin.locks import FileLock
from tocsin.pipeline.tracing import messaging_system
from tocsin.seldom import Seldom
from tocsin.sinks.layout import check_version
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.stored_commits import SegmentUnreadableError, StoredCommits, commits_after, rows_of
from tocsin.sinks.trace_cursor import TraceCursor
from tocsin.sinks.traces import events_in, have_alert, trace_ids_of, traced_only
from tocsin.supervisor import StopSignal
from tocsin.telemetry.otlp import encode_pieces
from tocsin.telemetry.otlp_answer import CollectorAwayError, SpansRefusedError
from tocsin.telemetry.otlp_http import OtlpClient
from tocsin.telemetry.otlp_settings import OtlpSettings
from tocsin.telemetry.outcomes import EXPIRED, FAILED, LIMITED, REFUSED, REJECTED, SENT
from tocsin.telemetry.spans import SpanColumns
from tocsin.telemetry.trace import spans_of
from tocsin.telemetry.trace_policy import Sampler, TracePolicy

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5
_FINAL_SECONDS = 10.0  # to send what is left once a stop has come: the supervisor kills after twice that
_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)  # the last one repeats
_EVENTS_AT_ONCE = 4_096  # whose spans are made: some 8 MB
_EVENTS_OF_A_PIECE = 64  # gzip finds an event's ids again only within 32 KB
_PIECES_AT_ONCE = 16  # in a request: some 8,000 spans
_COMMITS_TOGETHER, _ROWS_TOGETHER = 16, 10_000  # at most: what a kill has to be sent again
_TOO_LARGE = 413

_Piece = tuple[bytes, int]  # encoded spans, and how many they are


class StoppedError(Exception):
    """A stop came, and what is in hand has not been sent: it will be, the next time."""


def begin_traces(config: Config, is_from_start: bool = False) -> int:
    """Remember what is stored already: what comes now is sent. Traces that were begun before go on from there.

    `is_from_start`: all that is stored is sent, whatever was sent before. Return how many records of those that are
    stored will not be sent because of this beginning. Raises ConfigError.
    """
    folder = config.store_folder
    if not check_version(folder):
        TraceCursor(folder, {}).close()
        return 0
    with closing(Manifest(folder)) as manifest:
        begin = {} if is_from_start else manifest.writers()
        with closing(TraceCursor(folder, begin)) as cursor:
            if is_from_start:
                cursor.start_again()
            is_left_out = cursor.is_new and not is_from_start
            return sum(segment.rows for segment in manifest.segments()) if is_left_out else 0


def export_traces(config: Config, settings: OtlpSettings, once: bool, is_stopped: StopSignal) -> Mapping[str, int]:
    """Send what is new until a stop, or once; return what was counted.

    Raises ConfigError; DeliveryError, once alone: the collector stays away.
    """
    folder = config.store_folder
    lock = FileLock(folder / "traces.lock")
    if not _locked(lock, once, is_stopped):
        return {}
    policy = TracePolicy(config["trace.policy"] == "all", config["trace.ratio"], config["trace.max_spans"])
    with closing(OtlpClient(settings)) as client, closing(TraceCursor(folder, {})) as cursor:
        with closing(Manifest(folder)) as manifest:
            system = messaging_system(config)
            patience = _FINAL_SECONDS if once else math.inf
            export = TraceExport(folder, system, manifest, cursor, Sampler(policy), client, is_stopped, patience)
            threading.Thread(target=_close_in_time, args=(client, is_stopped), daemon=True).start()
            try:
                while not once and not is_stopped.wait(0.0 if export.turn() else _PAUSE_SECONDS):
                    pass
                while export.turn():
                    pass
            except StoppedError:
                log.warning("What is left of the traces is sent after the next start.")
        return cursor.counts()


def _locked(lock: FileLock, once: bool, is_stopped: StopSignal) -> bool:
    """Take the lock of whoever sends the traces of a store. Beside another one, wait to be its successor."""
    if lock.acquire_within(_FINAL_SECONDS if once else 0.0):
        return True
    log.warning("Traces are sent by the process with pid %s already.", lock.holder())
    while not once and not is_stopped.wait(_PAUSE_SECONDS):
        if lock.try_acquire():
            return True
    return False


def _close_in_time(client: OtlpClient, is_stopped: StopSignal) -> None:
    """End a request that still waits for its answer when there is no more time for it."""
    while not is_stopped.wait(_PAUSE_SECONDS):
        pass
    time.sleep(_FINAL_SECONDS)
    client.close()


class TraceExport:
    """What is stored, commit by commit, on its way to the collector."""

    def __init__(
        self,
        folder: Path,
        system: str,
        manifest: Manifest,
        cursor: TraceCursor,
        sampler: Sampler,
        client: OtlpClient,
        is_stopped: Callable[[], bool],
        patience_seconds: float = math.inf,
    ) -> None:
        """`patience_seconds`: so long a collector may be away."""
        self._folder = folder
        self._system = system
        self._manifest = manifest
        self._cursor = cursor
        self._sampler = sampler
        self._client = client
        self._is_stopped = is_stopped
        self._patience_seconds = patience_seconds
        self._stopped_at: float | None = None
        self._seldom = Seldom(log)
        self._at_once = _PIECES_AT_ONCE
        self._unreadable: set[str] = set()  # paths of segments

    def turn(self) -> bool:
        """Send what was committed since the last turn; return whether there was something.

        Raises StoppedError once there is no more time for it, CollectorAwayError once patience is at an end.
        """
        behind = self._behind()
        if not behind:
            return False
        segments = [each for each in self._manifest.segments() if each.path not in self._unreadable]
        streams = [
            commits_after(self._manifest, writer, position, listed, segments)
            for writer, (position, listed) in behind.items()
        ]
        # In the order of storing: so the limit of a second counts what all writers stored in it.
        for commits in _together(heapq.merge(*streams, key=lambda each: each.written_us)):
            try:
                counts = self._send_commits(commits)
            except SegmentUnreadableError as error:
                self._look_again(error)
                return True
            except OSError as error:
                self._seldom.warn("Traces wait for the disk, nothing is lost: %s", error)
                return False
            self._advance(commits, counts)
        return True

    def _behind(self) -> Mapping[str, tuple[int, int]]:
        """Return of each writer with new commits how far it was sent, and how far it is listed."""
        ends = {writer: (self._cursor.position(writer), end) for writer, end in self._manifest.writers().items()}
        return {writer: (position, end) for writer, (position, end) in ends.items() if end > position}

    def _look_again(self, error: SegmentUnreadableError) -> None:
        """Merged meanwhile, it is found elsewhere in the next turn; but one that is still listed is lost."""
        if error.path in {segment.path for segment in self._manifest.segments()}:
            log.error("Its traces are lost: %s", error)
            self._unreadable.add(error.path)

    def _send_commits(self, commits: Sequence[StoredCommits]) -> Counter[str]:
        """Send what is chosen of them. Raises StoppedError, SegmentUnreadableError: it is to be done again."""
        counts: Counter[str] = Counter()
        room = self._sampler.state
        try:
            pieces = chain.from_iterable(self._pieces(each, counts) for each in commits)
            while request := list(islice(pieces, self._at_once)):
                self._deliver(request, counts)
        except (StoppedError, CollectorAwayError, SegmentUnreadableError, OSError):
            self._sampler.state = room
            raise
        except Exception:  # whatever stands in the store, it holds up neither what comes next nor the stages
            self._sampler.state = room
            if len(commits) > 1:
                return sum((self._send_commits([each]) for each in commits), Counter[str]())
            log.exception(
                "Traces of commits %s to %s of writer %s are lost, or some of them.",
                commits[0].first,
                commits[0].last,
                commits[0].writer,
            )
            counts[FAILED] += commits[0].rows
        return counts

    def _pieces(self, commits: StoredCommits, counts: Counter[str]) -> Iterator[_Piece]:
        found = 0
        for stored in rows_of(self._folder, commits):
            found += stored.rows.num_rows
            rows = traced_only(stored.rows)
            chosen, limited = self._sampler.chosen(trace_ids_of(rows), have_alert(rows), stored.stored_us)
            counts[LIMITED] += limited
            rows = rows.filter(pa.array(chosen))
            if not rows.num_rows:
                continue
            for events in events_in(rows, stored.kind).pieces(_EVENTS_AT_ONCE):
                groups = spans_of(events, self._system)
                counts[FAILED] += _without_spans(groups, len(events))
                yield from encode_pieces(groups, len(events), _EVENTS_OF_A_PIECE)
        counts[EXPIRED] += max(0, commits.rows - found)

    def _advance(self, commits: Sequence[StoredCommits], counts: Mapping[str, int]) -> None:
        """Remember that they are done with, as soon as the disk takes it. Raises StoppedError."""
        while True:
            try:
                self._cursor.advance({each.writer: each.last for each in commits}, counts)
                return
            except DeliveryError as error:
                self._seldom.warn("Traces wait: %s", error)
                self._wait(_BACKOFF_SECONDS[-1])

    def _deliver(self, pieces: Sequence[_Piece], counts: Counter[str]) -> None:
        """Send pieces as one request, as soon as the collector takes it. Raises StoppedError."""
        spans = sum(count for _, count in pieces)
        attempt, began = 0, time.monotonic()
        while True:
            self._check_time()
            try:
                sent = self._client.send(b"".join(encoded for encoded, _ in pieces))
            except CollectorAwayError as error:
                left = self._patience_seconds - (time.monotonic() - began)
                if left <= 0:
                    raise
                self._seldom.warn("Traces wait for the collector, nothing is lost: %s", error)
                backoff = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)]
                self._wait(min(left, max(backoff, error.retry_after_seconds or 0.0)))
                attempt += 1
                continue
            except SpansRefusedError as error:
                if error.status == _TOO_LARGE and len(pieces) > 1:
                    self._at_once = half = len(pieces) // 2
                    self._deliver(pieces[:half], counts)
                    self._deliver(pieces[half:], counts)
                    return
                counts[REFUSED] += spans
                self._seldom.warn("%s spans are lost: %s", f"{spans:,}", error)
                return
            if attempt:
                self._seldom.forget()
                log.info("The collector takes traces again.")
            rejected = sent.rejected_of(spans)
            counts[SENT] += spans - rejected
            counts[REJECTED] += rejected
            if rejected or sent.message:
                self._seldom.warn("The collector took %s of %s spans: %s", spans - rejected, spans, sent.message)
            return

    def _check_time(self) -> None:
        if not self._is_stopped():
            return
        now = time.monotonic()
        self._stopped_at = now if self._stopped_at is None else self._stopped_at
        if now - self._stopped_at > _FINAL_SECONDS:
            raise StoppedError

    def _wait(self, seconds: float) -> None:
        """Wait; one that is away once a stop has come is waited for no longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._is_stopped():
                raise StoppedError
            time.sleep(min(0.05, seconds))


def _together(stored: Iterable[StoredCommits]) -> Iterator[Sequence[StoredCommits]]:
    """Yield commits in groups: where many wait, one request takes the traces of several."""
    group: list[StoredCommits] = []
    for commits in stored:
        group.append(commits)
        if len(group) == _COMMITS_TOGETHER or sum(each.rows for each in group) >= _ROWS_TOGETHER:
            yield group
            group = []
    if group:
        yield group


def _without_spans(groups: Sequence[SpanColumns], events: int) -> int:
    """Return how many of so many events are in no group: what stands in their times is not ours."""
    has_spans = np.zeros(events, bool)
    for group in groups:
        if group.events is not None:
            has_spans[group.events] = True
    return events - int(has_spans.sum())
