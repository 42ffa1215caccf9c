from datetime import datetime

import pytest

from tests.sinks.classified import classified, dead_letter, verdict
from tocsin.event import Record
from tocsin.sinks.columns import dead_letter_columns, event_columns, misfit
from tocsin.sinks.decode import Decoder, Row


def rows_of(*records: Record) -> list[Row]:
    return Decoder().rows(records)[0]


def test_a_row_has_the_times_as_times_and_the_lists_as_lists() -> None:
    [row] = event_columns(rows_of(classified(5, flags=["future_time"], time=None))).to_pylist()
    assert (row["time"], row["ingest_time"]) == (None, datetime(2026, 1, 12, 12))
    assert (row["flags"], row["categories"], row["tactics"]) == (["future_time"], ["process_creation"], [])
    assert (row["topic"], row["partition"], row["offset"]) == ("raw-events", 0, 5)


def test_verdicts_are_spread_over_the_rows_in_order() -> None:
    codes = ["1", "2", "1", "3", "2"]
    rows = rows_of(*(classified(k, judged=verdict(code=code)) for k, code in enumerate(codes)))
    assert event_columns(rows).column("code").to_pylist() == codes


@pytest.mark.parametrize(
    "record",
    [
        classified(ingest_time="yesterday"),
        classified(time="2026-01-12T12:00:00"),  # no zone
        classified(time="=1+1"),
        classified(source={"topic": "t", "partition": 1 << 40, "offset": 0}),
        classified(event=b'"\xff"'),
    ],
)
def test_a_row_that_does_not_fit_is_told_from_the_others(record: Record) -> None:
    fine, odd = rows_of(classified(), record)
    assert misfit(fine) is None
    assert misfit(odd)


def test_a_dead_letter_keeps_its_bytes_and_its_reason() -> None:
    [row] = dead_letter_columns([dead_letter(4, b"\xff\x00", reason="too_deep")]).to_pylist()
    assert (row["topic"], row["offset"], row["reason"], row["raw"]) == ("dead-letters", 4, "too_deep", b"\xff\x00")
    assert (row["length"], row["event_id"], row["time"]) == (2, "01" * 16, datetime(2026, 1, 12, 12))


@pytest.mark.parametrize("length", [b"", b"-1", b"x", b"9" * 5000])
def test_a_dead_letter_with_headers_of_somebody_else_is_stored_all_the_same(length: bytes) -> None:
    headers = (("tocsin.error.length", length), ("tocsin.error.reason", b"\xff"), ("tocsin", b"short"))
    [row] = dead_letter_columns([Record(b"abc", b"", headers, -5, "dead-letters", 0, 0)]).to_pylist()
    assert (row["length"], row["reason"], row["event_id"], row["raw"]) == (3, "\ufffd", None, b"abc")
