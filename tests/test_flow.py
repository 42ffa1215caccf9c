"""The loop: what is committed with what, what a tick, an end and a failure do."""

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import DecodeError, DeliveryError
from tocsin.event import Record
from tocsin.flow import Batch, Outputs, PartitionLag, pump


class _Source:
    """Hands out the given batches, then ends."""

    def __init__(self, *batches: Batch) -> None:
        self._batches = list(batches)

    def read(self) -> Batch | None:
        return self._batches.pop(0) if self._batches else None

    def close(self) -> None: ...


@dataclass
class _Committer:
    """Keeps what is committed, after refusing it so many times."""

    refusals: int = 0
    attempts: int = 0
    committed: list[tuple[Outputs, Batch]] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)  # how many commits there were before

    def commit(self, outputs: Outputs, batch: Batch) -> None:
        self.attempts += 1
        if self.attempts <= self.refusals:
            raise DeliveryError("disk full")
        self.committed.append((outputs, batch))

    def settle(self) -> None:
        self.settled.append(len(self.committed))


@dataclass
class _Meter:
    turns: list[int] = field(default_factory=list)
    outputs: list[Outputs] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def turned(
        self, batch: Batch, outputs: Outputs, read_seconds: float, step_seconds: float, commit_seconds: float
    ) -> None:
        assert min(read_seconds, step_seconds, commit_seconds) >= 0
        self.turns.append(len(batch.records))
        self.outputs.append(outputs)

    def retried(self, error: DeliveryError) -> None:
        self.errors.append(str(error))


def _batch(*values: bytes) -> Batch:
    return Batch([Record(value) for value in values], offsets={("raw", 0): len(values)})


def _upper(batch: Batch) -> Outputs:
    return {"out": [Record(record.value.upper()) for record in batch.records]}


def _never() -> bool:
    return False


def _after(answers: Iterable[bool]) -> Callable[[], bool]:
    """Answer as given, then yes."""
    remaining = list(answers)
    return lambda: remaining.pop(0) if remaining else True


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.flow._RETRY_SECONDS", (0.0,))


def test_each_batch_is_committed_with_its_outputs_in_order_until_the_source_ends() -> None:
    committer, meter = _Committer(), _Meter()
    pump(_Source(_batch(b"a", b"b"), _batch(b"c")), _upper, committer, meter, _never)
    assert [(outputs, batch.offsets) for outputs, batch in committer.committed] == [
        ({"out": [Record(b"A"), Record(b"B")]}, {("raw", 0): 2}),
        ({"out": [Record(b"C")]}, {("raw", 0): 1}),
    ]
    assert meter.turns == [2, 1]
    assert meter.outputs == [outputs for outputs, _ in committer.committed]


def test_a_tick_is_metered_and_neither_stepped_nor_committed() -> None:
    committer, meter = _Committer(), _Meter()
    pump(_Source(Batch(), _batch(b"a"), Batch()), _upper, committer, meter, _never)
    assert (meter.turns, len(committer.committed), committer.settled) == ([0, 1, 0], 1, [0, 1, 1])


@pytest.mark.parametrize(
    "batch",
    [Batch(offsets={("raw", 0): 3}), Batch(positions={"a.log": b"1"}), Batch(aside={"labels": [Record(b"l")]})],
    ids=["offsets", "positions", "aside"],
)
def test_a_batch_without_records_that_says_anything_is_no_tick_and_is_committed(batch: Batch) -> None:
    committer = _Committer()
    pump(_Source(batch), _upper, committer, _Meter(), _never)
    assert [committed for _, committed in committer.committed] == [batch]


def test_a_source_that_cannot_be_read_now_is_asked_again() -> None:
    source, committer = _Source(_batch(b"a")), _Committer()
    read, failures = source.read, [DeliveryError("disk full"), DeliveryError("disk full")]

    def refuse_twice() -> Batch | None:
        if failures:
            raise failures.pop()
        return read()

    source.read = refuse_twice  # type: ignore[method-assign]
    meter = _Meter()
    pump(source, _upper, committer, meter, _never)
    assert (len(committer.committed), meter.errors) == (1, ["disk full"] * 2)


def test_a_refused_commit_is_tried_again_and_the_step_is_not_run_again(caplog: pytest.LogCaptureFixture) -> None:
    committer, steps = _Committer(refusals=3), []

    def step(batch: Batch) -> Outputs:
        steps.append(batch)
        return _upper(batch)

    meter = _Meter()
    pump(_Source(_batch(b"a")), step, committer, meter, _never)
    assert (len(steps), committer.attempts, len(committer.committed)) == (1, 4, 1)
    assert meter.errors == ["disk full"] * 3
    assert caplog.messages == ["Nothing was committed; the same batch is tried again in 0 s: disk full"] * 3


def test_what_is_refused_for_long_is_said_ever_more_rarely_and_all_of_it_metered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    committer, meter = _Committer(refusals=100), _Meter()
    pump(_Source(_batch(b"a")), _upper, committer, meter, _never)
    assert len(committer.committed) == 1
    assert len(meter.errors) == 100
    assert len(caplog.messages) == 8


def test_a_batch_in_hand_is_finished_before_stopping() -> None:
    committer = _Committer()
    pump(_Source(_batch(b"a"), _batch(b"b")), _upper, committer, _Meter(), _after([False]))
    assert [outputs for outputs, _ in committer.committed] == [{"out": [Record(b"A")]}]


def test_a_stop_ends_the_retries_and_commits_nothing() -> None:
    committer, meter = _Committer(refusals=100), _Meter()
    pump(_Source(_batch(b"a")), _upper, committer, meter, _after([False, False]))
    assert (committer.attempts, committer.committed, meter.turns) == (2, [], [])


def test_a_stop_ends_the_waiting_for_the_next_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.flow._RETRY_SECONDS", (3600.0,))
    pump(_Source(_batch(b"a")), _upper, _Committer(refusals=100), _Meter(), _after([False, False]))


def test_any_other_error_of_a_step_passes_through_and_nothing_is_committed() -> None:
    def step(batch: Batch) -> Outputs:
        raise DecodeError("not_json", "line 1")

    committer = _Committer()
    with pytest.raises(DecodeError, match="not_json: line 1"):
        pump(_Source(_batch(b"a")), step, committer, _Meter(), _never)
    assert committer.attempts == 0


def test_lag_in_records_is_the_way_from_the_committed_offset_to_the_end() -> None:
    assert PartitionLag("g", "raw", 0, committed=7, end=19, oldest_age_seconds=1.0).records == 12


@given(st.lists(st.integers(0, 4)), st.integers(0, 20))
def test_portions_are_all_records_in_order_whatever_is_said_of_their_arrivals(counts: list[int], size: int) -> None:
    records = [Record(b"%d" % number) for number in range(size)]
    batch = Batch(records, arrivals=[(count, number) for number, count in enumerate(counts)])
    assert [record for _, portion in batch.portions() for record in portion] == records


def test_what_a_former_loop_has_left_is_collected() -> None:
    class Left:
        """In a cycle, as a client and its callbacks are."""

        def __init__(self) -> None:
            self.itself = self

    left = Left()
    gone = weakref.ref(left)
    pump(_Source(), _upper, _Committer(), _Meter(), _never)
    del left
    pump(_Source(), _upper, _Committer(), _Meter(), _never)
    assert gone() is None
