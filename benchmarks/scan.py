"""Measure the whole command: `tocsin scan`, files in, detections out, its start taken off.

    python benchmarks/scan.py [--events FOLDER] [--rules FOLDER...] [--limit N]

The flat and EVTX-as-JSON Windows events of FOLDER (`manifest.json` there names its files), unpacked, in files of 64 MB.
With one process CPU time beside `orjson.loads` of the same lines, before and after; then wall time with one and two.
The start is that of a scan of one event, rules and automata being kept on disk.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from subprocess import DEVNULL, run
from time import perf_counter, process_time

import orjson
from match import commit, events_of, machine, parsed_by, parser_of

_FILE_BYTES = 64 << 20


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--limit", type=int, default=300_000, help="at most so many events, the first ones")
    arguments = parsed_by(parser)
    lines = events_of(arguments.events)[: arguments.limit]
    print(f"machine: {machine()}; commit: {commit()}; {len(lines)} events of {sum(map(len, lines)) >> 20} MB")
    with tempfile.TemporaryDirectory() as folder:
        logs, one = Path(folder, "logs"), Path(folder, "one.jsonl")
        logs.mkdir()
        for number, content in enumerate(_files(lines)):
            (logs / f"{number:03}.jsonl").write_bytes(content)
        one.write_bytes(lines[0])
        _scan(one, arguments.rules, 1)  # what can be kept on disk is kept now
        _report(lines, one, logs, arguments.rules)


def _report(lines: Sequence[bytes], one: Path, logs: Path, rules: Sequence[Path]) -> None:
    start_cpu, start_wall = min(_scan(one, rules, 1) for _ in range(3))
    before = _parse_seconds(lines)
    cpu, wall = _scan(logs, rules, 1)
    parse = (before + _parse_seconds(lines)) / 2
    _, wall_of_two = _scan(logs, rules, 2)
    spent = cpu - start_cpu
    print(f"start: {start_wall:.2f} s wall, {start_cpu:.2f} s CPU")
    print(
        f"one process: {spent / parse:.2f} x orjson.loads ({1e6 * parse / len(lines):.2f} µs an event):"
        f" {1e6 * spent / len(lines):.2f} µs of CPU an event; {len(lines) / (wall - start_wall):,.0f}/s by the clock"
    )
    gain = (wall - start_wall) / (wall_of_two - start_wall)
    print(f"two processes: {len(lines) / (wall_of_two - start_wall):,.0f}/s by the clock, {gain:.2f} x one")


def _files(lines: Sequence[bytes]) -> Iterator[bytes]:
    content, size = [], 0
    for line in lines:
        content.append(line)
        size += len(line) + 1
        if size >= _FILE_BYTES:
            yield b"\n".join(content) + b"\n"
            content, size = [], 0
    yield b"\n".join(content)


def _scan(path: Path, rules: Sequence[Path], workers: int) -> tuple[float, float]:
    """Return seconds of CPU, and by the clock."""
    command = [sys.executable, "-m", "tocsin", "scan", str(path), "--format", "jsonl", "--workers", str(workers)]
    command += ["--rules", *map(str, rules)] if rules else []
    before, started = getrusage(RUSAGE_CHILDREN), perf_counter()
    run(command, stdout=DEVNULL, stderr=DEVNULL, check=True)
    wall, after = perf_counter() - started, getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def _parse_seconds(lines: Sequence[bytes]) -> float:
    started = process_time()
    for line in lines:
        orjson.loads(line)
    return process_time() - started


if __name__ == "__main__":
    main()
