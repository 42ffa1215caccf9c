"""Files and folders: what is read, where a killed source goes on, what is a copy, what is wrong."""

import gzip
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.reading import Read, batch_of, batches, drain, events, numbered, read_all, source_of, written
from tocsin.errors import ConfigError

KiB = 1 << 10
is_root = os.geteuid() == 0


# What is read


def test_a_folder_is_walked_in_order_and_other_files_are_named_as_ignored(tmp_path: Path) -> None:
    written(tmp_path / "b/2.ndjson", b"b2\n")
    written(tmp_path / "b/1.LOG", b"b1\n")
    written(tmp_path / "a.jsonl.gz", gzip.compress(b"a\n"))
    written(tmp_path / "c.json.zst", zstandard.compress(b"c\n"))
    written(tmp_path / "readme.txt", b"no\n")
    source = source_of(tmp_path)
    read = drain(source)
    assert read.values == [b"a", b"b1", b"b2", b"c"]
    assert read.files == [str(tmp_path / name) for name in ("a.jsonl.gz", "b/1.LOG", "b/2.ndjson", "c.json.zst")]
    assert source.report.ignored == [str(tmp_path / "readme.txt")]
    assert (source.report.files, source.report.records, source.report.problems) == (4, 4, [])


def test_a_file_named_by_the_user_is_read_whatever_its_name(tmp_path: Path) -> None:
    assert read_all(written(tmp_path / "app.log.1", b"one\n")).values == [b"one"]


def test_compression_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    assert read_all(written(tmp_path / "a.jsonl", gzip.compress(b"one\n"))).values == [b"one"]
    assert read_all(written(tmp_path / "b.jsonl.gz", b"two\n")).values == [b"two"]


def test_gzip_members_and_zstd_frames_follow_one_another(tmp_path: Path) -> None:
    gz = written(tmp_path / "a.log.gz", gzip.compress(b"on") + gzip.compress(b"e\ntwo\n") + b"\0" * 20)
    zst = written(tmp_path / "b.log.zst", zstandard.compress(b"thr") + zstandard.compress(b"ee\n"))
    assert read_all(gz, zst).values == [b"one", b"two", b"three"]


def test_a_folder_that_leads_back_to_itself_is_walked_once(tmp_path: Path) -> None:
    written(tmp_path / "in/a.jsonl", b"one\n")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    source = source_of(tmp_path)
    assert drain(source).values == [b"one"]
    assert "already walked" in source.report.problems[0]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b"one\n")
    assert read_all(path, tmp_path, path).values == [b"one"]


