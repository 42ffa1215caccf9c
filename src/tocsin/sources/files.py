"""Read events from files and folders of logs: JSON lines and EVTX, plain or compressed."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tocsin.errors import ConfigError, DecodeError
from tocsin.event import MAX_RECORD_BYTES
from tocsin.flow import Batch
from tocsin.sources.evtx_parser import EvtxParser
from tocsin.sources.follow import Follower
from tocsin.sources.known import Known
from tocsin.sources.open_file import OpenFile
from tocsin.sources.opener import Opener
from tocsin.sources.portion import Clock, Limits
from tocsin.sources.report import FilesReport
from tocsin.sources.stdin import PipeBytes, batches_of_pipe
from tocsin.sources.walk import STDIN, Found, Walker, printable
from tocsin.telemetry.ids import origin_of

_SECRET = "files:secret"  # noqa: S105 the input name under which the seed of the hashes is kept
_AGAIN = "files:again"


@dataclass(frozen=True)
class FilesSettings:
    """What to read, and how much of it at a time."""

    paths: Sequence[Path | str]  # files and folders; "-" is standard input
    follow: bool = False  # go on for ever: what is appended, new files, rotated ones
    again: bool = False  # read what was read before, and copies, once more
    batch_size: int = 1000  # records handed on at a time
    batch_bytes: int = 8 << 20
    max_record_bytes: int = MAX_RECORD_BYTES  # a larger record becomes a dead letter
    is_stamped: bool = True  # records of files carry our stamp; see `Place`


class _AgainRun(msgspec.Struct, frozen=True):
    """A run that reads everything once more: after a kill it goes on, after its end another one begins."""

    number: int = 0
    is_finished: bool = True


class FilesSource:
    """Batches of records from files, each of one file. Exactly once where their positions are committed with them.

    `positions` are those committed before; None when none are kept: event ids are then the same in every run.
    Standard input has no position: what was read from it but not committed is lost with the process.
    """

    def __init__(self, settings: FilesSettings, positions: Mapping[str, bytes] | None, clock_us: Clock) -> None:
        kept = positions or {}
        _check(settings, kept)
        self.report = FilesReport()
        self._settings = settings
        self._unsaved: dict[str, bytes] = {}  # goes with the first batch
        self._done_bytes = 0
        self._current: OpenFile | None = None
        self._parser = EvtxParser()
        seed = self._seed(kept)
        self._run = self._again_run(kept)
        self.run = f"{seed:x}:{self._run.number}"  # what tells this reading from others, also after a kill
        self._known = Known(
            kept, seed=seed, run=self._run.number, again=settings.again, has_nonces=positions is not None
        )
        limits = Limits(settings.batch_size, settings.batch_bytes, settings.max_record_bytes)
        self._opener = Opener(self._known, seed, limits, self.report, self._parser, clock_us, settings.is_stamped)
        walker = Walker(settings.paths, self.report)
        self._found = walker.files()
        origin = origin_of("stdin", secrets.token_hex(8) if positions is not None else "")
        pipe = PipeBytes(is_waiting=not settings.follow)
        has_pipe = STDIN in map(str, settings.paths)
        streams = [batches_of_pipe(pipe, origin, limits, self.report, clock_us)] if has_pipe else []
        self._follower = Follower(walker, self._opener, self._known, self.report, streams) if settings.follow else None
        self._batches = self._follower.batches() if self._follower else self._in_turn(streams)

    def read(self) -> Batch | None:
        """Return the next batch; a tick when there is nothing now; None when everything is read."""
        batch = next(self._batches, None)
        if batch is None or batch.is_tick or not self._unsaved:
            return batch
        unsaved, self._unsaved = self._unsaved, {}
        return replace(batch, positions={**unsaved, **batch.positions})

    def progress(self) -> tuple[int, int]:
        """Return the bytes read, and the bytes of all files as they lie on disk."""
        reading = list(self._follower.files.values()) if self._follower else [self._current] if self._current else []
        done = self._done_bytes + sum(file.raw.offset for file in reading)
        return done, max(done, sum(found.size for found in self._found))

    def files(self) -> Sequence[Found]:
        """Return the files that are to be read, in order."""
        return self._found

    def leave_files(self) -> None:
        """Leave the files to others, before the first of them is read; standard input is still read here."""
        self._found = []

    def close(self) -> None:
        self._parser.close()
        if self._follower:
            self._follower.close()
        if self._current:
            self._current.close()

    def _in_turn(self, streams: Sequence[Iterator[Batch]]) -> Iterator[Batch]:
        for found in self._found:
            yield from self.batches_of(found)
        for stream in streams:
            yield from stream
        if self._settings.again:
            yield Batch(positions={_AGAIN: msgspec.json.encode(_AgainRun(self._run.number))})

    def batches_of(self, found: Found) -> Iterator[Batch]:
        """Yield the batches of one file; none where it is a copy of one read here before."""
        try:
            opened = self._opener.open(found, is_followed=False)
            if isinstance(opened, Batch):
                yield opened
                return
            self._current = opened
            while self._current and not self._current.is_finished:
                yield self._current.read() or Batch()
        except DecodeError as damage:
            self.report.add_damage(found.name, damage)
        except OSError as error:
            self.report.add_os_problem(found.name, error)
        finally:
            self._end_current(found)
            self._done_bytes += found.size

    def _end_current(self, found: Found) -> None:
        if self._current:
            self._known.remember(found.input_name, self._current.cursor)
            self._current.close()
            self._current = None

    def _seed(self, positions: Mapping[str, bytes]) -> int:
        """Return the secret of this data directory; a new one is kept with the first batch."""
        secret = positions.get(_SECRET)
        if secret is None:
            secret = self._unsaved[_SECRET] = secrets.token_hex(8).encode()
        return int(secret, 16)

    def _again_run(self, positions: Mapping[str, bytes]) -> _AgainRun:
        """Return the run of `again` that this one goes on with, or begins."""
        kept = positions.get(_AGAIN)
        run = msgspec.json.decode(kept, type=_AgainRun) if kept else _AgainRun()
        if self._settings.again and run.is_finished:
            run = _AgainRun(run.number + 1, is_finished=False)
            self._unsaved[_AGAIN] = msgspec.json.encode(run)
        return run


def _check(settings: FilesSettings, positions: Mapping[str, bytes]) -> None:
    """Refuse a path that is not there, unless it was read before or may still come."""
    if settings.follow:
        return
    missing = [path for path in map(Path, settings.paths) if str(path) != STDIN and not os.path.lexists(path)]
    unknown = [path for path in missing if not _was_read(path, positions)]
    if unknown:
        raise ConfigError(*(f"no file or folder at `{printable(path)}`" for path in unknown))


def _was_read(path: Path, positions: Mapping[str, bytes]) -> bool:
    name = f"file:{printable(path.absolute())}"
    return name in positions or any(other.startswith(name + "/") for other in positions)
