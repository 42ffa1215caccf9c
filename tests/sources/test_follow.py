"""Files that grow, are rotated and cut while they are followed."""

import gzip
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.sources.reading import Read, batch_of, events, numbered, source_of, written
from tocsin.sources.files import FilesSource


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.sources.follow._LOOK_SECONDS", 0.01)
    monkeypatch.setattr("tocsin.sources.follow._IDLE_SECONDS", 0.002)
    monkeypatch.setattr("tocsin.sources.follow._QUIET_SECONDS", 0.1)


class Followed:
    """A source in follow mode, and all that it gave."""

    def __init__(self, *paths: Path, positions: Mapping[str, bytes] | None = None, read: Read | None = None) -> None:
        self.read = read or Read()
        self.source: FilesSource = source_of(*paths, positions=dict(positions or self.read.positions), follow=True)

    def until(self, is_done: Callable[[Read], bool]) -> Read:
        """Read until something has come, then a little longer, in case more does."""
        give_up = time.monotonic() + 5
        while not is_done(self.read):
            assert time.monotonic() < give_up, f"only {self.read.values[-5:]} came; {self.source.report.problems}"
            self.read.add(batch_of(self.source))
        for _ in range(20):
            self.read.add(batch_of(self.source))
        return self.read

    def values(self, count: int) -> list[bytes]:
        return self.until(lambda read: len(read.values) >= count).values


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def test_the_last_line_waits_for_its_end(tmp_path: Path) -> None:
    path = written(tmp_path / "a.log", b"one\ntw")
    followed = Followed(path)
    assert followed.values(1) == [b"one"]
    append(path, b"o\nth")
    assert followed.values(2) == [b"one", b"two"]
    append(path, b"ree\n")
    assert followed.values(3) == [b"one", b"two", b"three"]
    assert followed.read.lines == [1, 2, 3]


def test_an_idle_source_gives_ticks(tmp_path: Path) -> None:
    followed = Followed(written(tmp_path / "a.log", b""))
    assert all(batch_of(followed.source).is_tick for _ in range(5))


def test_new_files_of_a_folder_are_read_and_all_take_turns(tmp_path: Path) -> None:
    written(tmp_path / "a.log", events(3000))
    followed = Followed(tmp_path)
    written(tmp_path / "in/b.log", events(3000, start=3000))
    written(tmp_path / "c.log.gz", gzip.compress(b"packed\n"))
    values = followed.values(6001)
    assert len(set(values)) == 6001
    files = followed.read.files
    assert files.index(str(tmp_path / "c.log.gz")) < 6000


def test_a_file_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "a.log")
    assert batch_of(followed.source).is_tick
    written(tmp_path / "a.log", b"one\n")
    assert followed.values(1) == [b"one"]


def test_a_copy_is_never_skipped(tmp_path: Path) -> None:
    written(tmp_path / "a.log", events(10))
    written(tmp_path / "b.log", events(10))
    assert len(Followed(tmp_path).values(20)) == 20


def test_rotation_by_renaming_finishes_the_old_file_and_begins_the_new(tmp_path: Path) -> None:
    path = written(tmp_path / "app.log", events(100) + b"unfini")
    followed = Followed(path)
    assert len(followed.values(100)) == 100
    old = path.rename(tmp_path / "app.log.1")
    written(path, events(10, start=200))
    append(old, b"shed\n")  # the writer has not noticed yet
    append(old, b"last without end")
    values = followed.values(112)
    assert b"unfinished" in values
    assert values.index(b"last without end") > values.index(b"unfinished")
    assert len(set(values)) == len(set(followed.read.ids)) == 112


def test_rotation_within_a_folder_repeats_nothing_now_and_after_a_kill(tmp_path: Path) -> None:
    path = written(tmp_path / "app.log", events(100))
    followed = Followed(tmp_path)
    followed.values(100)
    path.rename(tmp_path / "app-1.log")
    written(path, events(50, start=100))
    followed.values(150)
    append(tmp_path / "app-1.log", events(1, start=900))
    followed.values(151)
    after = Followed(tmp_path, read=followed.read)
    append(path, events(50, start=150))
    assert sorted(numbered(after.values(201))) == [*range(200), 900]


def test_what_was_rotated_while_nobody_looked_is_read_to_its_end(tmp_path: Path) -> None:
    path = written(tmp_path / "app.log", events(100))
    read = Followed(path).until(lambda read: len(read.values) >= 100)
    append(path, events(20, start=100))
    path.rename(tmp_path / "app.log.1")
    written(path, events(30, start=120))
    values = Followed(path, read=read).values(150)
    assert sorted(numbered(values)) == list(range(150))


def test_a_rotated_file_that_is_packed_later_is_not_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "app.log", events(100))
    followed = Followed(tmp_path)
    followed.values(100)
    path.unlink()
    written(tmp_path / "app-1.log.gz", gzip.compress(events(100)))
    written(path, events(10, start=100))
    assert numbered(followed.values(110)) == list(range(110))


def test_a_file_that_was_cut_is_a_new_one_and_is_reported(tmp_path: Path) -> None:
    path = written(tmp_path / "app.log", events(100))
    followed = Followed(path)
    followed.values(100)
    path.write_bytes(b"")
    followed.until(lambda read: bool(followed.source.report.problems))
    append(path, events(100))
    values = followed.values(200)
    assert numbered(values) == [*range(100), *range(100)]
    assert len(set(followed.read.ids)) == 200
    assert "was cut or rewritten" in followed.source.report.problems[0]


def test_a_file_cut_and_filled_beyond_the_position_is_noticed_too(tmp_path: Path) -> None:
    path = written(tmp_path / "app.log", events(100))
    followed = Followed(path)
    followed.values(100)
    path.write_bytes(events(300, start=1000))
    assert numbered(followed.values(400))[100:] == list(range(1000, 1300))


def test_a_killed_follower_goes_on_and_repeats_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "a.log", b"")
    read = Read()
    for start in range(0, 50, 10):
        append(path, events(10, start=start))
        Followed(tmp_path, read=read).values(start + 10)
    assert numbered(read.values) == list(range(50))
    assert len(set(read.ids)) == 50
