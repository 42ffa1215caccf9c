"""Records, their headers, and the stamp our sources put on them."""

import pytest

from tocsin.event import Record, Stamp, stamped

_EVENT_ID = bytes(range(16))


def test_header_returns_the_first_of_that_name_and_none_where_there_is_none() -> None:
    record = Record(b"v", headers=(("a", b"1"), ("b", b"2"), ("a", b"3")))
    assert (record.header("a"), record.header("b"), record.header("c")) == (b"1", b"2", None)


def test_a_stamped_record_keeps_its_bytes_and_names_its_event_and_trace() -> None:
    record = stamped(b"\xff{raw", _EVENT_ID, 1_767_225_600_000_000, key=b"host")
    assert (record.value, record.key, record.timestamp_us) == (b"\xff{raw", b"host", 1_767_225_600_000_000)
    assert Stamp.of(record) == Stamp(_EVENT_ID, 1_767_225_600_000_000)
    traceparent = record.header("traceparent")
    assert traceparent is not None
    assert traceparent.split(b"-")[1] == _EVENT_ID.hex().encode()


def test_a_stamp_is_a_version_an_id_a_time_and_a_mark_in_26_bytes() -> None:
    assert Stamp(_EVENT_ID, 258).packed() == b"\x01" + _EVENT_ID + b"\x00\x00\x00\x00\x00\x00\x01\x02\x00"
    assert Stamp(_EVENT_ID, 258, is_replayed=True).packed()[-1:] == b"\x01"


def test_a_stamp_without_the_mark_is_of_a_record_that_is_not_replayed() -> None:
    packed = Stamp(_EVENT_ID, 5).packed()[:25]
    assert Stamp.of(Record(b"v", headers=(("tocsin", packed),))) == Stamp(_EVENT_ID, 5)


@pytest.mark.parametrize("header", [None, b"", b"\x01" + _EVENT_ID])
def test_a_record_without_a_whole_stamp_has_none(header: bytes | None) -> None:
    assert Stamp.of(Record(b"v", headers=() if header is None else (("tocsin", header),))) is None


def test_a_stamp_of_32_zeros_names_no_trace_and_is_none_of_ours() -> None:
    assert Stamp.of(Record(b"v", headers=(("tocsin", Stamp(bytes(16), 5).packed()),))) is None


def test_what_stands_behind_a_stamp_goes_with_it() -> None:
    stamp = Stamp(_EVENT_ID, 5, parts=b"parts of stages")
    assert Stamp.of(Record(b"v", headers=(("tocsin", stamp.packed()),))) == stamp
