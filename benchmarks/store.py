"""Measure what an event costs to store and to merge, in microseconds of one core.

    python benchmarks/store.py FILE.jsonl.gz [--events 100000] [--batch 5000]

FILE holds real events as JSON Lines; each is wrapped in a verdict by its channel and event id. Prints the
median of `--rounds` runs for each part; the parts of the store are wall time, `cpu` is the CPU time of the whole step.
"""

import argparse
import gzip
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.sinks.classified import NOON_US, QUIET_DETECTION, classified, detection_verdict, verdict

from tocsin.event import Record
from tocsin.flow import Batch
from tocsin.sinks.compact import Maintenance, MaintenanceSettings
from tocsin.sinks.reader import open_store
from tocsin.sinks.writer import StoreSettings, StoreWriter

_DEFAULT = (
    Path(__file__).resolve().parents[2]
    / "shared/data/events/otrf/compound/LSASS_campaign_02/metasploit_procdump_lsass_memory_dump.jsonl.gz"
)
PARTS = ("decode", "parquet", "csv", "fsync", "listed", "wall", "cpu", "merge")
QUERIES = (
    "SELECT host, count(*) FROM events GROUP BY 1",
    "SELECT count(*) FROM alerts",
    "SELECT count(*) FROM events WHERE event LIKE '%mimikatz%'",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?", default=_DEFAULT)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="where to write (default: a temporary folder)")
    options = parser.parse_args()
    if not options.file.is_file():
        sys.exit(f"no file at {options.file}: give FILE.jsonl.gz")
    records = _records(_lines(options.file), options.events)
    size = sum(len(record.value) for record in records) / len(records)
    rounds = [_round(records, options.batch, options.folder) for _ in range(options.rounds)]
    print(f"{len(records):,} events of {size:,.0f} bytes with their verdict, batches of {options.batch:,}")
    for part in PARTS:
        print(f"{part:>8} {statistics.median(costs[part] for costs in rounds):8.2f} µs/event")
    print(f"{rounds[-1]['bytes_parquet']:8.0f} bytes of Parquet and {rounds[-1]['bytes_csv']:.0f} of CSV an event")
    for sql in QUERIES:
        print(f"{statistics.median(costs[sql] for costs in rounds):8.3f} s  {sql}")


def _lines(file: Path) -> list[bytes]:
    with gzip.open(file) as lines:
        return [line.strip() for line in lines if line.strip()]


def _records(lines: Sequence[bytes], count: int) -> list[Record]:
    kinds = [_kind(line) for line in lines]
    return [
        classified(
            number,
            lines[number % len(lines)],
            _judged(*kinds[number % len(lines)]),
            NOON_US + number * 200,
            host=f"ws{number % 50}.corp.example",
            user=f"CORP\\user{number % 120}",
        )
        for number in range(count)
    ]


def _kind(line: bytes) -> tuple[str, str]:
    event = orjson.loads(line)
    return str(event.get("Channel")), str(event.get("EventID"))


@cache
def _judged(channel: str, code: str) -> bytes:
    """A verdict for each kind of event, as `classify` would repeat it; some kinds with a detection."""
    kind = {"channel": channel, "code": code}
    if code.endswith("7"):
        return orjson.dumps(detection_verdict(QUIET_DETECTION) | kind)
    return orjson.dumps(verdict(**kind))


def _round(records: Sequence[Record], batch: int, parent: Path | None) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(dir=parent))
    seconds: defaultdict[str, float] = defaultdict(float)
    try:
        _store(records, batch, folder, seconds)
        _measured(seconds, "merge", lambda: _merge(folder))
        costs = {part: spent * 1e6 / len(records) for part, spent in seconds.items()}
        costs["bytes_parquet"] = _bytes(folder, "segments/*/*/merged.*.parquet") / len(records)
        costs["bytes_csv"] = _bytes(folder, "csv/*.csv") / len(records)
        store = open_store(folder)
        for sql in QUERIES:
            started = time.perf_counter()
            store.execute(sql).fetchall()
            costs[sql] = time.perf_counter() - started
        store.close()
        return costs
    finally:
        shutil.rmtree(folder)


def _store(records: Sequence[Record], batch: int, folder: Path, seconds: defaultdict[str, float]) -> None:
    def spend(part: str, spent: float) -> None:
        seconds[part] += spent

    writer = StoreWriter(folder, "bench", lambda: NOON_US, None, StoreSettings(), spend)
    cpu = time.process_time()
    started = time.perf_counter()
    for start in range(0, len(records), batch):
        writer(Batch(records[start : start + batch]))
        _measured(seconds, "listed", writer.committed)
    seconds["wall"] += time.perf_counter() - started
    seconds["cpu"] += time.process_time() - cpu
    writer.close()


def _merge(folder: Path) -> None:
    maintenance = Maintenance(folder, MaintenanceSettings(merge_files=2))
    maintenance.run_once(NOON_US)
    maintenance.close()


def _measured(seconds: defaultdict[str, float], part: str, action: Callable[[], None]) -> None:
    started = time.process_time() if part == "merge" else time.perf_counter()
    action()
    seconds[part] += (time.process_time() if part == "merge" else time.perf_counter()) - started


def _bytes(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


if __name__ == "__main__":
    main()
