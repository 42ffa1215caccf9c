"""What the tests of file sources share: read everything, and say what came."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tocsin.dead_letter import DeadLetter, read_dead_letter
from tocsin.event import DEAD_LETTERS, id_of_file_record
from tocsin.flow import Batch
from tocsin.sources.files import FilesSettings, FilesSource

opened: list[FilesSource] = []  # closed after each test


def source_of(*paths: Path | str, positions: Mapping[str, bytes] | None = None, **settings: Any) -> FilesSource:
    opened.append(FilesSource(FilesSettings(paths, **settings), positions, lambda: 1_700_000_000_000_000))
    return opened[-1]


@dataclass
class Read:
    """All that came out of a source."""

    values: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    positions: dict[str, bytes] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        assert len(batch.lines) == len(batch.records)
        self.values += [record.value for record in batch.records]
        self.lines += batch.lines
        self.ids += [id_of_file_record(record).hex() for record in batch.records]
        self.files += [batch.file] * len(batch.records)
        self.dead += [read_dead_letter(record) for record in batch.aside.get(DEAD_LETTERS, ())]
        self.positions.update(batch.positions)


def read_all(*paths: Path | str, positions: Mapping[str, bytes] | None = None, **settings: Any) -> Read:
    return drain(source_of(*paths, positions=positions, **settings), positions)


def drain(source: FilesSource, positions: Mapping[str, bytes] | None = None) -> Read:
    """Read a source to its end."""
    read = Read(positions=dict(positions or {}))
    for batch in batches(source):
        read.add(batch)
    source.close()
    return read


def batch_of(source: FilesSource) -> Batch:
    """Return the next batch, or tick, of a source that has not ended."""
    batch = source.read()
    assert batch is not None
    return batch


def batches(source: FilesSource) -> Iterator[Batch]:
    while (batch := source.read()) is not None:
        if not batch.is_tick:
            yield batch


def lines_by_hand(text: str) -> list[tuple[int, bytes]]:
    """An independent reader: numbered lines of a text, without their ends, the empty ones left out."""
    numbered = enumerate(text.split("\n"), 1)
    stripped = ((number, line[:-1] if line.endswith("\r") else line) for number, line in numbered)
    return [(number, line.encode()) for number, line in stripped if line]


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def events(count: int, start: int = 0, size: int = 60) -> bytes:
    """Lines of JSON, each different."""
    return b"".join(b'{"n":%d,"pad":"%s"}\n' % (number, b"x" * size) for number in range(start, start + count))


def numbered(values: Sequence[bytes]) -> list[int]:
    """The numbers of the events that `events` made."""
    return [int(value.split(b":")[1].split(b",")[0]) for value in values]
