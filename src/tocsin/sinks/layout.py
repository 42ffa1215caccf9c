"""Where things lie in a store folder."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from tocsin.durable import sync, sync_names
from tocsin.errors import ConfigError
from tocsin.sinks.files import make_directory

VERSION = 1
EVENTS = "events"
DEAD_LETTERS = "dead_letters"
KINDS = (EVENTS, DEAD_LETTERS)

_WRITER = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_writer_name(name: str) -> None:
    """Raises ConfigError for a name that could be mistaken in a file name."""
    if not _WRITER.fullmatch(name):
        raise ConfigError(f"store: `{name}` cannot name a writer; use letters, digits, `_` and `-`, at most 64")


def segment_path(kind: str, date: str, writer: str, seq: int) -> str:
    """Return where a segment lies in the store folder."""
    return f"segments/{kind}/date={date}/{writer}-{seq:012d}.parquet"


def merged_path(kind: str, date: str, name: str) -> str:
    """Return where a file made of several segments lies; the dot keeps it apart from every writer's."""
    return f"segments/{kind}/date={date}/merged.{name}.parquet"


def segment_files(folder: Path, pattern: str) -> list[tuple[Path, re.Match[str]]]:
    """Return the segment files whose names match the pattern as a whole."""
    name = re.compile(pattern)
    paths = sorted((folder / "segments").glob("*/date=*/*.parquet"))
    return [(path, match) for path in paths if (match := name.fullmatch(path.name))]


def csv_name(writer: str, number: int) -> str:
    return f"events.v1.{writer}.{number:06d}.csv"


def csv_number(name: str) -> int:
    return int(name.split(".")[-2])


def csv_files(folder: Path, writer: str | None = None) -> list[tuple[Path, str, int]]:
    """Return the CSV files with writer and number, of all writers or of one."""
    pattern = re.compile(r"events\.v1\.([A-Za-z0-9_-]+)\.(\d+)\.csv")
    found = [(path, pattern.fullmatch(path.name)) for path in sorted((folder / "csv").glob("events.v1.*.csv"))]
    return [
        (path, match[1], int(match[2])) for path, match in found if match and (writer is None or match[1] == writer)
    ]


def writers_of(folder: Path) -> set[str]:
    """Return the names of all writers that have a file here, merged ones apart."""
    segments = segment_files(folder, r"([A-Za-z0-9_-]+)-\d{12}\.parquet")
    return {match[1] for _, match in segments} | {writer for _, writer, _ in csv_files(folder)}


def utc_date(time_us: int) -> str:
    """Return e.g. `2026-01-12` for microseconds since 1970."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%d")


def check_version(folder: Path) -> bool:
    """Return whether the folder is a store already. Raises ConfigError for a newer one, or one that is damaged."""
    path = folder / "VERSION"
    if not path.exists():
        return False
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if not text.isdecimal():
        raise ConfigError(f"store: `{path}` holds `{text[:40]}`, not a version; restore the folder from a backup")
    if int(text) > VERSION:
        raise ConfigError(
            f"store: `{folder}` was written by a newer Tocsin (format {text}, this one knows {VERSION});"
            " use that version, or another data directory"
        )
    if not (folder / "manifest.sqlite").exists():
        raise ConfigError(
            f"store: `{folder}/manifest.sqlite` is missing, so nobody knows which files count;"
            " restore it from a backup, or start with an empty data directory"
        )
    return True


def write_version(folder: Path) -> None:
    """Mark the folder as a store of this version."""
    new = folder / f".VERSION.{os.getpid()}"
    make_directory(folder)
    new.write_text(f"{VERSION}\n", encoding="ascii")
    sync(new)
    new.replace(folder / "VERSION")
    sync_names(folder)
