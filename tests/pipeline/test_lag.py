"""What a group's lag means."""

from contextlib import closing
from pathlib import Path

import pytest

from tocsin.bus.consumer import ConsumerSettings
from tocsin.bus.embedded import EmbeddedBus
from tocsin.event import Record
from tocsin.flow import Batch, PartitionLag, TopicSettings
from tocsin.pipeline.lag import LagReader, Verdict, moving, worst


def _lag(committed: int, end: int) -> PartitionLag:
    return PartitionLag("g", "raw", 0, committed, end, 0.0)


@pytest.mark.parametrize(
    ("before", "after", "has_readers", "verdict", "drain_seconds"),
    [
        (_lag(10, 10), _lag(10, 10), True, Verdict.OK, 0.0),
        (_lag(0, 100), _lag(60, 120), True, Verdict.OK, 60 * 2 / 40),
        (_lag(0, 100), _lag(10, 200), True, Verdict.BEHIND, None),
        (_lag(5, 100), _lag(5, 100), True, Verdict.STALLED, None),
        (_lag(5, 5), _lag(5, 9), True, Verdict.OK, None),
        (_lag(5, 100), _lag(5, 100), False, Verdict.STOPPED, None),
        (_lag(9, 9), _lag(9, 9), False, Verdict.STOPPED, 0.0),
    ],
    ids=["all read", "catching up", "falls behind", "stalled", "news", "nobody reads", "nobody reads, all read"],
)
def test_a_verdict_follows_from_two_looks(
    before: PartitionLag, after: PartitionLag, has_readers: bool, verdict: Verdict, drain_seconds: float | None
) -> None:
    judged = moving(before, after, 2.0, has_readers)
    assert (judged.verdict, judged.drain_seconds) == (verdict, drain_seconds)
    assert judged.in_per_second == (after.end - before.end) / 2
    assert judged.out_per_second == (after.committed - before.committed) / 2


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
