"""Write events as CSV: a series of files a writer, each row one line, no cell a formula."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tocsin.durable import sync
from tocsin.errors import ConfigError
from tocsin.failpoints import failpoint
from tocsin.sinks.cells import safe_cell
from tocsin.sinks.decode import Row, Verdict
from tocsin.sinks.files import make_directory, remove, write_at
from tocsin.sinks.layout import csv_files, csv_name, csv_number

COLUMNS = (
    "v", "event_id", "time", "host", "user", "product", "service", "category", "channel", "provider", "code",
    "activity_tactic", "tactics", "tactic_names", "techniques", "rules", "rule_titles", "level", "basis", "alert_ids",
    "rules_digest", "attack_version", "topic", "partition", "offset",
)  # fmt: skip

_Key = TypeVar("_Key")
_Made = TypeVar("_Made")

_VERSION = 1
_REMEMBERED = 20_000
_HEADER = (",".join(COLUMNS) + "\n").encode()


@dataclass(frozen=True)
class CsvPosition:
    """How far a series is written."""

    file: str
    length: int  # bytes
    rows: int  # in this file, the header apart


class CsvSeries:
    """The CSV files of one writer: appended to, cut back to what is committed, a new one begun at a size."""

    def __init__(self, folder: Path, writer: str, max_bytes: int) -> None:
        self._folder = folder
        self._csv_folder = folder / "csv"
        self._writer = writer
        self._max_bytes = max_bytes

    def cut_back(self, committed: CsvPosition | None) -> None:
        """Remove what lies beyond the committed position. Raises ConfigError when something before it is missing."""
        make_directory(self._csv_folder)
        named = _number(committed)
        for path, _, number in csv_files(self._folder, self._writer):
            if number > named:
                failpoint("store.recover.before_remove")
                remove(path)
                failpoint("store.recover.after_remove")
        sync(self._csv_folder)
        if committed is None:
            return
        path = self.path_of(committed)
        length = path.stat().st_size if path.exists() else 0
        if length < committed.length:
            raise ConfigError(
                f"store: `{path}` has {length} bytes, but {committed.length} were written and committed; something else"
                " changed it. Restore it from a backup, or start with an empty data directory"
            )
        if length > committed.length:
            failpoint("store.recover.before_cut")
            with path.open("r+b") as file:
                file.truncate(committed.length)
            sync(path)
            failpoint("store.recover.after_cut")

    def path_of(self, position: CsvPosition) -> Path:
        return self._csv_folder / position.file

    def append(self, committed: CsvPosition | None, lines: bytes, rows: int) -> CsvPosition:
        """Write lines after the committed position and return the new one; the file is not yet durable."""
        if committed is None or committed.length >= self._max_bytes:
            before = CsvPosition(csv_name(self._writer, _number(committed) + 1), 0, 0)
            lines = _HEADER + lines
        else:
            before = committed
        path = self.path_of(before)
        failpoint("store.csv.before_write")
        write_at(path, before.length, lines)
        failpoint("store.csv.after_write")
        return CsvPosition(before.file, before.length + len(lines), before.rows + rows)


class CsvLines:
    """Renders rows as lines. Cells that repeat, those of a verdict and of host and user, are made once."""

    def __init__(self) -> None:
        self._of_verdict: dict[Verdict, tuple[str, str]] = {}
        self._of_people: dict[tuple[str | None, str | None], str] = {}
        self._of_topic: dict[str, str] = {}

    def render(self, rows: Sequence[Row]) -> bytes:
        """Return the lines of rows whose times fit the store's columns, and so can be no formula."""
        return "".join([self._line(row) for row in rows]).encode()

    def _line(self, row: Row) -> str:
        envelope = row.envelope
        source = envelope.source
        before, after = self._of_verdict.get(row.verdict) or self._verdict(row.verdict)
        people = self._of_people.get((envelope.host, envelope.user)) or self._people(envelope.host, envelope.user)
        topic = self._of_topic.get(source.topic) or self._topic(source.topic)
        alerts = _cells(";".join(envelope.alerts)) if envelope.alerts else ""
        event_id = envelope.event_id if envelope.event_id.isalnum() else _cells(envelope.event_id)
        return (
            f"{_VERSION},{event_id},{envelope.time or ''},{people},{before},{alerts},{after},"
            f"{topic},{source.partition},{source.offset}\n"
        )

    def _verdict(self, verdict: Verdict) -> tuple[str, str]:
        before = _cells(
            verdict.product, verdict.service, ";".join(verdict.categories), verdict.channel, verdict.provider,
            verdict.code, verdict.activity_tactic, ";".join(verdict.tactics), ";".join(verdict.tactic_names),
            ";".join(verdict.techniques), ";".join(verdict.rules), ";".join(verdict.rule_titles), verdict.level,
            verdict.basis,
        )  # fmt: skip
        return _remembered(self._of_verdict, verdict, (before, _cells(verdict.rules_digest, verdict.attack_version)))

    def _people(self, host: str | None, user: str | None) -> str:
        return _remembered(self._of_people, (host, user), _cells(host, user))

    def _topic(self, topic: str) -> str:
        return _remembered(self._of_topic, topic, _cells(topic))


def _number(position: CsvPosition | None) -> int:
    return csv_number(position.file) if position else 0


def _cells(*texts: str | None) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([safe_cell(text or "") for text in texts])
    return line.getvalue()


def _remembered(memory: dict[_Key, _Made], key: _Key, made: _Made) -> _Made:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = made
    return made
