"""Recordings played again: distances, times moved to now, ids of their own, where a stopped replay goes on."""

import json
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tocsin.errors import ConfigError
from tocsin.event import DEAD_LETTERS, Record, Stamp
from tocsin.sources.replay import ReplaySettings, ReplaySource
from tocsin.sources.shifted import shifted

START_US = 1_800_000_000_000_000  # 2027-01-15T08:00:00Z
RECORDED_US = 1_550_080_901_593_830  # 2019-02-13T18:01:41.593830Z
SECOND = 1_000_000


class Clock:
    """A clock that goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.now_us = START_US

    def __call__(self) -> int:
        return self.now_us

    def sleep(self, seconds: float) -> None:
        self.now_us += round(seconds * 1e6)


def time_of(raw: bytes) -> int | None:
    seconds = json.loads(raw).get("t")
    return None if seconds is None else round(seconds * SECOND)


def recording(file: Path, *times: float | None) -> Path:
    file.write_text("".join(json.dumps({"t": when, "n": n}) + "\n" for n, when in enumerate(times)))
    return file


def played(
    *paths: Path, positions: dict[str, bytes] | None = None, at_most: int | None = None, **settings: float
) -> list[tuple[float, Record]]:
    """Play until the end, or so many records; return each with the seconds after which it came."""
    clock = Clock()
    kept = positions if positions is not None else {}
    source = ReplaySource(ReplaySettings([str(path) for path in paths], **settings), kept, time_of, clock, clock.sleep)  # type: ignore[arg-type]
    found: list[tuple[float, Record]] = []
    while (at_most is None or len(found) < at_most) and (batch := source.read()) is not None:
        found += [((clock() - START_US) / SECOND, record) for record in batch.records]
        kept.update(batch.positions)
    source.close()
    return found


def seconds_of(found: list[tuple[float, Record]]) -> list[float]:
    return [round(seconds, 1) for seconds, _ in found]


def ids_of(found: list[tuple[float, Record]]) -> list[bytes]:
    stamps = [Stamp.of(record) for _, record in found]
    assert all(stamp and stamp.is_replayed for stamp in stamps)
    return [stamp.event_id for stamp in stamps if stamp]


def test_events_come_at_the_distances_they_were_recorded_at(tmp_path: Path) -> None:
    file = recording(tmp_path / "a.jsonl", 1_550_000_000, 1_550_000_002.5, 1_550_000_002.5, 1_550_000_010)
    assert seconds_of(played(file)) == [0, 2.5, 2.5, 10]
    assert seconds_of(played(file, speed=10)) == pytest.approx([0, 0.25, 0.25, 1], abs=0.1)
    assert seconds_of(played(file, speed=0)) == [0, 0, 0, 0]


def test_a_long_silence_is_cut_and_a_step_back_begins_anew(tmp_path: Path) -> None:
    file = recording(tmp_path / "a.jsonl", 1_550_000_000, 1_560_000_000, 1_300_000_000, 1_300_000_001)
    assert seconds_of(played(file, max_gap_seconds=5)) == [0, 5, 5, 6]


def test_each_file_follows_the_one_before(tmp_path: Path) -> None:
    files = [recording(tmp_path / f"{name}.jsonl", start, start + 1) for name, start in (("a", 1.6e9), ("b", 1.5e9))]
    assert seconds_of(played(*files)) == [0, 1, 1, 2]


def test_the_time_of_an_event_is_when_it_came_and_disorder_stays(tmp_path: Path) -> None:
    found = played(recording(tmp_path / "a.jsonl", 1_550_000_010, 1_550_000_012, 1_550_000_011, 1_550_000_013))
    moved = [(time_of(record.value) or 0) / SECOND - START_US / SECOND for _, record in found]
    assert moved == pytest.approx([0, 2, 1, 3], abs=0.001)
    assert seconds_of(found) == [0, 2, 2, 3]


def test_what_says_no_time_follows_at_once_and_unchanged(tmp_path: Path) -> None:
    found = played(recording(tmp_path / "a.jsonl", 1_550_000_000, 1_550_000_003, None, 1_550_000_004))
    assert seconds_of(found) == [0, 3, 3, 4]
    assert json.loads(found[2][1].value) == {"t": None, "n": 2}


def test_a_replay_that_was_stopped_goes_on_and_a_new_one_has_new_ids(tmp_path: Path) -> None:
    file = recording(tmp_path / "a.jsonl", *(1_550_000_000 + n for n in range(6)))
    positions: dict[str, bytes] = {}
    first = played(file, positions=positions, at_most=4)
    rest = played(file, positions=positions)
    assert [json.loads(record.value)["n"] for _, record in first + rest] == [0, 1, 2, 3, 4, 5]
    again = played(file, positions=positions)
    assert len(again) == 6
    assert len({*ids_of(first), *ids_of(rest), *ids_of(again)}) == 12


def test_what_was_not_committed_comes_again_with_the_same_ids(tmp_path: Path) -> None:
    file = recording(tmp_path / "a.jsonl", *(1_550_000_000 + n for n in range(3)))
    positions: dict[str, bytes] = {}
    first = played(file, positions=positions, at_most=1)
    lost = played(file, positions=dict(positions))
    assert ids_of(played(file, positions=positions)) == ids_of(lost)
    assert len({*ids_of(first), *ids_of(lost)}) == 3


def test_a_replay_leaves_alone_what_was_read_as_files(tmp_path: Path) -> None:
    file = recording(tmp_path / "a.jsonl", 1_550_000_000)
    positions: Mapping[str, bytes] = {f"file:{file}": b'{"path":"x","head_bytes":1,"head":"","device":0,"inode":0}'}
    kept = dict(positions)
    assert len(played(file, positions=kept)) == 1
    assert {name: kept[name] for name in positions} == positions


def test_a_record_that_is_too_large_becomes_a_dead_letter(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"t":1550000000,"a":"' + b"x" * (1 << 20) + b'"}\n{"t":1550000001}\n')
    clock = Clock()
    source = ReplaySource(ReplaySettings([str(tmp_path)]), {}, time_of, clock, clock.sleep)
    batches = []
    while (batch := source.read()) is not None:
        batches.append(batch)
    assert [len(batch.aside.get(DEAD_LETTERS, ())) for batch in batches if batch.aside] == [1]
    assert sum(len(batch.records) for batch in batches) == 1


def test_standard_input_cannot_be_played() -> None:
    with pytest.raises(ConfigError, match="not standard input"):
        ReplaySource(ReplaySettings(["-"]), {}, time_of, Clock())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"2019-02-13T18:01:41.593830300Z"', '"2019-02-14T19:01:42.593830300Z"'),
        ('"2019-02-13 18:01:41.593830 UTC"', '"2019-02-14 19:01:42.593830 UTC"'),
        ('"2019-12-31 23:30:00.000"', '"2020-01-02 00:30:01.000"'),
        ('"2019-02-13T18:01:41+02:00"', '"2019-02-14T19:01:42+02:00"'),
        ('"2019-02-28T23:59:59Z"', '"2019-03-02T01:00:00Z"'),
        ("1550080901", "1550170902"),
        ("1550080901.593", "1550170902.593"),
        ('"1550080901593"', '"1550170902593"'),
        ("1550080901593830000", "1550170902593830000"),
    ],
)
def test_times_move_and_are_written_as_they_were(before: str, after: str) -> None:
    move = (24 + 1) * 3600 * SECOND + SECOND
    raw = f'{{"a": {before}, "b":[{before}]}}'
    assert shifted(raw.encode(), RECORDED_US, move).decode() == raw.replace(before, after)


@pytest.mark.parametrize(
    "raw",
    [
        '{"2019-02-13T18:01:41Z": 1}',  # a key
        '{"a": "at 2019-02-13T18:01:41Z"}',  # a part of a text
        r'{"a": "say \"2019-02-13T18:01:41Z\", then"}',  # a text in a text
        '{"a": "1601-01-01T00:00:00Z", "b": "2019-02-31T00:00:00Z", "c": "9999-12-31T23:59:59Z"}',
        '{"a": 1550080999, "b": 1150080901593, "c": 15500809015}',  # numbers, but not this time
        '{"a": "at 1550080901, then"}',  # a part of a text
        '{"a": "time: 1550080901, then", "b": "\\\\", "c": "x,1550080901]"}',
    ],
)
def test_nothing_else_moves(raw: str) -> None:
    assert shifted(raw.encode(), RECORDED_US, 90_000 * SECOND).decode() == raw


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"EventTime":"2019-02-13 19:01:41"}', '{"EventTime":"2019-08-13 20:01:41"}'),
        ('{"UtcTime":"2019-02-13 18:01:41.593"}', '{"UtcTime":"2019-08-13 18:01:41.593"}'),
        ('{"SystemTime":"2019-02-13T18:01:41Z"}', '{"SystemTime":"2019-08-13T18:01:41Z"}'),
    ],
)
def test_a_clock_of_a_zone_with_summer_time_shows_what_it_would_have_shown(before: str, after: str) -> None:
    half_a_year = 181 * 86_400 * SECOND
    assert shifted(before.encode(), RECORDED_US, half_a_year, ZoneInfo("Europe/Berlin")).decode() == after
