"""Dead letters are written as records and read back whole."""

import hashlib

import pytest

from tocsin.dead_letter import (
    KEPT_BYTES,
    MAX_HEADERS_BYTES,
    DeadLetter,
    dead_letter_of,
    dead_letter_record,
    read_dead_letter,
    truncated_dead_letter_record,
)
from tocsin.event import MAX_OUTPUT_BYTES, MAX_RECORD_BYTES, Headers, Record


def test_a_dead_letter_comes_back_with_its_bytes_reason_and_place() -> None:
    raw = b'{"broken": \xff\x00'
    record = dead_letter_record(
        stage="classify",
        reason="not_json",
        detail="unexpected byte at 12",
        place="raw-events/0/17",
        raw=raw,
        time_us=5,
        stamp=b"stamp",
    )
    assert read_dead_letter(record) == DeadLetter(
        stage="classify",
        reason="not_json",
        detail="unexpected byte at 12",
        place="raw-events/0/17",
        length=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        raw=raw,
    )
    assert (record.value, record.timestamp_us, record.header("tocsin")) == (raw, 5, b"stamp")


def test_a_record_never_held_whole_keeps_its_first_bytes_its_length_and_its_hash() -> None:
    record = truncated_dead_letter_record(
        stage="produce",
        reason="too_large",
        detail="52428800 bytes; the limit is 1048576",
        place="big.jsonl:1",
        kept=b"{" * 100,
        length=52_428_800,
        sha256="ab" * 32,
        time_us=5,
    )
    letter = read_dead_letter(record)
    assert (letter.raw, letter.length, letter.sha256) == (b"{" * 100, 52_428_800, "ab" * 32)
    assert record.header("tocsin") is None


def test_a_place_that_is_no_unicode_is_written_with_replacement() -> None:
    record = dead_letter_record(stage="produce", reason="r", detail="d", place="dir/\udcff.jsonl:3", raw=b"", time_us=0)
    assert read_dead_letter(record).place == "dir/?.jsonl:3"


def test_facts_that_are_not_there_are_empty() -> None:
    assert read_dead_letter(Record(b"raw")) == DeadLetter("", "", "", "", 3, "", b"raw")


def test_a_record_of_a_topic_keeps_its_key_and_headers_and_nothing_of_them_poses_as_ours() -> None:
    headers = (("tocsin.error.reason", b"a claim"), ("agent", b"\xff"), ("tocsin.error.headers", b"0"))
    record = Record(b"raw", b"key", headers, topic="raw-events", partition=3, offset=17)
    written = dead_letter_of(record, stage="classify", reason="not_json", detail="d", time_us=5, stamp=b"stamp")
    letter = read_dead_letter(written)
    assert (letter.reason, letter.topic, letter.partition, letter.offset) == ("not_json", "raw-events", 3, 17)
    assert (letter.key, letter.headers, letter.is_whole, letter.place) == (b"key", headers, True, "raw-events/3/17")
    assert written.header("tocsin") == b"stamp"


def test_a_record_with_more_beside_its_bytes_than_can_be_kept_is_known_not_to_be_whole() -> None:
    record = Record(b"raw", b"key", (("h", b"x" * KEPT_BYTES),), topic="raw-events", partition=0, offset=0)
    letter = read_dead_letter(dead_letter_of(record, stage="classify", reason="r", detail="d", time_us=5))
    assert (letter.raw, letter.key, letter.headers, letter.is_whole) == (b"raw", b"", (), False)


def test_a_record_above_the_limit_keeps_its_first_bytes() -> None:
    record = Record(b"x" * 2_000_000, topic="raw-events", partition=0, offset=0)
    letter = read_dead_letter(dead_letter_of(record, stage="classify", reason="r", detail="d", time_us=5))
    assert (len(letter.raw), letter.length, letter.is_whole) == (KEPT_BYTES, 2_000_000, False)


@pytest.mark.parametrize("limit", [MAX_RECORD_BYTES, MAX_OUTPUT_BYTES])
@pytest.mark.parametrize("above", [0, 1])
@pytest.mark.parametrize(
    "headers",
    [(("h", b"x" * 60_000),), (("h", b"x" * 70_000),), (("", b""),) * 6_000, (("", b""),) * 3_000_000],
    ids=["kept", "too large", "many and empty", "a flood of empty ones"],
)
def test_a_dead_letter_fits_its_topic_whatever_it_was_made_of(headers: Headers, above: int, limit: int) -> None:
    record = Record(b"x" * (limit + above), b"k" * 1_000, headers, topic="raw-events", partition=0, offset=0)
    made = dead_letter_of(record, stage="s", reason="r", detail="d" * 100_000, time_us=5, stamp=b"s", limit=limit)
    headers_size = sum(len(name) + len(value) + 2 for name, value in made.headers)  # Kafka's lengths take a byte each
    size = len(made.value) + len(made.key) + headers_size
    assert size <= MAX_OUTPUT_BYTES + MAX_HEADERS_BYTES
    assert read_dead_letter(made).length == limit + above
