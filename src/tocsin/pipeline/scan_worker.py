"""One of several processes that scan: told which parts to read, it puts what it finds into its spool."""

import errno
import gc
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tocsin.config import load_config
from tocsin.errors import ConfigError
from tocsin.flow import Batch
from tocsin.frames import read_frame
from tocsin.pipeline.normaliser import normaliser_of
from tocsin.pipeline.rules import load_rule_set, preparation_of, user_cache
from tocsin.pipeline.scan_messages import (
    Failed,
    Hit,
    Message,
    Ready,
    Setup,
    Tally,
    Told,
    digest_of,
    frame_of,
    setup_of,
    share_of,
)
from tocsin.rules.attack import Attack
from tocsin.sources.files import FilesSettings, FilesSource
from tocsin.sources.portion import Limits
from tocsin.sources.portions import batches_of_portion
from tocsin.sources.shares import Part
from tocsin.stages.scan import Scan
from tocsin.timestamps import clock_us

_FRAME_BYTES = 1 << 20
_FRAME_HITS = 1000


class _Spool:
    """The detections found, in frames: each its length and a list of hits."""

    def __init__(self, handle: int) -> None:
        self.length = 0
        self._handle = handle
        self._hits: list[Hit] = []
        self._event_bytes = 0

    def add(self, hit: Hit) -> None:
        self._hits.append(hit)
        self._event_bytes += len(hit.event)
        if len(self._hits) >= _FRAME_HITS or self._event_bytes >= _FRAME_BYTES:
            self.flush()

    def flush(self) -> None:
        if not self._hits:
            return
        frame = memoryview(frame_of(self._hits))
        self._hits, self._event_bytes = [], 0
        while frame:
            written = os.write(self._handle, frame)
            self.length += written
            frame = frame[written:]


class _Worker:
    """Reads the parts it is told, one share after the other."""

    def __init__(self, setup: Setup, spool: _Spool, answers: BinaryIO) -> None:
        config = load_config({})
        rules = [Path(os.fsdecode(path)) for path in setup.rules]
        rule_set = load_rule_set(Attack.load(), rules, not rules, user_cache(), preparation_of(config))
        self._matcher = rule_set.matcher
        self._indexes = {rule.id: index for index, rule in enumerate(rule_set.rules)}
        self._normalise = normaliser_of(config)
        self._carried = setup.carried
        self._spool = spool
        self._answers = answers
        self._source = FilesSource(FilesSettings((), is_stamped=False), None, clock_us)
        self._portion_bytes = 0
        gc.collect()
        gc.freeze()
        tell(answers, Ready(digest_of(rule_set.digest, list(self._indexes))))

    def read(self, part: Part) -> None:
        """Read a part; tell how far after each batch."""
        begin = self._spool.length
        scan = Scan(self._normalise, self._matcher, self._carried)
        for batch in self._batches(part):
            for found in scan.detections(batch):
                if not found.rule.is_baseline:
                    index = self._indexes[found.rule.id]
                    fields = (found.event_id, found.time, found.host, found.place, found.number, found.event)
                    self._spool.add(Hit(index, *fields))
            self._tell(part, scan, begin)
        self._portion_bytes += part.size if part.is_portion else 0
        self._tell(part, scan, begin, is_finished=True)

    def close(self) -> None:
        self._source.close()

    def _batches(self, part: Part) -> Iterator[Batch]:
        if not part.is_portion:
            return self._source.batches_of(part.found)
        return batches_of_portion(part.found, part.begin, part.end, Limits(), self._source.report, clock_us)

    def _tell(self, part: Part, scan: Scan, begin: int, is_finished: bool = False) -> None:
        self._spool.flush()
        done = self._source.progress()[0] + self._portion_bytes
        tally = Tally(scan.counts.take(), self._source.report.take())
        tell(self._answers, Told(part.number, tally, begin, self._spool.length, done, is_finished))


def tell(answers: BinaryIO, message: Message) -> None:
    answers.write(frame_of(message))
    answers.flush()


def serve(requests: BinaryIO, answers: BinaryIO, spool: int) -> int:
    """Do what is asked until nobody asks any more; return the exit code."""
    worker = None
    try:
        worker = _Worker(setup_of(read_frame(requests) or b""), _Spool(spool), answers)
        while request := read_frame(requests):
            for part in share_of(request).parts:
                worker.read(part)
        return 0
    except BrokenPipeError:  # whoever asked has gone
        return 1
    except Exception as error:
        with suppress(BrokenPipeError):
            tell(answers, _failure(error))
        return 1
    finally:
        if worker:
            worker.close()


def _failure(error: Exception) -> Failed:
    if isinstance(error, ConfigError):
        return Failed(list(error.problems), is_config=True)
    if isinstance(error, MemoryError):
        return Failed(["is out of memory; fewer --workers need less"])
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failed([f"has no room for what it found in `{tempfile.gettempdir()}`; TMPDIR names another folder"])
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return Failed([f"failed at {Path(frame.filename).name}:{frame.lineno}: {type(error).__name__}: {error}"])


def _main() -> None:
    # What else is printed goes to standard error: standard output has the answers alone.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    code = serve(sys.stdin.buffer, answers, int(sys.argv[1]))
    os._exit(code)  # what nobody hears any more is not written once more


if __name__ == "__main__":
    _main()
