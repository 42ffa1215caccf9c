"""What a group's lag means."""

from contextlib import closing
from pathlib import Path

import pytest

from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.embedded import EmbeddedBus
from tocsin.commands.lag import _drained
from tocsin.event import Record
from tocsin.flow import Batch, PartitionLag, TopicSettings
from tocsin.pipeline.lag import LagReader, MovingLag, Pace, Verdict, moving, pace_of, worst


def _lag(committed: int, end: int, age: float = 0.0) -> PartitionLag:
    return PartitionLag("g", "raw", 0, committed, end, age)


_READ, _NOBODY = True, False
_TABLE = {  # what: two looks, ten seconds apart; whether somebody reads -> verdict, seconds until all is read
    "all read": (_lag(10, 10), _lag(10, 10), _READ, Verdict.OK, 0.0),
    "all read now": (_lag(0, 10), _lag(10, 10), _READ, Verdict.OK, 0.0),
    "news": (_lag(5, 5), _lag(5, 9, 0.2), _READ, Verdict.OK, None),
    "steady, one record more": (_lag(0, 20), _lag(500, 521, 0.3), _READ, Verdict.OK, None),
    "steady, as many": (_lag(0, 20), _lag(500, 520, 0.3), _READ, Verdict.OK, None),
    "a burst has begun": (_lag(0, 20), _lag(1_000, 21_000, 4.0), _READ, Verdict.OK, None),
    "a burst goes on": (_lag(0, 20), _lag(1_000, 21_000, 10.1), _READ, Verdict.BEHIND, None),
    "old, and no less": (_lag(0, 5_000), _lag(100, 5_100, 60.0), _READ, Verdict.BEHIND, None),
    "old, and drained in 90 s": (_lag(0, 10_000), _lag(2_000, 11_000, 60.0), _READ, Verdict.OK, 90.0),
    "old, and drained in 900 s": (_lag(0, 9_100), _lag(100, 9_100, 60.0), _READ, Verdict.OK, 900.0),
    "old, and drained in 2.5 h": (_lag(0, 90_100), _lag(100, 90_100, 60.0), _READ, Verdict.BEHIND, 9_000.0),
    "came old, and read at once": (_lag(0, 500), _lag(5_000, 5_600, 300.0), _READ, Verdict.OK, None),
    "stalled": (_lag(5, 100), _lag(5, 100), _READ, Verdict.STALLED, None),
    "stalled, and more comes": (_lag(5, 100), _lag(5, 900, 60.0), _READ, Verdict.STALLED, None),
    "nobody reads": (_lag(5, 100), _lag(5, 100), _NOBODY, Verdict.STOPPED, None),
    "nobody reads any more": (_lag(5, 100), _lag(90, 100), _NOBODY, Verdict.STOPPED, 10 * 10 / 85),
    "nobody reads, all read": (_lag(9, 9), _lag(9, 9), _NOBODY, Verdict.STOPPED, 0.0),
}


def _alone(before: PartitionLag, after: PartitionLag, has_readers: bool) -> MovingLag:
    """Judge the one partition of a topic."""
    return moving(before, after, 10.0, has_readers, pace_of([(before, after)], 10.0))


@pytest.mark.parametrize("what", _TABLE)
def test_a_verdict_follows_from_two_looks(what: str) -> None:
    before, after, has_readers, verdict, drain_seconds = _TABLE[what]
    judged = _alone(before, after, has_readers)
    assert (judged.verdict, judged.drain_seconds) == (verdict, drain_seconds)
    assert judged.in_per_second == (after.end - before.end) / 10
    assert judged.out_per_second == (after.committed - before.committed) / 10


_UNREAD = (_lag(5, 9_000), _lag(5, 9_000, 60.0))  # a partition that nobody has read between two looks
_OF_OTHERS = {  # what the group does in the topic: seconds between looks, pace -> verdict, seconds until all is read
    "it drains the others first": (2.0, Pace(5_000, 40.0), Verdict.OK, 40.0),
    "it drains the others slowly": (2.0, Pace(5_000, 9_000.0), Verdict.BEHIND, 9_000.0),
    "it keeps up with the others": (2.0, Pace(400, None), Verdict.BEHIND, None),
    "it reads nothing": (2.0, Pace(0, None), Verdict.STALLED, None),
    "it had half a minute for it": (30.0, Pace(5_000, 40.0), Verdict.STALLED, 40.0),
}


