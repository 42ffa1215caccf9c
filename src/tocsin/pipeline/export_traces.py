"""Send the traces of what is stored to a collector: behind the store, never before it, and from where it was left."""

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice

import pyarrow as pa

from tocsin.config import Config
from tocsin.locks import FileLock
from tocsin.pipeline.topology import is_shared
from tocsin.sinks.layout import check_version
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.stored_commits import StoredCommits, commits_after, rows_of
from tocsin.sinks.trace_cursor import TraceCursor
from tocsin.sinks.traces import events_in, have_alert, trace_ids_of, traced_only
from tocsin.supervisor import StopSignal
from tocsin.telemetry.otlp import encode
from tocsin.telemetry.otlp_answer import CollectorAwayError, SpansRefusedError
from tocsin.telemetry.otlp_http import OtlpClient
from tocsin.telemetry.otlp_settings import OtlpSettings, otlp_settings
from tocsin.telemetry.trace import TracedEvents, spans_of
from tocsin.telemetry.trace_policy import Sampler, TracePolicy

log = logging.getLogger(__name__)

SENT, REJECTED, REFUSED, LIMITED, EXPIRED = "sent", "rejected", "refused", "limited", "expired"

_PAUSE_SECONDS = 0.5
_FINAL_SECONDS = 10.0  # to send what is left once a stop has come
_SAY_SECONDS = 30.0
_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)  # the last one repeats
_EVENTS_AT_ONCE = 64  # gzip finds an event's ids again only within 32 KB
_PIECES_AT_ONCE = 16  # in a request: some 8,000 spans
_TOO_LARGE = 413
_NICENESS = 5
_ROWS = 16_384  # of columns, at once

_Piece = tuple[bytes, int]  # encoded spans, and how many they are


class StoppedError(Exception):
    """A stop came, and what is in hand has not been sent: it will be, the next time."""


def export_settings(config: Config, environment: Mapping[str, str]) -> OtlpSettings | None:
    """Return where traces go; None where they go nowhere. Raises ConfigError."""
    return None if config["trace.policy"] == "off" else otlp_settings(environment)


def begin_traces(config: Config) -> None:
    """Remember what is stored already: what comes now is sent. Traces that were begun before go on from there."""
    folder = config.store_folder
    begin: Mapping[str, int] = {}
    if check_version(folder):
        with closing(Manifest(folder)) as manifest:
            begin = manifest.writers()
    TraceCursor(folder, begin).close()


def export_traces(config: Config, settings: OtlpSettings, once: bool, is_stopped: StopSignal) -> Mapping[str, int]:
    """Send what is new until a stop, or once; return what was counted. Raises ConfigError."""
    folder = config.store_folder
    lock = FileLock(folder / "traces.lock")
    if not lock.acquire_within(_FINAL_SECONDS):
        log.warning("Traces of `%s` are sent by the process with pid %s already.", folder, lock.holder())
        return {}
    os.nice(_NICENESS)
    policy = TracePolicy(config["trace.policy"] == "all", config["trace.ratio"], config["trace.max_spans"])
    with closing(OtlpClient(settings)) as client, closing(TraceCursor(folder, {})) as cursor:
        with closing(Manifest(folder)) as manifest:
            export = TraceExport(config, manifest, cursor, Sampler(policy), client, is_stopped)
            try:
                while not is_stopped.wait(0.0 if export.turn() else _PAUSE_SECONDS) and not once:
                    pass
                export.turn()
            except StoppedError:
                log.warning("What is left of the traces is sent after the next start.")
        lock.release()
        return cursor.counts()


class TraceExport:
    """What is stored, commit by commit, on its way to the collector."""

    def __init__(
        self,
        config: Config,
        manifest: Manifest,
        cursor: TraceCursor,
        sampler: Sampler,
        client: OtlpClient,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._folder = config.store_folder
        self._system = "kafka" if is_shared(config) else "tocsin"
        self._manifest = manifest
        self._cursor = cursor
        self._sampler = sampler
        self._client = client
        self._is_stopped = is_stopped
        self._stopped_at: float | None = None
        self._said_at = -_SAY_SECONDS

    def turn(self) -> bool:
        """Send what was committed since the last turn; return whether there was something.

        Raises StoppedError once there is no more time for it.
        """
        segments = self._manifest.segments()
        was_any = False
        for writer in self._manifest.writers():
            for commits in commits_after(self._manifest, writer, self._cursor.position(writer), segments):
                try:
                    counts = self._send_commits(commits)
                except FileNotFoundError:  # merged meanwhile: the next turn finds it there
                    return True
                self._cursor.advance(writer, commits.last, counts)
                was_any = True
        return was_any

    def _send_commits(self, commits: StoredCommits) -> Counter[str]:
        counts: Counter[str] = Counter()
        found = 0
        for segment, rows in rows_of(self._folder, commits):
            found += rows.num_rows
            self._send_rows(rows, segment.kind, segment.written_us, counts)
        if commits.are_merged:
            expected = self._manifest.rows_of_commits(commits.writer, commits.first, commits.last)
            counts[EXPIRED] += max(0, expected - found)
        return counts

    def _send_rows(self, rows: pa.Table, kind: str, stored_us: int, counts: Counter[str]) -> None:
        rows = traced_only(rows)
        chosen, limited = self._sampler.chosen(trace_ids_of(rows), have_alert(rows), stored_us)
        counts[LIMITED] += limited
        rows = rows.filter(pa.array(chosen))
        if not rows.num_rows:
            return
        pieces = self._pieces(events_in(rows, kind))
        while request := list(islice(pieces, _PIECES_AT_ONCE)):
            self._deliver(request, counts)

    def _pieces(self, events: TracedEvents) -> Iterator[_Piece]:
        for piece in events.pieces(_EVENTS_AT_ONCE):
            groups = spans_of(piece, self._system)
            yield encode(groups), sum(map(len, groups))

    def _deliver(self, pieces: Sequence[_Piece], counts: Counter[str]) -> None:
        """Send pieces as one request, as soon as the collector takes it. Raises StoppedError."""
        spans = sum(count for _, count in pieces)
        attempt = 0
        while True:
            self._check_time()
            try:
                sent = self._client.send(b"".join(encoded for encoded, _ in pieces))
            except CollectorAwayError as error:
                self._say("Traces wait for the collector, nothing is lost: %s", error)
                self._wait(
                    max(_BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS) - 1)], error.retry_after_seconds or 0.0)
                )
                attempt += 1
                continue
            except SpansRefusedError as error:
                if error.status == _TOO_LARGE and len(pieces) > 1:
                    half = len(pieces) // 2
                    self._deliver(pieces[:half], counts)
                    self._deliver(pieces[half:], counts)
                    return
                counts[REFUSED] += spans
                self._say("%s spans are lost: %s", f"{spans:,}", error)
                return
            counts[SENT] += spans - sent.rejected_spans
            counts[REJECTED] += sent.rejected_spans
            if sent.rejected_spans or sent.message:
                self._say("The collector took %s of %s spans: %s", spans - sent.rejected_spans, spans, sent.message)
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

    def _say(self, sentence: str, *values: object) -> None:
        if time.monotonic() - self._said_at >= _SAY_SECONDS:
            self._said_at = time.monotonic()
            log.warning(sentence, *values)
