"""Remove what is too old or too much, and delete files that nobody reads any more."""

from pathlib import Path

from tocsin.durable import sync
from tocsin.failpoints import failpoint
from tocsin.sinks.files import remove
from tocsin.sinks.layout import csv_files, csv_number, segment_files
from tocsin.sinks.manifest import Manifest, unlist


def expire(folder: Path, manifest: Manifest, oldest_us: int, max_bytes: int, now_us: int) -> tuple[int, int]:
    """Hide segments and delete CSV files last written before `oldest_us`, then the oldest until `max_bytes` are left.

    Counts by when rows were stored, which no sender can claim. Returns (segments, CSV files).
    """
    segments = {folder / segment.path: segment for segment in manifest.segments()}
    stored = [(segment.written_us, segment.bytes, path) for path, segment in segments.items()]
    stored += _finished_csv_files(folder, manifest)
    total = sum(size for _, size, _ in stored)
    expired = []
    for written_us, size, path in sorted(stored):
        if written_us >= oldest_us and total <= max_bytes:
            break
        expired.append(path)
        total -= size
    paths = [segments[path].path for path in expired if path in segments]
    if paths:
        with manifest.edit() as connection:
            unlist(connection, paths, now_us)
    for path in expired:
        if path not in segments:
            _delete(path)
    return len(paths), len(expired) - len(paths)


def delete_garbage(folder: Path, manifest: Manifest, unlisted_before_us: int) -> int:
    """Delete files that readers have not seen since then; return how many."""
    paths = [path for path, unlisted_us in manifest.garbage() if unlisted_us <= unlisted_before_us]
    for path in paths:
        _delete(folder / path)
    for touched in {(folder / path).parent for path in paths}:
        if touched.is_dir():
            sync(touched)  # a file that comes back after a loss of power is known to nobody, once it is forgotten here
    if paths:
        with manifest.edit() as connection:
            connection.executemany("DELETE FROM garbage WHERE path = ?", [(path,) for path in paths])
    return len(paths)


def delete_orphans(folder: Path, manifest: Manifest) -> int:
    """Delete merged files that a killed compaction did not come to list; return how many."""
    known = {segment.path for segment in manifest.segments()} | {path for path, _ in manifest.garbage()}
    merged = [path for path, _ in segment_files(folder, r"merged\..*\.parquet")]
    orphans = [path for path in merged if str(path.relative_to(folder)) not in known]
    for path in orphans:
        _delete(path)
    return len(orphans)


def _finished_csv_files(folder: Path, manifest: Manifest) -> list[tuple[int, int, Path]]:
    """Return (last written, bytes, path) of the CSV files to which nothing will be added."""
    in_use = {writer: csv_number(name) for writer, name in manifest.csv_files_in_use().items()}
    finished = [path for path, writer, number in csv_files(folder) if number < in_use.get(writer, 0)]
    return [(stat.st_mtime_ns // 1000, stat.st_size, path) for path in finished for stat in [path.stat()]]


def _delete(path: Path) -> None:
    failpoint("compact.before_delete")
    remove(path)
    failpoint("compact.after_delete")
