import json
from datetime import datetime
from io import StringIO

from rich.console import Console

from tests.stats.small_store import TACTICS, alert, event, store_of
from tocsin.stats.queries import read_statistics
from tocsin.stats.statistics import Filters, Statistics
from tocsin.stats.tables import as_json, print_statistics


def _printed(statistics: Statistics) -> str:
    output = StringIO()
    print_statistics(statistics, Console(file=output, width=100, force_terminal=True, color_system=None))
    return output.getvalue()


def _rows(printed: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines()]


def test_tables_show_detections_by_tactic_and_level_and_activity_apart() -> None:
    store = store_of(
        events=[event("2026-01-12 06:00", activity="TA0001"), event("2026-01-12 07:00", level="high")],
        alerts=[alert("2026-01-12 07:00", level="high", tactics=["TA0002", "TA0040"]), alert("2026-01-12 07:00")],
        dead_letters=["not_json"],
    )
    detections, activity = _printed(read_statistics(store, TACTICS)).split("Activity (not detections)")
    assert ["high", "medium", "alerts"] in _rows(detections)
    assert ["Execution", "1", "1", "2"] in _rows(detections)
    assert ["Impact", "1", "1"] in _rows(detections)
    assert ["all", "alerts", "1", "1", "2"] in _rows(detections)
    assert ["not_json", "1"] in _rows(detections)
    assert ["Initial", "Access", "1"] in _rows(activity)


def test_the_timeline_shows_when_a_tactic_was_seen() -> None:
    events = [event(f"2026-01-12 {hour:02}:00") for hour in range(24)]
    alerts = [alert("2026-01-12 00:10")] * 8 + [alert("2026-01-12 22:50")]
    assert ["Execution", "█" + "·" * 33 + "▁"] in _rows(_printed(read_statistics(store_of(events, alerts), TACTICS)))


def test_an_empty_store_is_printed_with_noughts() -> None:
    rows = _rows(_printed(read_statistics(store_of(), TACTICS)))
    assert ["no", "events"] in rows
    assert ["all", "alerts", "0"] in rows


def test_hostile_text_reaches_the_terminal_harmless_and_is_no_markup() -> None:
    hostile = "[red]a\x1b[2j\u202eb\u061c\n\x9b"
    alerts = [alert("2026-01-12 06:00", hostile, hostile, user=hostile, title=hostile, tactics=[hostile])]
    store = store_of([event("2026-01-12 06:00", hostile, format=hostile)], alerts, [hostile])
    printed = _printed(read_statistics(store, TACTICS, Filters(host=hostile)))
    shown = r"[red]a\x1b[2j\u202eb\u061c\x0a\x9b"
    assert printed.count(shown) == 8  # host filter, format, reason, tactic twice, rule, host, user
    assert not set("\x1b\u202e\u061c\x9b") & set(printed)


def test_json_holds_everything_as_plain_values() -> None:
    store = store_of(
        events=[event("2026-01-12 06:00", activity="TA0001"), event("2026-01-12 06:01", level="high")],
        alerts=[alert("2026-01-12 06:01", level="high")],
        dead_letters=["not_json"],
    )
    statistics = read_statistics(store, TACTICS, Filters(since=datetime(2026, 1, 1)))
    found = json.loads(json.dumps(as_json(statistics)))
    assert found["filters"] == {"since": "2026-01-01T00:00:00+00:00", "until": None, "host": None, "min_level": None}
    assert (found["events"], found["alerts"], found["dead_letters"]) == (2, 1, {"not_json": 1})
    assert found["detections_by_tactic"] == [{"id": "TA0002", "name": "Execution", "alerts": 1, "levels": {"high": 1}}]
    assert found["activity_by_tactic"] == [{"id": "TA0001", "name": "Initial Access", "events": 1}]
    assert found["rules"]["top"] == [
        {"name": "r1", "title": "Rule r1", "alerts": 1, "levels": {"high": 1}, "sightings": 1}
    ]
    assert found["over_time"]["start"] == "2026-01-12T06:00:00+00:00"
    assert sum(found["over_time"]["events"]) == 2
