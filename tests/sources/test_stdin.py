"""Standard input."""

import gzip
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.reading import batch_of, drain, events, numbered, source_of, written


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.FileIO]:
    """The writing end of a pipe that is this process's standard input."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, io.FileIO(writing, "w") as end:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield end


def test_lines_come_when_they_are_there_and_the_last_needs_no_end(pipe: io.FileIO) -> None:
    source = source_of("-")
    assert batch_of(source).is_tick
    pipe.write(b'{"a":1}\n{"a"')
    first = batch_of(source)
    assert [record.value for record in first.records] == [b'{"a":1}']
    assert (first.file, first.lines) == ("-", [1])
    assert batch_of(source).is_tick
    pipe.write(b":2}")
    pipe.close()
    assert drain(source).values == [b'{"a":2}']


def test_compressed_input_is_unpacked(pipe: io.FileIO) -> None:
    pipe.write(gzip.compress(events(100)))
    pipe.close()
    assert numbered(drain(source_of("-")).values) == list(range(100))


def test_standard_input_is_followed_beside_files(pipe: io.FileIO, tmp_path: Path) -> None:
    source = source_of("-", written(tmp_path / "a.log", b"file\n"), follow=True)
    pipe.write(b"piped\n")
    values = {record.value for _ in range(20) for record in batch_of(source).records}
    assert values == {b"file", b"piped"}


def test_without_kept_positions_ids_are_the_same_in_every_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = written(tmp_path / "a", events(10))
    ids = []
    for _ in range(2):
        with path.open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            ids.append(drain(source_of("-")).ids)
    assert ids[0] == ids[1]
