import orjson
import pytest

from tests.sinks.classified import DETECTION, classified, detection_verdict, verdict
from tocsin.event import EVENT_AT_HEADER, Record
from tocsin.sinks.decode import Decoder, Row


def decoded(record: Record) -> Row:
    rows, rejected = Decoder().rows([record])
    assert rejected == []
    return rows[0]


def rejection_of(record: Record) -> str:
    rows, rejected = Decoder().rows([record])
    assert rows == []
    return rejected[0][1].reason


def without_header(record: Record) -> Record:
    return Record(record.value, topic=record.topic, partition=0, offset=0)


def test_the_event_is_handed_on_byte_for_byte() -> None:
    event = b'{ "a" :1.0e2,"b":"\\u00e9},\\"event\\":", "a":2 }'
    assert decoded(classified(event=event)).event == event


def test_the_verdict_is_the_same_object_for_events_that_share_it() -> None:
    rows, _ = Decoder().rows([classified(1), classified(2), classified(3, judged=detection_verdict(DETECTION))])
    assert rows[0].verdict is rows[1].verdict
    assert rows[2].verdict.rule_titles == ["Suspicious Encoded PowerShell"]


def test_text_that_looks_like_the_seam_of_the_record_does_not_cut_it() -> None:
    seam = ',"verdict":{},"event":'
    row = decoded(classified(host=seam, user=seam + '"', event=orjson.dumps({"x": seam})))
    assert (row.envelope.host, row.envelope.user) == (seam, seam + '"')
    assert orjson.loads(row.event) == {"x": seam}


def test_a_record_that_lost_its_headers_is_the_same_row() -> None:
    record = classified(7, b'{"a": 1.0}')
    assert decoded(without_header(record)).event == b'{"a": 1.0}'
    assert decoded(without_header(record)).envelope == decoded(record).envelope


def test_a_record_that_another_program_laid_out_is_read_too() -> None:
    record = classified(7, b'{"a":1}', raw=b"\xff")
    foreign = Record(orjson.dumps(orjson.loads(record.value), option=orjson.OPT_INDENT_2))
    row = decoded(foreign)
    assert (row.event, row.envelope.raw, row.verdict.service) == (b'{"a":1}', b"\xff", "sysmon")


@pytest.mark.parametrize("header", [b"", b"x", b"-5", b"3", b"99999999999", b"9" * 5000])
def test_a_header_that_points_elsewhere_is_not_believed(header: bytes) -> None:
    record = classified(event=b'{"a":1}')
    assert decoded(Record(record.value, headers=((EVENT_AT_HEADER, header),))).event == b'{"a":1}'


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not_json"),
        (b"no json", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"tocsin":', "not_json"),
        (classified().value[:-1], "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"{}", "not_classified"),
        (b"[]", "not_classified"),
        (b'"text"', "not_classified"),
        (b'{"tocsin":{},"event":{}}', "not_classified"),
        (classified(host=5).value, "not_classified"),
        (classified(ingest_time=None).value, "not_classified"),
        (classified(raw=b"x").value.replace(b'"raw":"eA=="', b'"raw":"?"'), "not_classified"),
        (classified(judged=verdict(matches=[{"id": "no title"}])).value, "not_classified"),
    ],
)
def test_what_is_no_classified_event_comes_back_with_the_reason(value: bytes, reason: str) -> None:
    assert rejection_of(Record(value)) == reason


def test_a_verdict_of_nulls_is_one_of_empty_lists() -> None:
    judged = decoded(classified(judged=dict.fromkeys(verdict()))).verdict
    assert (judged.level, judged.tactics, judged.rules, judged.matches) == (None, [], [], "null")
