"""Measure the embedded bus: µs a record to write (fsynced) and to read, bytes on disk, beside two baselines.

    python benchmarks/bus.py [FILE] [--records N] [--batch N] [--runs N] [--folder DIR]

FILE holds JSON lines, plain or .gz; without one, lines like a Sysmon process start are made. The baselines, in the same
run: one row a record in SQLite with the same durability, and zstd level 1 of the same values, a frame a batch, no file.
"""

import argparse
import gzip
import os
import platform
import random
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time

import orjson
import xxhash
import zstandard

from tocsin.bus.embedded import EmbeddedBus
from tocsin.event import Record, stamped
from tocsin.flow import Batch, TopicSettings

_Batches = Sequence[Sequence[Record]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--records", type=int, default=30_000, help="at most so many (default: 30,000)")
    parser.add_argument("--batch", type=int, default=1_000, help="records in a commit (default: 1,000)")
    parser.add_argument("--runs", type=int, default=5, help="the median of so many (default: 5)")
    parser.add_argument("--folder", type=Path, help="where to write (default: the folder for temporary files)")
    arguments = parser.parse_args()
    lines = _lines(arguments.file, arguments.records)
    size = sum(map(len, lines)) / len(lines)
    print(f"machine: {_machine()}; sqlite {sqlite3.sqlite_version}; commit: {_commit()}")
    corpus = arguments.file.name if arguments.file else "made"
    print(f"corpus: {corpus}, {len(lines)} records of {size:.0f} bytes in batches of {arguments.batch}")
    print(f"median of {arguments.runs} runs, one core; µs and bytes a record")
    records = [stamped(line, xxhash.xxh3_128_digest(b"%d" % n), 10**15 + n) for n, line in enumerate(lines)]
    batches = [records[start : start + arguments.batch] for start in range(0, len(records), arguments.batch)]
    for name, measure in {"embedded bus": _bus, "a row a record": _rows, "zstd alone": _zstd}.items():
        runs = [_in_new_folder(measure, batches, arguments.folder) for _ in range(arguments.runs)]
        _print(name, [statistics.median(column) for column in zip(*runs, strict=True)], len(lines))


def _print(name: str, figures: Sequence[float], records: int) -> None:
    write_cpu, write_wall, read_cpu, read_wall, on_disk = (figure / records for figure in figures)
    print(
        f"{name:15} write {write_cpu * 1e6:6.2f} µs CPU {write_wall * 1e6:6.2f} µs wall,"
        f" read {read_cpu * 1e6:6.2f} µs CPU {read_wall * 1e6:6.2f} µs wall, {on_disk:7.1f} bytes"
    )


def _in_new_folder(
    measure: Callable[[_Batches, Path], list[float]], batches: _Batches, parent: Path | None
) -> list[float]:
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        return measure(batches, folder)
    finally:
        shutil.rmtree(folder)


def _bus(batches: _Batches, folder: Path) -> list[float]:
    bus = EmbeddedBus(folder)
    bus.ensure_topics({"raw": TopicSettings(partitions=1)}, {})
    committer = bus.committer(owner="bench")

    def write() -> None:
        for number, batch in enumerate(batches):
            committer.commit({"raw": batch}, Batch(positions={"file": b"%d" % number}))

    def read() -> None:
        offset, end = 0, bus.ends("raw")[0][1]
        while offset < end:
            offset += len(bus.read_blocks("raw", 0, offset, len(batches[0])))

    written, been_read = _seconds(write), _seconds(read)
    bus.close()
    return [*written, *been_read, _size(folder)]


def _rows(batches: _Batches, folder: Path) -> list[float]:
    connection = sqlite3.connect(folder / "rows.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE records (offset INTEGER PRIMARY KEY, time_us INTEGER, headers BLOB, value BLOB)")

    def write() -> None:
        for batch in batches:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO records (time_us, headers, value) VALUES (?, ?, ?)",
                [(record.timestamp_us, b"".join(v for _, v in record.headers), record.value) for record in batch],
            )
            connection.execute("COMMIT")

    def read() -> None:
        cursor = connection.execute("SELECT * FROM records ORDER BY offset")
        while rows := cursor.fetchmany(len(batches[0])):
            [Record(value, timestamp_us=time_us, offset=offset) for offset, time_us, _, value in rows]

    written, been_read = _seconds(write), _seconds(read)
    connection.close()
    return [*written, *been_read, _size(folder)]


def _zstd(batches: _Batches, _: Path) -> list[float]:
    compressor, decompressor = zstandard.ZstdCompressor(level=1), zstandard.ZstdDecompressor()
    joined = [b"".join(record.value for record in batch) for batch in batches]
    frames: list[bytes] = []
    written = _seconds(lambda: frames.extend(compressor.compress(block) for block in joined))
    been_read = _seconds(lambda: [len(decompressor.decompress(frame)) for frame in frames])
    return [*written, *been_read, sum(map(len, frames))]


def _seconds(action: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of CPU and of wall clock that an action took."""
    cpu, wall = process_time(), perf_counter()
    action()
    return process_time() - cpu, perf_counter() - wall


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _lines(file: Path | None, count: int) -> list[bytes]:
    if file is None:
        return _made(count)
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
        return [line.rstrip(b"\r\n") for line in islice(lines, count)]


def _made(count: int) -> list[bytes]:
    dice = random.Random(1)
    programs = [
        f"C:\\Windows\\System32\\{name}.exe" for name in ("cmd", "svchost", "powershell", "net", "whoami", "conhost")
    ]

    def line(number: int) -> bytes:
        program, guid = dice.choice(programs), f"{{{dice.randrange(1 << 64):032X}}}"
        fields = {
            "EventID": 1,
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "Hostname": f"WS-{dice.randrange(50):03}.corp.example",
            "EventTime": f"2026-01-01 {number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}",
            "ProcessGuid": guid,
            "ProcessId": dice.randrange(20_000),
            "Image": program,
            "CommandLine": f"{program} /c {dice.randrange(1 << 30)}",
            "Hashes": f"SHA256={dice.choice(programs).encode().hex():0<64.64}",
            "User": f"CORP\\user{dice.randrange(40)}",
        }
        message = "Process Create:\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return orjson.dumps({**fields, "Message": message * 4})

    return [line(number) for number in range(count)]


def _machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _commit() -> str:
    result = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
