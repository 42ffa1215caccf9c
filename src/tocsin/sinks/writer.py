"""Store batches: segments and CSV first, durable under their final names, then one record that names them."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import starmap
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

from tocsin.dead_letter import dead_letter_of
from tocsin.errors import ConfigError, DecodeError, DeliveryError
from tocsin.event import DEAD_LETTERS, MAX_OUTPUT_BYTES, STORE_COMMITS, Record
from tocsin.flow import Batch, Committer, Outputs
from tocsin.locks import FileLock
from tocsin.sinks import layout
from tocsin.sinks.columns import DEAD_LETTER_SCHEMA, EVENT_SCHEMA, dead_letter_columns
from tocsin.sinks.csv import CsvLines, CsvPosition, CsvSeries
from tocsin.sinks.decode import Decoder
from tocsin.sinks.files import settle
from tocsin.sinks.intake import EventIntake, chunks_of
from tocsin.sinks.manifest import COMMIT_VERSION, Manifest, commit_key, parse_commit
from tocsin.sinks.segments import IngestCounts, SegmentKind, Segments, WrittenSegment
from tocsin.telemetry.stage_times import StageProcess, StageTimes, packed

log = logging.getLogger(__name__)

FAILPOINTS = (
    "store.segment.before_write", "store.segment.during_write", "store.segment.after_write",
    "store.csv.before_write", "store.csv.after_write",
    "store.before_fsync", "store.after_fsync",
    "store.manifest.before_commit", "store.manifest.after_commit",
    "store.recover.before_remove", "store.recover.after_remove", "store.recover.before_cut", "store.recover.after_cut",
)  # fmt: skip

_HANDOVER_SECONDS = 10.0  # how long a new process waits for the old one of its name to end
_EVENTS = SegmentKind(layout.EVENTS, EVENT_SCHEMA, "ingest_time")
_DEAD_LETTERS = SegmentKind(layout.DEAD_LETTERS, DEAD_LETTER_SCHEMA, "time")


@dataclass(frozen=True)
class StoreSettings:
    """What can be set of a writer."""

    csv_bytes: int = 128 << 20  # size at which a new CSV file is begun
    installation: str = ""  # whose commit records these are, where several share a bus


@dataclass(frozen=True)
class _Commit:
    """What this writer's last commit says of it."""

    seq: int = 0
    csv: CsvPosition | None = None
    record: bytes = b""


_RecordsAndParts = tuple[list[Record], list[bytes]]


def _spend_nothing(part: str, seconds: float) -> None: ...


