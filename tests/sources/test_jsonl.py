"""Lines of files, as an independent reader sees them."""

import codecs
import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.reading import batch_of, events, lines_by_hand, read_all, sha256, source_of, written

MiB = 1 << 20


def lines_of(path: Path, **settings_: Any) -> list[tuple[int, bytes]]:
    read = read_all(path, **settings_)
    return list(zip(read.lines, read.values, strict=True))


def test_an_empty_line_is_no_record_but_counts_as_a_line(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b'{"a":1}\n\n\r\n{"a":2}\n')
    assert lines_of(path) == [(1, b'{"a":1}'), (4, b'{"a":2}')]


def test_a_line_end_is_lf_or_crlf_and_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b"one\r\ntwo\rtwo\nthree\r\r\n \n\x0b\x0c\xc2\x85\n")
    assert lines_of(path) == [(1, b"one"), (2, b"two\rtwo"), (3, b"three\r"), (4, b" "), (5, b"\x0b\x0c\xc2\x85")]


def test_the_last_line_of_a_complete_file_needs_no_end(tmp_path: Path) -> None:
    assert lines_of(written(tmp_path / "a.jsonl", b"one\ntwo")) == [(1, b"one"), (2, b"two")]


def test_a_byte_order_mark_is_left_out_at_the_start_of_the_file_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", codecs.BOM_UTF8 + b"one\n" + codecs.BOM_UTF8 + b"two\n")
    assert lines_of(path) == [(1, b"one"), (2, codecs.BOM_UTF8 + b"two")]


@pytest.mark.parametrize(
    ("bom", "encoding"),
    [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"), (b"", "utf-16-le")],
)
def test_utf16_as_powershell_writes_it_becomes_utf8(tmp_path: Path, bom: bytes, encoding: str) -> None:
    # U+0A0A U+000A U+0A00: bytes of a line end in places where there is none
    text = '{"a":"ü"}\r\n\r\n{"b":"\u0a0a\u0a0d😀"}\r\n{"c":"\u0a00"}'
    path = written(tmp_path / "a.jsonl", bom + text.encode(encoding))
    assert lines_of(path) == lines_by_hand(text)


def test_a_lone_surrogate_in_utf16_is_replaced(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", codecs.BOM_UTF16_LE + '"\ud800x"\n'.encode("utf-16-le", "surrogatepass"))
    assert lines_of(path) == [(1, '"\ufffdx"'.encode())]


def test_nul_and_invalid_utf8_are_kept_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b'{"a":1}\n\x00\n{"\xff\x00"}\n')
    assert lines_of(path) == [(1, b'{"a":1}'), (2, b"\x00"), (3, b'{"\xff\x00"}')]


_lines = st.lists(st.text(st.sampled_from("a{}\n\r\0\ufeffé\u0a0a😀"), max_size=12), max_size=40)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=_lines.map("\n".join),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
    piece=st.integers(1, 40),
    batch_size=st.integers(1, 7),
)
def test_any_text_gives_the_lines_of_an_independent_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, encoding: str, piece: int, batch_size: int
) -> None:
    monkeypatch.setattr("tocsin.sources.jsonl.PIECE_BYTES", piece)
    path = written(tmp_path / "a.jsonl", ("\ufeff" + text).encode(encoding))
    assert lines_of(path, batch_size=batch_size) == lines_by_hand(text)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("excess", [0, 1, 1000, 3 * MiB])
def test_a_record_above_the_limit_is_a_dead_letter_with_its_length_and_hash(
    tmp_path: Path, end: bytes, excess: int
) -> None:
    large = b'{"a":"' + b"x" * (MiB - 8 + excess) + b'"}'
    path = written(tmp_path / "a.jsonl", b"first\n" + large + end)
    read = read_all(path)
    if not excess:
        assert read.values == [b"first", large]
        return
    assert read.values == [b"first"]
    (dead,) = read.dead
    assert (dead.stage, dead.reason, dead.place) == ("produce", "too_large", f"{path}:2")
    assert (dead.length, dead.sha256, dead.raw) == (len(large), sha256(large), large[: 64 * 1024])


def test_a_long_line_of_utf16_is_measured_as_utf8(tmp_path: Path) -> None:
    large = '{"ä":"' + "é" * (3 * MiB) + '"}'
    path = written(tmp_path / "a.jsonl", f"\ufefffirst\r\n{large}\r\nlast\r\n".encode("utf-16-le"))
    read = read_all(path)
    assert read.values == [b"first", b"last"]
    assert (read.dead[0].length, read.dead[0].sha256) == (len(large.encode()), sha256(large.encode()))


def test_a_line_of_50_mb_is_not_held_in_memory(tmp_path: Path) -> None:
    large = b"y" * (50 * MiB)
    path = written(tmp_path / "a.jsonl", events(5) + large + b"\n" + events(5, start=5))
    tracemalloc.start()
    read = read_all(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(read.values), read.lines[-1]) == (10, 11)
    assert (read.dead[0].length, read.dead[0].sha256) == (len(large), sha256(large))
    assert peak < 24 * MiB


def test_a_batch_ends_at_its_size_in_records_or_bytes(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", events(25, size=1000))
    by_count = source_of(path, batch_size=10)
    by_bytes = source_of(path, batch_bytes=5000)
    assert [len(batch_of(by_count).records) for _ in range(3)] == [10, 10, 5]
    assert len(batch_of(by_bytes).records) == 5


def test_a_file_that_is_one_array_is_a_problem_not_a_thousand_dead_letters(tmp_path: Path) -> None:
    text = json.dumps([{"n": number} for number in range(1000)], indent=1).encode()
    source = source_of(written(tmp_path / "a.json", text))
    assert source.read() is None
    (problem,) = source.report.problems
    assert "JSON array" in problem
    assert "jq -c '.[]'" in problem


def test_a_file_of_objects_over_several_lines_is_a_problem_not_a_thousand_dead_letters(tmp_path: Path) -> None:
    text = "\n".join(json.dumps({"n": number, "of": 1000}, indent=2) for number in range(1000)).encode()
    source = source_of(written(tmp_path / "a.json", text))
    assert source.read() is None
    (problem,) = source.report.problems
    assert "JSON object over several lines" in problem
    assert "`jq -c .`" in problem


@pytest.mark.parametrize("first", [b'{"a":1,', b"{", b'{"a":1,"b'])
def test_a_line_that_is_an_unfinished_object_does_not_make_the_file_one(tmp_path: Path, first: bytes) -> None:
    path = written(tmp_path / "a.json", first + b'\n{"a":1}\n{"a":2}\n')
    assert [value for _, value in lines_of(path)] == [first, b'{"a":1}', b'{"a":2}']


@pytest.mark.parametrize("first", [b"[1,2]", b'[{"a":', b"[" * 10_000 + b"]" * 10_000])
def test_a_line_that_is_an_array_does_not_make_the_file_one(tmp_path: Path, first: bytes) -> None:
    path = written(tmp_path / "a.json", first + b'\n{"a":1}\n{"a":2}\n')
    assert [value for _, value in lines_of(path)] == [first, b'{"a":1}', b'{"a":2}']


def test_the_real_events_come_as_they_lie_in_their_files(shared_data: Path) -> None:
    path = shared_data / "events/otrf/compound/GoldenSAMLADFSMailAccess"
    plain = [line for file in sorted(path.rglob("*.gz")) for line in gzip.decompress(file.read_bytes()).split(b"\n")]
    assert read_all(path, again=True).values == [line for line in plain if line]
