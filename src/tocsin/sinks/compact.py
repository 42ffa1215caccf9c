"""Keep a store small and quick: one turn of compaction and retention."""

from dataclasses import dataclass
from pathlib import Path

from tocsin.locks import FileLock
from tocsin.sinks.layout import utc_date
from tocsin.sinks.manifest import Manifest
from tocsin.sinks.merge import due_groups, merge
from tocsin.sinks.retention import delete_garbage, delete_orphans, expire

FAILPOINTS = (
    "compact.before_write", "compact.during_write", "compact.after_write", "compact.before_fsync",
    "compact.after_fsync", "compact.before_swap", "compact.after_swap", "compact.before_delete",
    "compact.after_delete",
)  # fmt: skip

_COMMITS_KEPT_DAYS = 7  # in the manifest's table of commits; their latencies are kept for good
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class MaintenanceSettings:
    """What is kept, and how files are merged."""

    retention_days: float = 90.0  # since it was stored
    retention_bytes: int = 50 << 30  # of segments and CSV files together
    grace_seconds: float = 60.0  # the longest query: so long a file stays after new readers no longer see it
    merged_min_bytes: int = 128 << 20  # files of this size are left alone
    merged_max_bytes: int = 512 << 20
    merge_files: int = 100  # so many small segments of one date are merged even if they make less than the minimum


@dataclass(frozen=True)
class MaintenanceReport:
    """What one turn did."""

    merged_segments: int = 0
    merged_rows: int = 0
    expired_segments: int = 0
    expired_csv_files: int = 0
    deleted_files: int = 0


class Maintenance:
    """Compaction and retention of one store; one process at a time, others do nothing.

    A kill at any moment is harmless: a merged file counts once the manifest lists it, and an old one is deleted only
    after it is no longer listed.
    """

    def __init__(self, folder: Path, settings: MaintenanceSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._manifest = Manifest(folder)
        self._lock = FileLock(folder / "maintenance.lock")

    def close(self) -> None:
        self._manifest.close()

    def run_once(self, now_us: int) -> MaintenanceReport | None:
        """Do what is due at `now_us`, microseconds since 1970. None when another process is at it.

        Raises ConfigError when a listed file cannot be read, OSError when the disk takes no more: run it again later.
        """
        if not self._lock.try_acquire():
            return None
        try:
            return self._run(now_us)
        finally:
            self._lock.release()

    def _run(self, now_us: int) -> MaintenanceReport:
        settings, manifest = self._settings, self._manifest
        deleted = delete_orphans(self._folder, manifest)
        oldest_us = now_us - int(settings.retention_days * _DAY_US)
        expired = expire(self._folder, manifest, oldest_us, settings.retention_bytes, now_us)
        groups = list(
            due_groups(
                manifest.segments(),
                utc_date(now_us),
                settings.merged_min_bytes,
                settings.merged_max_bytes,
                settings.merge_files,
            )
        )
        for group in groups:
            merge(self._folder, manifest, group, now_us)
        deleted += delete_garbage(self._folder, manifest, now_us - int(settings.grace_seconds * 1e6))
        manifest.forget_commits(now_us - _COMMITS_KEPT_DAYS * _DAY_US)
        return MaintenanceReport(
            merged_segments=sum(len(group) for group in groups),
            merged_rows=sum(segment.rows for group in groups for segment in group),
            expired_segments=expired[0],
            expired_csv_files=expired[1],
            deleted_files=deleted,
        )