class StoreWriter:
    """A step: classified events and dead letters in, the record of a commit out.

    The files are on the disk before the record is handed on. After each batch comes `committed`, as `StoreCommitter`
    does it; or `aborted`, where the record will not be committed. One writer owns its segments, its CSV files and its
    commit records, and one process at a time has its name.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        clock_us: Callable[[], int],
        last_commit: bytes | None,
        settings: StoreSettings,
        spend: Callable[[str, float], None] = _spend_nothing,
        lock: FileLock | None = None,
        process: StageProcess | None = None,
    ) -> None:
        """Undo what no commit names. `last_commit` is this writer's newest record on `store-commits`, read when no
        other process could commit under this name any more. `lock`: that of the name, where it is held already.

        `spend(part, seconds)` is told where the time of each batch went: decode, parquet, csv, fsync. `process` keeps
        with each row when it came; without it no row says when anything was done to it. Raises
        ConfigError when the store and the bus do not belong together, or something that was committed is missing.
        """
        layout.check_writer_name(name)
        self._folder = folder
        self._name = name
        self._key = commit_key(settings.installation, name)
        self._clock_us = clock_us
        self._spend = spend
        self._process = process
        self._decoder = Decoder()
        self._lines = CsvLines()
        self._segments = Segments(folder, name)
        self._csv = CsvSeries(folder, name, settings.csv_bytes)
        self._last = _parse(last_commit, name)
        self._pending: _Commit | None = None
        self._unlisted: deque[bytes] = deque()  # commit records that readers do not see yet
        self._is_unfinished = True
        self._manifest = Manifest(folder)
        self._lock = lock or FileLock(folder / f"{name}.lock")
        try:
            if lock is None:
                self._own()
            self._check_manifest()
            self._recover()
        except BaseException:
            self.close()
            raise

    def __call__(self, batch: Batch) -> Outputs:
        """Raises DeliveryError when the disk does not take it: nothing is lost, the same batch may be tried again."""
        if self._pending is not None:
            raise RuntimeError("the last batch was neither committed nor aborted")
        if not batch.records:
            return {}
        try:
            if self._is_unfinished:
                self._recover()
            self._is_unfinished = True
            return self._store(batch)
        except OSError as error:
            raise DeliveryError(
                f"store: `{self._folder}` cannot be written: {error}. Nothing is lost; free some space or mend the"
                " disk, and it goes on"
            ) from error

    def committed(self) -> None:
        """List what the last batch wrote, now that its record is committed.

        Where the disk does not take it, the next commit or the next start makes up for it.
        """
        if self._pending is None:
            return
        self._last, self._pending = self._pending, None
        self._is_unfinished = False
        self._unlisted.append(self._last.record)
        try:
            while self._unlisted:
                self._manifest.apply(self._unlisted[0], self._clock_us())
                self._unlisted.popleft()
        except DeliveryError as error:
            log.warning("What was stored cannot be listed yet: %s", error)

    def aborted(self) -> None:
        """Undo what the last batch wrote, as its record was not and will not be committed."""
        self._pending = None
        self._recover()

    def close(self) -> None:
        self._manifest.close()
        self._lock.release()

    def _own(self) -> None:
        """Another process of this name would lose what it is about to commit to our recovery."""
        if not self._lock.acquire_within(_HANDOVER_SECONDS):
            raise ConfigError(
                f"store: writer `{self._name}` of `{self._folder}` is the process with pid {self._lock.holder()};"
                " stop that one first"
            )

    def _check_manifest(self) -> None:
        applied = self._manifest.applied_seq(self._name)
        if applied > self._last.seq:
            raise ConfigError(
                f"store: `{self._folder}` has commit {applied} of writer `{self._name}`, but the bus knows only"
                f" {self._last.seq}: it is not the bus that filled this store, or an older state of it."
                " Restore the bus, or give an empty data directory"
            )
        if applied < self._last.seq:
            self._manifest.apply(self._last.record, self._clock_us())

    def _recover(self) -> None:
        self._segments.remove_after(self._last.seq)
        self._csv.cut_back(self._last.csv)
        self._is_unfinished = False

    def _store(self, batch: Batch) -> Outputs:
        started = perf_counter()
        seq, now_us = self._last.seq + 1, self._clock_us()
        intake = EventIntake(self._decoder, self._lines)
        events_and_parts, letters_and_parts = self._sorted(batch, now_us)
        events = intake.columns(*events_and_parts)
        letters = starmap(dead_letter_columns, chunks_of(*letters_and_parts))
        written = [
            self._segments.write(_EVENTS, seq, events, now_us),
            self._segments.write(_DEAD_LETTERS, seq, letters, now_us),
        ]
        segments = [segment for segment in written if segment is not None]
        appending = perf_counter()
        parquet_seconds = appending - started - intake.decode_seconds - intake.csv_seconds
        outputs: dict[str, Sequence[Record]] = {}
        if intake.rejected:
            outputs[DEAD_LETTERS] = [_dead_letter(record, error, now_us) for record, error in intake.rejected]
        if segments:
            csv = self._csv.append(self._last.csv, b"".join(intake.csv), intake.rows)
            settling = perf_counter()
            settle([self._csv.path_of(csv), *(self._folder / segment.path for segment in segments)], "store")
            settled = perf_counter()
            self._spend("csv", intake.csv_seconds + settling - appending)
            self._spend("fsync", settled - settling)
            ends_us = [now_us + int(1e6 * (end - started)) for end in (appending, settling, settled)]
            part = self._write_part(seq, now_us, ends_us, len(batch.records))
            commit = self._commit_json(seq, segments, csv, now_us, intake.ingest, part)
            self._pending = _Commit(seq, csv, commit)
            outputs[STORE_COMMITS] = [Record(commit, self._key, timestamp_us=now_us)]
        self._spend("decode", intake.decode_seconds)
        self._spend("parquet", parquet_seconds)
        return outputs

    def _sorted(self, batch: Batch, now_us: int) -> tuple[_RecordsAndParts, _RecordsAndParts]:
        """Return events and dead letters apart, each record with when it came."""
        events: _RecordsAndParts = ([], [])
        letters: _RecordsAndParts = ([], [])
        for came_us, records in batch.portions():
            part = self._process.part(min(came_us or now_us, now_us), (), len(batch.records)) if self._process else b""
            for record in records:
                of_topic = letters if record.topic == DEAD_LETTERS else events
                of_topic[0].append(record)
                of_topic[1].append(part)
        return events, letters

    def _write_part(self, seq: int, began_us: int, ends_us: Sequence[int], records: int) -> bytes:
        """Return when the files of this commit were written: in turn the segments, the CSV lines, and until both were
        durable. It is part of each row's trace, too, but known only after the rows are written."""
        if self._process is None:
            return b""
        steps_us = tuple(end_us - began_us for end_us in ends_us)
        return packed(StageTimes("write", began_us, steps_us, records, f"{self._name}-{seq:012d}"))

    def _commit_json(
        self,
        seq: int,
        segments: Sequence[WrittenSegment],
        csv: CsvPosition,
        now_us: int,
        ingest: IngestCounts,
        part: bytes,
    ) -> bytes:
        return orjson.dumps(
            {
                "v": COMMIT_VERSION,
                "writer": self._name,
                "seq": seq,
                "segments": [segment.as_object(self._folder) for segment in segments],
                "csv": asdict(csv),
                "written_us": now_us,
                "ingest": ingest.as_list(),
                "trace": part.hex(),
            }
        )


class StoreCommitter:
    """Commits what a writer wrote, then lets it be seen."""

    def __init__(self, writer: StoreWriter, inner: Committer) -> None:
        self._writer = writer
        self._inner = inner
        self._committed: Batch | None = None

    def commit(self, outputs: Outputs, batch: Batch) -> None:
        """Raises DeliveryError when it may be tried again: what is not settled yet is not committed twice."""
        if self._committed is not batch:
            self._inner.commit(outputs, batch)
            self._committed = batch
        self._inner.settle()  # what is seen cannot be taken back
        self._committed = None
        self._writer.committed()

    def settle(self) -> None:
        """Do nothing: each commit was settled before it was seen."""


def _parse(last_commit: bytes | None, name: str) -> _Commit:
    if last_commit is None:
        return _Commit()
    parsed: dict[str, Any] = parse_commit(last_commit)
    if parsed["writer"] != name:
        raise ConfigError(f"store: the last commit of writer `{name}` is one of `{parsed['writer']}`")
    return _Commit(parsed["seq"], CsvPosition(**parsed["csv"]), last_commit)


def _dead_letter(record: Record, error: DecodeError, now_us: int) -> Record:
    return dead_letter_of(
        record, stage="store", reason=error.reason, detail=error.detail, time_us=now_us, limit=MAX_OUTPUT_BYTES
    )
