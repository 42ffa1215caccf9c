"""The same cause always has the same name; another cause has another."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tocsin.telemetry.ids import alert_id_of, event_id_of, origin_of, span_id_of, traceparent_of

_ORIGIN = origin_of("file", b"\x00\x01")


def test_ids_never_change_between_versions() -> None:
    event_id = event_id_of(_ORIGIN, 7, b"raw")
    assert _ORIGIN.hex() == "e97ecce78c46e0aec8a431098dcc419a"
    assert event_id.hex() == "16fc4032ed09105d82d2f30d72ef9267"
    assert span_id_of(event_id, "store").hex() == "8cd924bb699796db"
    assert alert_id_of("raw-events", 0, 17, "rule") == "4a8ec16368c0139691e11b607d3de19c"


def test_parts_of_an_origin_do_not_run_into_one_another() -> None:
    assert origin_of("ab", "c") != origin_of("a", "bc") != origin_of("abc")
    assert origin_of("ab", "c") == origin_of(b"ab", b"c")


def test_an_event_id_depends_on_origin_position_and_bytes() -> None:
    ids = {
        event_id_of(_ORIGIN, 7, b"raw"),
        event_id_of(origin_of("other"), 7, b"raw"),
        event_id_of(_ORIGIN, 8, b"raw"),
        event_id_of(_ORIGIN, 7, b"raw "),
    }
    assert len(ids) == 4
    assert {len(event_id) for event_id in ids} == {16}


@given(st.binary(min_size=16, max_size=16), st.text(max_size=20))
def test_a_traceparent_is_valid_and_unsampled(event_id: bytes, stage: str) -> None:
    header = traceparent_of(event_id, stage).decode()
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", header)
    assert header.split("-")[1] == event_id.hex()
    assert header.split("-")[2] != "0" * 16


def test_each_stage_of_an_event_has_a_span_of_its_own() -> None:
    event_id = event_id_of(_ORIGIN, 7, b"raw")
    assert len({span_id_of(event_id, stage) for stage in ("produce_event", "classify", "store")}) == 3


def test_an_alert_is_one_rule_on_one_row() -> None:
    ids = {
        alert_id_of("raw-events", 0, 17, "a"),
        alert_id_of("raw-events", 0, 17, "b"),
        alert_id_of("raw-events", 1, 17, "a"),
        alert_id_of("raw-events", 0, 18, "a"),
        alert_id_of("raw", 0, 17, "a"),
    }
    assert len(ids) == 5
    assert all(re.fullmatch("[0-9a-f]{32}", alert_id) for alert_id in ids)
