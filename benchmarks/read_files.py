"""Measure reading files: microseconds of CPU a record for plain, gzip, zstd and EVTX input.

python benchmarks/read_files.py FOLDER_OF_JSONL_GZ [FOLDER_OF_EVTX]
"""

import gzip
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import zstandard

from tocsin.sources.files import FilesSettings, FilesSource

_RUNS = 5


def main(jsonl_folder: Path, evtx_folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in _copies(jsonl_folder, Path(folder)).items():
            _report(kind, path)
    if evtx_folder:
        _report("evtx", evtx_folder)


def _copies(source: Path, folder: Path) -> dict[str, Path]:
    """Write the lines of all `.jsonl.gz` files under a folder into one file of each kind."""
    content = b"".join(gzip.decompress(path.read_bytes()) for path in sorted(source.rglob("*.jsonl.gz")))
    bytes_of = {
        "plain": ("all.jsonl", content),
        "gzip": ("all.jsonl.gz", gzip.compress(content, 6)),
        "zstd": ("all.jsonl.zst", zstandard.compress(content, 3)),
    }
    paths = {}
    for kind, (name, packed) in bytes_of.items():
        paths[kind] = folder / name
        paths[kind].write_bytes(packed)
    return paths


def _report(kind: str, path: Path) -> None:
    runs = [_run(path) for _ in range(_RUNS)]
    records, size = runs[0][1:]
    seconds = statistics.median(run[0] for run in runs)
    print(f"{kind:6} {records:8,} records of {size / records:6,.0f} bytes  {seconds / records * 1e6:6.2f} µs a record")


def _run(path: Path) -> tuple[float, int, int]:
    """Read everything; return CPU seconds, those of the EVTX worker included, records and bytes."""
    started = os.times()
    source = FilesSource(FilesSettings([path], again=True), None, lambda: time.time_ns() // 1000)
    records = size = 0
    while (batch := source.read()) is not None:
        records += len(batch.records)
        size += sum(len(record.value) for record in batch.records)
    source.close()
    ended = os.times()
    return sum(ended[:4]) - sum(started[:4]), records, size


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
