"""Scan with several processes: put what they find back into the order of the walk, with the lines of whole files."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from tocsin.errors import DeliveryError
from tocsin.frames import LENGTH_BYTES, length_of
from tocsin.pipeline.rules import RuleSet
from tocsin.pipeline.scan_messages import Setup, digest_of, hits_of
from tocsin.pipeline.scan_processes import LOOK_SECONDS, Found, ScanProcesses
from tocsin.sources.portions import lines_between
from tocsin.sources.report import FilesReport
from tocsin.sources.shares import Part, Share
from tocsin.stages.scan import Detection, Scan


class Crew:
    """Several processes that scan as one would. Raises DeliveryError when one of them is lost."""

    def __init__(
        self,
        workers: int,
        shares: Sequence[Share],
        setup: Setup,
        rule_set: RuleSet,
        environment: Mapping[str, str],
    ) -> None:
        self._parts = sorted((part for share in shares for part in share.parts), key=lambda part: part.number)
        self._rules = rule_set.rules
        digest = digest_of(rule_set.digest, [rule.id for rule in rule_set.rules])
        self._processes = ScanProcesses(workers, shares, setup, digest, environment)
        self._lines = 0  # of the file at hand, in the portions before
        self._uncounted: list[Part] = []  # portions before whose lines are not known

    def progress(self) -> tuple[int, int]:
        """Return the bytes read, and the bytes of all files as they lie on disk."""
        done = self._processes.done_bytes
        return done, max(done, sum(part.size for part in self._parts))

    def pids(self) -> list[int]:
        return self._processes.pids()

    def detections(
        self, is_stopped: Callable[[], bool], on_look: Callable[[], None], scan: Scan, report: FilesReport
    ) -> Iterator[Detection]:
        """Yield what all files hold in their order, or, after a stop, what was found until then.

        Counts and reports go to `scan` and `report`.
        """
        try:
            self._processes.start()
            for part in self._parts:
                yield from self._of_part(part, is_stopped, on_look)
                self._hand_over(part, scan, report)
        finally:
            self._processes.close()

    def _of_part(self, part: Part, is_stopped: Callable[[], bool], on_look: Callable[[], None]) -> Iterator[Detection]:
        if part.begin == 0:
            self._lines = 0
            self._uncounted.clear()
        while True:
            if not self._processes.is_stopped and is_stopped():
                self._processes.stop()
            found = self._processes.of(part.number)
            has_more = found is not None and found.read < found.end
            if found and has_more:
                yield from self._next_frame(part, found)
            elif self._processes.is_stopped or (found and found.is_finished):
                return
            self._processes.look(0.0 if has_more else LOOK_SECONDS)
            on_look()

    def _next_frame(self, part: Part, found: Found) -> Iterator[Detection]:
        self._count_lines()
        spool = found.worker.spool.fileno()
        size = length_of(_read_at(spool, found.read, LENGTH_BYTES))
        hits = hits_of(_read_at(spool, found.read + LENGTH_BYTES, size))
        found.read += LENGTH_BYTES + size
        for hit in hits:
            rule = self._rules[hit.rule]
            number = hit.number + self._lines
            yield Detection(hit.event_id, hit.time, hit.host, part.name, hit.place, number, rule, hit.event)

    def _count_lines(self) -> None:
        for before in self._uncounted:
            self._lines += lines_between(before.found.path, before.begin, before.begin + before.size)
        self._uncounted.clear()

    def _hand_over(self, part: Part, scan: Scan, report: FilesReport) -> None:
        found = self._processes.of(part.number)
        self._processes.forget(part.number)
        if found:
            if part.begin and found.tally.counts.first_unreadable:
                self._count_lines()
                found.tally.counts.move_lines(self._lines)
            scan.counts.add(found.tally.counts)
            report.add_report(found.tally.report)
        if found and found.is_finished and not found.tally.report.problems:
            self._lines += found.tally.report.lines
        else:
            self._uncounted.append(part)


def _read_at(handle: int, offset: int, size: int) -> bytes:
    pieces = []
    while size:
        piece = os.pread(handle, size, offset)
        if not piece:
            raise DeliveryError("scan: what a worker found cannot be read back; start the scan again")
        pieces.append(piece)
        offset += len(piece)
        size -= len(piece)
    return b"".join(pieces)
