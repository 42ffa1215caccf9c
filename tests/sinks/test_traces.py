"""From rows of the store to the columns that spans are made of."""

from contextlib import closing
from pathlib import Path

import pyarrow as pa

from tests.sinks.classified import DETECTION, NOON_US, dead_letter, detection_verdict
from tests.sinks.traced_store import store, traced
from tocsin.event import Record, parts_of, with_part
from tocsin.sinks.layout import DEAD_LETTERS, EVENTS
from tocsin.sinks.reader import open_store
from tocsin.sinks.traces import DEAD_LETTER_COLUMNS, EVENT_COLUMNS, events_in, traced_only
from tocsin.telemetry.trace import spans_of


def _rows(folder: Path) -> pa.Table:
    columns = ", ".join(f'"{name}"' for name in EVENT_COLUMNS)
    with closing(open_store(folder)) as connection:
        rows: pa.Table = connection.sql(f"SELECT {columns} FROM events ORDER BY event_id").to_arrow_table()
        return rows


def test_an_event_on_which_a_rule_fired_has_its_host_and_others_do_not_part_by_theirs(tmp_path: Path) -> None:
    found = detection_verdict(DETECTION)
    store(tmp_path, [traced(1, host="a"), traced(2, host="b"), traced(3, host="c", judged=found)])
    groups = [
        group for group in spans_of(events_in(_rows(tmp_path), EVENTS), "tocsin") if group.name == "classify_event"
    ]
    assert sorted(len(group) for group in groups) == [1, 2]
    hosts = {span.trace_id[-1]: span.attributes.get("tocsin.host") for group in groups for span in group.spans()}
    assert hosts == {1: None, 2: None, 3: "c"}


def test_rows_without_an_id_or_without_times_have_no_trace() -> None:
    ids = ["0" * 32, "1" * 32, "A" * 32, "2" * 31, None, "3" * 32, "4" * 32]
    rows = pa.table({"event_id": ids, "trace": pa.array([b"t"] * 5 + [b"", None], pa.binary())})
    assert traced_only(rows)["event_id"].to_pylist() == ["1" * 32]
    whole = pa.table({"event_id": ["5" * 32], "trace": pa.array([b"t"], pa.binary())})
    assert traced_only(whole).num_rows == 1
    assert traced_only(whole.slice(1)).num_rows == 0


def test_the_trace_of_a_dead_letter_begins_at_its_hand_over_for_nobody_knows_when_it_was_ingested(
    tmp_path: Path,
) -> None:
    letter = dead_letter(1)
    with_parts = with_part(letter, parts_of(traced(1)))
    store(tmp_path, [Record(letter.value, b"", with_parts.headers, NOON_US, letter.topic, 0, 1)])
    columns = ", ".join(f'"{name}"' for name in DEAD_LETTER_COLUMNS)
    with closing(open_store(tmp_path)) as connection:
        rows = connection.sql(f"SELECT {columns} FROM dead_letters").to_arrow_table()
    spans = {span.name: span for group in spans_of(events_in(rows, DEAD_LETTERS), "tocsin") for span in group.spans()}
    produced, consumed = spans["produce_event"], spans["consume_event"]
    assert produced.start_ns == produced.end_ns == (NOON_US - 1_000) * 1000
    assert produced.end_ns <= consumed.start_ns
