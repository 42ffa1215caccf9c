"""Files are shared so that the parts together are the files, each line whole."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tests.sources.reading import Read, read_all, source_of, written
from tests.windows_events import flat_lines
from tocsin.sources.portion import Limits
from tocsin.sources.portions import batches_of_portion
from tocsin.sources.report import FilesReport
from tocsin.sources.shares import Part, shares_of

_PORTION_BYTES = 10_000


def parts_of(*paths: Path) -> list[list[Part]]:
    return [share.parts for share in shares_of(source_of(*paths).files(), _PORTION_BYTES)]


def read_portions(parts: Sequence[Part]) -> Read:
    read = Read()
    for part in parts:
        for batch in batches_of_portion(part.found, part.begin, part.end, Limits(), FilesReport(), lambda: 0):
            read.add(batch)
    return read


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_a_large_file_of_lines_is_cut_where_a_line_begins(tmp_path: Path, end: bytes) -> None:
    lines = flat_lines(300)
    path = written(tmp_path / "a.jsonl", b"\n".join(lines) + end)
    shares = parts_of(path)
    assert len(shares) > 5
    assert [len(parts) for parts in shares] == [1] * len(shares)
    parts = [share[0] for share in shares]
    assert all(one.end == other.begin for one, other in pairwise(parts))
    assert sum(part.size for part in parts) == path.stat().st_size
    assert all(path.read_bytes()[part.begin - 1 : part.begin] in (b"\n", b"") for part in parts)
    assert read_portions(parts).values == lines


def test_a_line_longer_than_a_portion_is_in_one(tmp_path: Path) -> None:
    lines = [*flat_lines(50), b"[" + b" " * 5 * _PORTION_BYTES + b"]", *flat_lines(50, seed=2)]
    parts = [share[0] for share in parts_of(written(tmp_path / "a.jsonl", b"\n".join(lines)))]
    assert len(parts) > 2
    assert read_portions(parts).values == lines


def test_files_that_begin_alike_are_one_share_in_their_order_and_not_cut(tmp_path: Path) -> None:
    content = b"\n".join(flat_lines(300))
    for name in ("a", "c"):
        written(tmp_path / f"{name}.jsonl", content)
    written(tmp_path / "b.jsonl", b"\n".join(flat_lines(3, seed=2)))
    shares = parts_of(tmp_path)
    assert [[Path(part.name).name for part in parts] for parts in shares] == [["a.jsonl", "c.jsonl"], ["b.jsonl"]]


def test_a_byte_order_mark_is_no_part_of_the_first_line_of_a_portion(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b"\n".join(flat_lines(300)).decode().encode("utf-8-sig"))
    portions, whole = read_portions([share[0] for share in parts_of(path)]), read_all(path)
    assert portions.values == whole.values == flat_lines(300)
    assert portions.ids == whole.ids


def test_a_file_of_utf_16_is_not_cut(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b"\n".join(flat_lines(300)).decode().encode("utf-16"))
    ((part,),) = parts_of(path)
    assert not part.is_portion