@pytest.mark.parametrize("what", _OF_OTHERS)
def test_a_partition_without_its_turn_yet_is_judged_by_what_the_group_does_in_the_topic(what: str) -> None:
    seconds, pace, verdict, drain_seconds = _OF_OTHERS[what]
    judged = moving(*_UNREAD, seconds, True, pace)
    assert (judged.verdict, judged.drain_seconds) == (verdict, drain_seconds)


def test_one_look_alone_is_no_alarm() -> None:
    assert moving(_UNREAD[0], _UNREAD[0], 0.0, True, Pace(0, None)).verdict is Verdict.OK


def test_a_young_record_without_its_turn_yet_is_no_alarm() -> None:
    assert moving(_lag(5, 6), _lag(5, 6, 2.5), 2.0, True, Pace(400, None)).verdict is Verdict.OK


class _Replayed:
    """A bus on which a group has 100 records a second more to read for twenty seconds, then 300 a second fewer."""

    def __init__(self) -> None:
        self.now = 0

    def groups(self) -> list[str]:
        return ["g"]

    def has_readers(self, group: str) -> bool:
        return True

    def lag(self, group: str) -> list[PartitionLag]:
        waiting = max(0, 100 * self.now if self.now <= 20 else 2_000 - 300 * (self.now - 20))
        read = 10 * self.now  # so slowly that what waits will take long
        return [PartitionLag(group, "raw", 0, read, read + waiting, float(self.now) if waiting else 0.0)]


def test_a_burst_is_behind_while_it_grows_old_and_ok_as_soon_as_it_is_drained(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = _Replayed()
    monkeypatch.setattr("tocsin.pipeline.lag.time.monotonic", lambda: float(bus.now))
    reader = LagReader(bus)  # type: ignore[arg-type]
    verdicts = {}
    for bus.now in range(0, 40, 2):
        (verdicts[bus.now],) = (str(lag.verdict) for lag in reader.read())
    assert verdicts == {now: "BEHIND" if 10 < now <= 20 else "OK" for now in range(0, 40, 2)}


def test_what_is_said_of_draining_is_in_keeping_with_the_verdict() -> None:
    said = {what: _drained(_alone(before, after, reads)) for what, (before, after, reads, *_) in _TABLE.items()}
    assert said == {
        **dict.fromkeys(_TABLE, "keeps up"),
        **dict.fromkeys(("all read", "all read now", "nobody reads, all read"), "0 s"),
        "old, and drained in 90 s": "90 s",
        "old, and drained in 900 s": "900 s",
        "old, and drained in 2.5 h": "9,000 s",
        **dict.fromkeys(("a burst goes on", "old, and no less"), "never"),
        **dict.fromkeys(("stalled", "stalled, and more comes", "nobody reads", "nobody reads any more"), "never"),
    }


def test_the_worst_verdict_counts() -> None:
    assert worst([Verdict.OK, Verdict.STOPPED, Verdict.BEHIND]) is Verdict.STOPPED
    assert worst([]) is Verdict.OK


def test_a_group_that_somebody_reads_for_is_not_stopped(tmp_path: Path) -> None:
    with closing(EmbeddedBus(tmp_path / "bus")) as bus:
        bus.ensure_topics({"raw": TopicSettings(2)}, {"g": ["raw"]})
        bus.committer(owner="x").commit({"raw": [Record(b"1")] * 3}, Batch())
        reader = LagReader(bus)
        assert {lag.verdict for lag in reader.read()} == {Verdict.STOPPED}
        with closing(bus.consumer("g", ["raw"], ConsumerSettings())):
            assert {lag.verdict for lag in reader.read()} == {Verdict.STALLED, Verdict.OK}
        assert {lag.verdict for lag in reader.read()} == {Verdict.STOPPED}
