"""What moved is counted when it was committed."""

from tocsin.dead_letter import dead_letter_record
from tocsin.event import Record, stamped
from tocsin.flow import Batch
from tocsin.telemetry.traffic import Traffic

_NOW_US = 1_000_000_000


def _traffic() -> Traffic:
    return Traffic(clock_us=lambda: _NOW_US)


def _dead(reason: str) -> Record:
    return dead_letter_record(stage="classify", reason=reason, detail="", place="raw/0/1", raw=b"x", time_us=1)


def test_records_are_counted_by_the_topics_they_came_from_and_went_to() -> None:
    traffic = _traffic()
    batch = Batch([Record(b"a", topic="raw"), Record(b"b", topic="raw")], offsets={("raw", 0): 1, ("raw", 1): 1})
    traffic.count(batch, {"classified": batch.records, "alerts": batch.records[:1], "dead-letters": []}, 0.2)
    assert (traffic.consumed, traffic.sent) == ({"raw": 2}, {"classified": 2, "alerts": 1})
    assert (traffic.batch_seconds.total, traffic.batch_seconds.buckets()[-1]) == (0.2, ("+Inf", 1.0))


def test_a_batch_out_of_several_topics_is_counted_record_by_record() -> None:
    traffic = _traffic()
    records = [Record(b"", topic="classified"), Record(b"", topic="dead-letters"), Record(b"", topic="classified")]
    traffic.count(Batch(records, offsets={("classified", 0): 2, ("dead-letters", 0): 1}), {}, 0.1)
    assert traffic.consumed == {"classified": 2, "dead-letters": 1}


def test_records_from_outside_come_from_no_topic() -> None:
    traffic = _traffic()
    traffic.count(Batch([Record(b"a")], positions={"a.log": b"1"}), {"raw": [Record(b"a")]}, 0.1)
    assert (traffic.consumed, traffic.sent) == ({}, {"raw": 1})


def test_dead_letters_are_counted_by_reason() -> None:
    traffic = _traffic()
    dead = [_dead("not_json"), _dead("too_deep"), _dead("not_json")]
    traffic.count(Batch([Record(b"")] * 3, offsets={("raw", 0): 3}), {"dead-letters": dead}, 0.1)
    assert traffic.dead_letters == {"not_json": 2, "too_deep": 1}


def test_a_tick_counts_for_nothing() -> None:
    traffic = _traffic()
    traffic.count(Batch(), {}, 0.0)
    assert (traffic.consumed, traffic.sent, traffic.batch_seconds.buckets()[-1]) == ({}, {}, ("+Inf", 0.0))


def test_ages_run_from_the_stamp_or_else_from_when_the_record_was_written() -> None:
    traffic = _traffic()
    ours, others = stamped(b"", bytes(16), _NOW_US - 20_000_000), Record(b"", timestamp_us=_NOW_US - 200_000)
    traffic.count(Batch([ours, others], offsets={("raw", 0): 2}), {}, 0.1)
    assert traffic.end_to_end_seconds.total == 20.2


def test_of_a_large_batch_eight_ages_are_sampled_the_first_and_the_last_among_them() -> None:
    traffic = _traffic()
    between = Record(b"", timestamp_us=_NOW_US)
    ends = [Record(b"", timestamp_us=_NOW_US - seconds * 1_000_000) for seconds in (40, 2)]
    traffic.count(Batch([ends[0], *[between] * 998, ends[1]], offsets={("raw", 0): 1000}), {}, 0.1)
    assert traffic.end_to_end_seconds.buckets()[-1] == ("+Inf", 8.0)
    assert traffic.end_to_end_seconds.total == 42.0


def test_a_clock_that_was_set_back_makes_no_age_negative() -> None:
    traffic = _traffic()
    traffic.count(Batch([Record(b"", timestamp_us=_NOW_US + 5_000_000)], offsets={("raw", 0): 1}), {}, 0.1)
    assert traffic.end_to_end_seconds.total == 0.0
