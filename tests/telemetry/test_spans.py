"""Columns of spans are what the same spans one by one are."""

from hypothesis import given
from hypothesis import strategies as st

from tocsin.telemetry.ids import span_id_of
from tocsin.telemetry.spans import span_ids_of

_EVENT_IDS = st.binary(min_size=16, max_size=16)


@given(st.lists(_EVENT_IDS, max_size=20), st.text(max_size=20))
def test_span_ids_of_many_are_those_of_each(event_ids: list[bytes], name: str) -> None:
    assert [row.tobytes() for row in span_ids_of(event_ids, name)] == [span_id_of(each, name) for each in event_ids]
