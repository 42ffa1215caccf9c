"""Classify keeps with each output when it did what: behind the stamp, the same for all that were worked on together."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from tocsin.errors import DecodeError
from tocsin.event import (
    ALERTS,
    CLASSIFIED_EVENTS,
    DEAD_LETTERS,
    TRACEPARENT_HEADER,
    Event,
    Record,
    Shape,
    Stamp,
    parts_of,
    stamped,
    with_part,
)
from tocsin.flow import Batch, Outputs
from tocsin.stages.classify import Classify, ClassifySettings
from tocsin.telemetry.stage_times import MAX_BYTES, StageProcess, StageTimes, packed, unpacked
from tocsin.verdict import JudgedRule

_NOON_US = 1_768_219_200_000_000
_PROCESS = StageProcess("classify", "classify-0", "node", "1.0")
_PRODUCED = StageTimes("produce", _NOON_US - 9_000, (), 3, "produce-0", "agent", "1.0")


class _Rule:
    id, title, level, author, license, digest = "r1", "A rule", "high", "Ann", "DRL 1.1", "d1"
    is_baseline = False
    tactics: tuple[str, ...] = ("TA0002",)
    techniques: tuple[str, ...] = ()


class _Matcher:
    def match(self, event: Event) -> tuple[JudgedRule, ...]:
        return (_Rule(),)


def _normalise(raw: bytes, ingest_us: int) -> Event:
    if not raw.startswith(b"{"):
        raise DecodeError("not_json", "a letter at byte 0")
    return Event(raw, Shape(), {}, host="ws1")


def _classified(
    records: Sequence[Record], arrivals: Sequence[tuple[int, int]] = (), process: StageProcess | None = _PROCESS
) -> Outputs:
    settings = ClassifySettings("bus", {"TA0002": "Execution"}, "19.1", "d")
    step = Classify(settings, _normalise, _Matcher(), lambda: _NOON_US, lambda part, seconds: None, process)
    return step(Batch(records, arrivals=arrivals))


def _raw(offset: int = 0, value: bytes = b"{}", part: bytes = packed(_PRODUCED)) -> Record:
    record = with_part(stamped(value, bytes(range(16)), _NOON_US - 9_500), part)
    return Record(record.value, b"", record.headers, record.timestamp_us, "raw-events", 0, offset)


def _times(record: Record) -> list[StageTimes]:
    return unpacked(parts_of(record))


def test_the_parts_of_stages_before_stay_and_the_steps_follow_one_another() -> None:
    (record,) = _classified([_raw()], [(1, _NOON_US - 50)])[CLASSIFIED_EVENTS]
    produced, classified = _times(record)
    assert produced == _PRODUCED
    assert (classified.stage, classified.began_us, classified.records) == ("classify", _NOON_US - 50, 1)
    assert len(classified.steps_us) == 4
    assert all(before <= after for before, after in pairwise((50, *classified.steps_us)))


def test_what_came_at_one_go_has_one_time_and_what_came_later_another() -> None:
    records = [_raw(number) for number in range(100)]
    outputs = _classified(records, [(40, _NOON_US - 900), (60, _NOON_US - 300)])[CLASSIFIED_EVENTS]
    began = [_times(record)[-1].began_us for record in outputs]
    assert began == [_NOON_US - 900] * 40 + [_NOON_US - 300] * 60
    assert len({parts_of(record) for record in outputs}) == 4, "two pieces of 32 at most of each"
    assert len({_times(record)[-1].steps_us[-1] + _times(record)[-1].began_us for record in outputs}) == 1


def test_an_alert_and_a_dead_letter_have_them_too() -> None:
    outputs = _classified([_raw(1), _raw(2, b"broken")])
    assert [_times(record)[0] for topic in (ALERTS, DEAD_LETTERS) for record in outputs[topic]] == [_PRODUCED] * 2
    assert [_times(record)[1].stage for topic in (ALERTS, DEAD_LETTERS) for record in outputs[topic]] == [
        "classify"
    ] * 2


def test_without_tracing_nothing_is_put_there() -> None:
    (record,) = _classified([_raw()], process=None)[CLASSIFIED_EVENTS]
    assert _times(record) == [_PRODUCED]


def test_a_record_of_others_gets_an_id_and_is_linked_to_the_trace_it_came_with() -> None:
    traceparent = b"00-" + b"ab" * 16 + b"-" + b"cd" * 8 + b"-01"
    record = Record(b"{}", b"", ((TRACEPARENT_HEADER, traceparent),), _NOON_US, "raw-events", 0, 7)
    (output,) = _classified([record])[CLASSIFIED_EVENTS]
    linked, classified = _times(output)
    assert (linked.stage, linked.instance, classified.stage) == ("link", traceparent.decode(), "classify")
    assert output.header(TRACEPARENT_HEADER) == traceparent


@pytest.mark.parametrize("traceparent", [b"", b"\x1b[2J", b"\xff" * 3000, b"x" * 3000])
def test_a_traceparent_that_is_none_harms_nobody(traceparent: bytes) -> None:
    record = Record(b"{}", b"", ((TRACEPARENT_HEADER, traceparent),), _NOON_US, "raw-events", 0, 7)
    (output,) = _classified([record])[CLASSIFIED_EVENTS]
    assert _times(output)[-1].stage == "classify"
    assert len(parts_of(output)) < MAX_BYTES


_CLASSIFIED_BY_OTHERS = packed(StageTimes("classify", 1, (1, 2, 3, 4), 3, "evil", "agent", "1.0"))


@pytest.mark.parametrize(
    "claimed",
    [
        b"x" * (MAX_BYTES + 1),
        b"\x00\x03abc",
        b"\x00\x01\xc0",
        _CLASSIFIED_BY_OTHERS,
        packed(StageTimes("produce", 1, (), 3, "p" * 300)),
        packed(StageTimes("write", 1 << 51, (1, 2, 3), 3)) * 8,
    ],
)
def test_what_others_put_behind_a_stamp_is_not_taken_for_times_of_ours(claimed: bytes) -> None:
    (output,) = _classified([_raw(part=claimed)])[CLASSIFIED_EVENTS]
    assert [(times.stage, times.instance) for times in _times(output)] == [("classify", "classify-0")]
    assert Stamp.of(output) is not None


@pytest.mark.parametrize("behind", [b"\x00\x01\xc0", _CLASSIFIED_BY_OTHERS, b"x"])
def test_of_a_record_that_comes_again_only_the_times_of_its_source_stay(behind: bytes) -> None:
    (output,) = _classified([_raw(part=packed(_PRODUCED) + behind)])[CLASSIFIED_EVENTS]
    assert _times(output)[0] == _PRODUCED
    assert [times.instance for times in _times(output)[1:]] == ["classify-0"]


def test_what_is_handed_over_has_our_stamp_before_what_came_with_the_record() -> None:
    headers: Any = (("x", b"1"), *_raw().headers)
    (output,) = _classified([Record(b"{}", b"", headers, _NOON_US, "raw-events", 0, 1)])[CLASSIFIED_EVENTS]
    assert [part.stage for part in _times(output)] == ["produce", "classify"]