def test_a_name_that_is_no_utf8_is_written_with_escapes(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.jsonl")
    written(path, b"one\n")
    read = read_all(tmp_path, positions={})
    assert read.files == [str(tmp_path) + "/\\xff.jsonl"]


def test_progress_ends_at_the_size_of_all_files(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", events(3000))
    written(tmp_path / "b.jsonl.gz", gzip.compress(events(3000, start=3000)))
    source = source_of(tmp_path)
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert source.progress() == (0, total)
    source.read()
    assert 0 < source.progress()[0] < total
    drain(source)
    assert source.progress() == (total, total)


# What is wrong


def test_a_path_that_is_not_there_refuses_to_start_and_names_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        source_of(tmp_path / "a", tmp_path / "b")
    assert len(refusal.value.problems) == 2


def test_an_empty_and_a_vanished_file_are_problems_and_the_rest_goes_on(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", b"")
    vanishing = written(tmp_path / "b.jsonl", b"two\n")
    written(tmp_path / "c.jsonl", b"three\n")
    source = source_of(tmp_path)
    vanishing.unlink()
    assert drain(source).values == [b"three"]
    assert [problem.split(": ")[1].split(";")[0] for problem in source.report.problems] == ["is empty", "has vanished"]


@pytest.mark.skipif(is_root, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", b"one\n").chmod(0)
    written(tmp_path / "b.jsonl", b"two\n")
    source = source_of(tmp_path)
    assert drain(source).values == [b"two"]
    assert "may not be read" in source.report.problems[0]


def test_a_truncated_gzip_gives_the_records_before_its_end_and_the_rest_once_it_is_whole(tmp_path: Path) -> None:
    whole = gzip.compress(events(5000))
    path = written(tmp_path / "a.jsonl.gz", whole[: len(whole) // 2])
    written(tmp_path / "b.jsonl", b"next\n")
    source = source_of(tmp_path, positions={})
    read = drain(source)
    before = numbered(read.values[:-1])
    assert before == list(range(len(before)))
    assert 1000 < len(before) < 4000
    assert read.values[-1] == b"next"
    assert f"ends too early, at byte {len(whole) // 2}" in source.report.problems[0]
    path.write_bytes(whole)
    rest = read_all(tmp_path, positions=read.positions)
    assert before + numbered(rest.values) == list(range(5000))


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_damage_amid_compressed_bytes_is_reported_with_its_place(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    damaged = bytearray(compress(os.urandom(3000).hex().encode() + b"\n" + events(20_000)))
    middle = len(damaged) - 500
    damaged[middle : middle + 300] = b"\xff" * 300
    path = written(tmp_path / "a.jsonl", bytes(damaged))
    source = source_of(path)
    assert len(drain(source).values) < 20_001
    assert re.search("is damaged near byte|ends too early, at byte", source.report.problems[0])


def test_what_follows_a_gzip_member_and_is_none_is_reported(tmp_path: Path) -> None:
    source = source_of(written(tmp_path / "a.jsonl.gz", gzip.compress(b"one\n") + b"garbage"))
    assert drain(source).values == [b"one"]
    assert "is damaged near byte" in source.report.problems[0]


def test_a_zip_bomb_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.zst", zstandard.compress(b"\0" * (64 << 20)))
    (dead,) = read_all(path).dead
    assert (dead.reason, dead.length) == ("too_large", 64 << 20)


# Going on after a kill


def folder_of_all_kinds(folder: Path) -> Path:
    written(folder / "a.jsonl", events(700, size=200))
    written(folder / "b.jsonl.gz", gzip.compress(events(300, start=700, size=3000)))
    utf16 = ("\ufeff" + events(200, start=1000).decode()).encode("utf-16-le")
    written(folder / "c.json.zst", zstandard.compress(utf16))
    written(folder / "d.log", events(100, start=1200) + b"x" * (3 << 20) + b"\n" + events(3, start=1300))
    return folder


def read_with_kills(folder: Path, batches_until_kill: list[int], **settings_: Any) -> Read:
    """Read with a new process, so to say, after so many batches; each batch read is committed."""
    read = Read()
    for count in [*batches_until_kill, 10**9]:
        source = source_of(folder, positions=dict(read.positions), **settings_)
        for _, batch in zip(range(count), batches(source), strict=False):
            read.add(batch)
        source.close()
    return read


def test_a_source_killed_after_any_batch_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = folder_of_all_kinds(tmp_path)
    once = read_with_kills(folder, [], batch_size=100)
    assert numbered(once.values) == list(range(1303))
    killed = read_with_kills(folder, [1] * 25, batch_size=100)
    assert (killed.values, killed.lines, killed.ids, killed.dead) == (once.values, once.lines, once.ids, once.dead)
    assert len(set(killed.ids)) == 1303


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kills=st.lists(st.integers(0, 5), max_size=6),
    batch_size=st.integers(20, 400),
    batch_bytes=st.integers(5000, 200_000),
    piece=st.integers(5000, 300_000),
)
def test_kills_at_any_time_with_any_sizes_change_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    kills: list[int],
    batch_size: int,
    batch_bytes: int,
    piece: int,
) -> None:
    monkeypatch.setattr("tocsin.sources.jsonl.PIECE_BYTES", piece)
    folder = folder_of_all_kinds(tmp_path_factory.mktemp("kills"))
    read = read_with_kills(folder, kills, batch_size=batch_size, batch_bytes=batch_bytes)
    assert numbered(read.values) == list(range(1303))
    assert len(read.dead) == 1
    assert len(set(read.ids)) == 1303


def test_what_a_run_has_finished_the_next_one_does_not_read(tmp_path: Path) -> None:
    first = read_all(folder_of_all_kinds(tmp_path), positions={})
    source = source_of(tmp_path, positions=first.positions)
    assert source.read() is None
    assert len(source.report.already_read) == 4


def test_a_file_that_has_grown_is_read_from_where_it_ended(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", events(10))
    first = read_all(path, positions={})
    written(path, events(15))
    again = read_all(path, positions=first.positions)
    assert numbered(again.values) == [10, 11, 12, 13, 14]
    assert again.lines == [11, 12, 13, 14, 15]


def test_a_file_replaced_by_another_is_read_from_its_start(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", events(1000))
    first = read_all(path, positions={})
    other = written(tmp_path / "other", events(2000, start=5000))
    other.rename(path)
    assert numbered(read_all(path, positions=first.positions).values) == list(range(5000, 7000))


def test_a_file_with_the_same_beginning_that_was_rewritten_after_it_is_read_anew_under_new_ids(tmp_path: Path) -> None:
    head = events(2000)
    path = written(tmp_path / "a.jsonl", head + events(500, start=2000))
    first = read_all(path, positions={})
    written(tmp_path / "other", head + events(900, start=7000)).rename(path)
    second = read_all(path, positions=first.positions)
    assert len(second.values) == 2900
    assert not set(first.ids) & set(second.ids)


def test_a_file_that_was_moved_goes_on_under_its_new_name(tmp_path: Path) -> None:
    path = written(tmp_path / "in/a.jsonl", events(500))
    source = source_of(tmp_path / "in", positions={}, batch_size=100)
    read = Read()
    read.add(batch_of(source))
    path.rename(tmp_path / "in/b.jsonl")
    rest = read_all(tmp_path / "in", positions=read.positions)
    assert numbered(read.values + rest.values) == list(range(500))
    assert len({*read.ids, *rest.ids}) == 500


def test_a_position_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", events(10))
    positions = read_all(path, positions={}).positions
    newer = {name: position.replace(b'"v":1', b'"v":9') for name, position in positions.items()}
    with pytest.raises(ConfigError, match="version 9"):
        source_of(path, positions=newer)


# Identity


def test_without_kept_positions_event_ids_are_the_same_in_every_run(tmp_path: Path) -> None:
    folder = folder_of_all_kinds(tmp_path)
    written(tmp_path / "tiny.jsonl", b"one\n")
    assert read_all(folder).ids == read_all(folder).ids


def test_a_compressed_file_gives_the_ids_of_the_plain_one(tmp_path: Path) -> None:
    plain = written(tmp_path / "a.jsonl", events(1000))
    packed = written(tmp_path / "b.jsonl.gz", gzip.compress(events(1000)))
    assert read_all(plain).ids == read_all(packed).ids


def test_equal_lines_of_one_file_have_different_ids(tmp_path: Path) -> None:
    assert len(set(read_all(written(tmp_path / "a.jsonl", b"same\n" * 50)).ids)) == 50


def test_tiny_files_that_begin_alike_have_different_ids(tmp_path: Path) -> None:
    for name in "abc":
        written(tmp_path / f"{name}.jsonl", b"same\n" + name.encode() + b"\n")
    assert len(set(read_all(tmp_path, positions={}).ids)) == 6


# Copies


@pytest.mark.parametrize("content", [b"one\n", events(10), events(5000)])
def test_a_copy_is_skipped_and_counted_whether_compressed_or_not(tmp_path: Path, content: bytes) -> None:
    written(tmp_path / "a.jsonl", content)
    written(tmp_path / "b.jsonl.gz", gzip.compress(content))
    written(tmp_path / "c.jsonl", content)
    written(tmp_path / "d.jsonl", content + b"more\n")
    source = source_of(tmp_path, positions={})
    read = drain(source, {})
    lines = content.count(b"\n")
    assert len(read.values) == lines + lines + 1
    original = str(tmp_path / "a.jsonl")
    copies = [(str(tmp_path / "b.jsonl.gz"), original), (str(tmp_path / "c.jsonl"), original)]
    assert source.report.copies == copies
    later = source_of(tmp_path, positions=read.positions)
    assert (later.read(), later.report.copies) == (None, copies)


def test_files_with_the_same_first_64_kb_are_read_both_under_different_ids(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", events(2000) + b"a\n")
    written(tmp_path / "b.jsonl", events(2000) + b"b\n")
    assert len(set(read_all(tmp_path).ids)) == 4002


def test_a_copy_made_after_the_original_was_read_and_lost_is_still_known(tmp_path: Path) -> None:
    path = written(tmp_path / "in/a.jsonl", events(3000))
    first = read_all(tmp_path / "in", positions={})
    shutil.copy(path, tmp_path / "in/b.jsonl")
    path.unlink()
    assert read_all(tmp_path / "in", positions=first.positions).values == []


def test_again_reads_copies_and_what_was_read_before_once_per_run(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", events(300))
    written(tmp_path / "b.jsonl", events(300))
    first = read_all(tmp_path, positions={})
    assert len(first.values) == 300
    second = read_all(tmp_path, positions=first.positions, again=True)
    third = read_all(tmp_path, positions=second.positions, again=True)
    assert (len(second.values), len(third.values)) == (600, 600)
    assert read_all(tmp_path, positions=third.positions).values == []


def test_a_killed_run_of_again_goes_on_and_does_not_begin_again(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", events(300))
    written(tmp_path / "b.jsonl", events(300, start=300))
    positions = read_all(tmp_path, positions={}).positions
    read = Read(positions=positions)
    for count in (2, 3, 100):
        source = source_of(tmp_path, positions=dict(read.positions), again=True, batch_size=100)
        for _, batch in zip(range(count), batches(source), strict=False):
            read.add(batch)
    assert numbered(read.values) == list(range(600))
