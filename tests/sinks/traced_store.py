"""Fill a store folder as a traced store stage does, commit by commit."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.sinks.classified import NOON_US, classified
from tests.sinks.store_folder import commit_of
from tocsin.event import STAMP_HEADER, Record, with_part
from tocsin.flow import Batch
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.merge import merge
from tocsin.sinks.writer import StoreSettings, StoreWriter
from tocsin.telemetry.stage_times import StageProcess

SECOND_US = 1_000_000


def traced(offset: int, **verdict: object) -> Record:
    """Return a classified event that went through produce and classify."""
    record = classified(offset, **verdict)  # type: ignore[arg-type]
    assert record.header(STAMP_HEADER)
    produced = StageProcess("produce", "produce-0", "ws", "1").part(NOON_US - 1_000, (), 100)
    steps_us = [NOON_US + step for step in (10, 20, 30, 40)]
    classify = StageProcess("classify", "classify-0", "node", "1").part(NOON_US, steps_us, 100)
    with_parts = with_part(record, produced + classify)
    return Record(
        with_parts.value, with_parts.key, with_parts.headers, record.timestamp_us, record.topic, 0, record.offset
    )


def store(folder: Path, *batches: Sequence[Record], name: str = "w0", second: int = 1, is_traced: bool = True) -> None:
    """Store each batch as a commit of its own, one a second, the first so many seconds after noon."""
    process = StageProcess("store", "store-0", "node", "1") if is_traced else None
    with closing(Manifest(folder)) as manifest:
        commit = manifest.last_commit(name)
    for number, records in enumerate(batches):
        clock_us = partial(int, NOON_US + (second + number) * SECOND_US)
        writer = StoreWriter(folder, name, clock_us, commit, StoreSettings(), process=process)
        commit = commit_of(writer(Batch(records)))
        writer.committed()
        writer.close()


def merge_all(folder: Path, kind: str = "events") -> None:
    """Merge all segments of a kind into one."""
    with closing(Manifest(folder)) as manifest:
        merge(folder, manifest, [each for each in manifest.segments() if each.kind == kind], NOON_US)
