"""Count what a stage moved: records by topic, dead letters by reason, seconds of batches and from end to end."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Protocol

from tocsin.dead_letter import read_dead_letter
from tocsin.event import DEAD_LETTERS, Record, Stamp
from tocsin.telemetry.histogram import Histogram
from tocsin.timestamps import clock_us

# As the semantic conventions of OpenTelemetry ask for `messaging.process.duration`.
_BATCH_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_END_TO_END_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_SAMPLED = 8  # records of a batch whose age is looked at

_topic = attrgetter("topic")


class ReadBatch(Protocol):
    """What is looked at of a batch."""

    @property
    def records(self) -> Sequence[Record]: ...

    @property
    def offsets(self) -> Mapping[tuple[str, int], int]: ...

    @property
    def waited_seconds(self) -> float: ...


class Traffic:
    """Totals of what was committed. The cost is one of batches, not of records.

    The exceptions are dead letters, each of which is asked for its reason, and a batch out of several topics.
    """

    def __init__(self, clock_us: Callable[[], int] = clock_us) -> None:
        self._clock_us = clock_us
        self.consumed: Counter[str] = Counter()  # topic -> records
        self.sent: Counter[str] = Counter()  # topic -> records
        self.dead_letters: Counter[str] = Counter()  # reason -> records
        self.batch_seconds = Histogram(_BATCH_SECONDS)  # of step and commit together
        self.end_to_end_seconds = Histogram(_END_TO_END_SECONDS)  # from ingest to commit, of a sample

    def count(self, batch: ReadBatch, outputs: Mapping[str, Sequence[Record]], seconds: float) -> None:
        """Add a batch that has just been committed, `seconds` after it had been read."""
        self._count_consumed(batch)
        for topic, records in outputs.items():
            if records:
                self.sent[topic] += len(records)
        self.dead_letters.update(read_dead_letter(record).reason for record in outputs.get(DEAD_LETTERS, ()))
        if batch.records:
            self.batch_seconds.observe(seconds)
            self._sample_ages(batch.records)

    def _count_consumed(self, batch: ReadBatch) -> None:
        topics = {topic for topic, _ in batch.offsets}
        if len(topics) == 1:
            self.consumed[topics.pop()] += len(batch.records)
        elif topics:
            self.consumed.update(map(_topic, batch.records))

    def _sample_ages(self, records: Sequence[Record]) -> None:
        """Look at the age of the first record, the last, and some evenly between; of a record with no stamp, since it
        was written. All would cost microseconds each."""
        now_us = self._clock_us()
        last = len(records) - 1
        for index in {last * part // (_SAMPLED - 1) for part in range(_SAMPLED)}:
            record = records[index]
            stamp = Stamp.of(record)
            ingest_us = stamp.ingest_us if stamp else record.timestamp_us
            self.end_to_end_seconds.observe(max(0, now_us - ingest_us) / 1e6)
