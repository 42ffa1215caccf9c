from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.stats.small_store import TACTICS, alert, event, store_of
from tocsin.stats.queries import read_statistics
from tocsin.stats.statistics import NO_TACTIC, Filters, Ranked


def test_totals_count_events_hosts_users_alerts_and_dead_letters() -> None:
    store = store_of(
        events=[
            event("2026-01-12 06:00", "ws-1", "ann", activity="TA0002"),
            event("2026-01-12 07:00", "ws-2", "ann", level="high", format="winlogbeat"),
            event("2026-01-12 08:00", "ws-2", ""),
        ],
        alerts=[alert("2026-01-12 07:00", level="high"), alert("2026-01-12 07:00", "r2", level="medium")],
        dead_letters=["not_json", "too_deep", "not_json"],
    )
    totals = read_statistics(store, TACTICS).totals
    assert (totals.events, totals.hosts, totals.users, totals.alerts) == (3, 2, 1, 2)
    assert totals.alert_levels == {"medium": 1, "high": 1}
    assert totals.basis == {"activity": 1, "detection": 1, "none": 1}
    assert totals.formats == {"evtx-json": 2, "winlogbeat": 1}
    assert totals.levels == {"high": 1}
    assert list(totals.dead_letters.items()) == [("not_json", 2), ("too_deep", 1)]


def test_counts_over_time_fall_into_the_bucket_of_their_time() -> None:
    store = store_of(
        events=[
            event("2026-01-12 06:00:00", activity="TA0002"),
            event("2026-01-12 06:00:59.999999", activity="TA0002"),
            event("2026-01-12 06:01:00", activity="TA0001"),
            event("2026-01-12 06:03:30"),
        ],
        alerts=[alert("2026-01-12 06:00:59.999999", level="high"), alert("2026-01-12 06:03:30", level="low")],
    )
    found = read_statistics(store, TACTICS)
    assert found.axis is not None
    assert (found.axis.start, found.axis.width_name) == (datetime(2026, 1, 12, 6, 0, tzinfo=UTC), "5 s")
    per_minute = {name: _by(12, line) for name, line in found.activity_over_time.items()}
    assert per_minute == {"TA0002": [2, 0, 0, 0], "TA0001": [0, 1, 0, 0]}
    assert _by(12, found.events_over_time) == [2, 1, 0, 1]
    assert {level: _by(12, line) for level, line in found.alerts_over_time.items()} == {
        "high": [1, 0, 0, 0],
        "low": [0, 0, 0, 1],
    }


def test_an_alert_with_two_tactics_counts_in_both_but_once_in_all() -> None:
    store = store_of([event("2026-01-12 06:00")], [alert("2026-01-12 06:00", tactics=["TA0002", "TA0003"])])
    found = read_statistics(store, TACTICS)
    assert found.alert_tactics == {"TA0002": {"medium": 1}, "TA0003": {"medium": 1}}
    assert found.totals.alerts == 1
    assert found.alerts_over_time == {"medium": (1,)}


def test_alerts_without_a_tactic_or_with_an_unknown_one_are_not_lost() -> None:
    alerts = [alert("2026-01-12 06:00", tactics=[]), alert("2026-01-12 06:00", tactics=["TA9999"])]
    found = read_statistics(store_of([event("2026-01-12 06:00")], alerts), TACTICS)
    assert found.alert_tactics == {NO_TACTIC: {"medium": 1}, "TA9999": {"medium": 1}}
    assert list(found.tactics)[-2:] == ["TA9999", NO_TACTIC]
    assert [found.tactic_name(tactic) for tactic in found.tactics][-3:] == ["Impact", "TA9999", "(no tactic)"]


def test_activity_is_never_counted_as_a_detection() -> None:
    store = store_of([event("2026-01-12 06:00", activity="TA0001"), event("2026-01-12 06:00", activity="TA0001")])
    found = read_statistics(store, TACTICS)
    assert found.activity_tactics == {"TA0001": 2}
    assert found.alert_tactics == {} == found.alert_tactics_over_time


def test_rankings_name_the_first_and_sum_up_the_others() -> None:
    alerts = [
        *[alert("2026-01-12 06:00", "r1", "ws-1", user="ann", techniques=["T1", "T2"])] * 3,
        *[alert("2026-01-12 06:00", "r2", "ws-2", user="bob", techniques=["T2"], level="high")] * 2,
        alert("2026-01-12 06:00", "r3", None, user=None, techniques=[], title=None),
    ]
    found = read_statistics(store_of([event("2026-01-12 06:00")], alerts), TACTICS, top=1)
    assert found.rules.top == (Ranked("r1", "Rule r1", {"medium": 3}, sightings=1),)
    assert (found.rules.others, found.rules.other_levels) == (2, {"high": 2, "medium": 1})
    assert found.techniques.top == (Ranked("T2", "", {"medium": 3, "high": 2}, sightings=2),)
    assert (found.techniques.others, found.techniques.other_levels) == (1, {"medium": 3})
    assert found.users.top == (Ranked("ann", "", {"medium": 3}, sightings=1),)
    everyone = read_statistics(store_of([event("2026-01-12 06:00")], alerts), TACTICS).hosts
    assert [(ranked.name, ranked.alerts) for ranked in everyone.top] == [("ws-1", 3), ("ws-2", 2), ("", 1)]
    assert (everyone.others, everyone.other_levels) == (0, {})


def test_alerts_of_one_rule_on_one_host_in_one_minute_are_one_sighting() -> None:
    alerts = [
        alert("2026-01-12 06:00:01", "r1", "ws-1"),
        alert("2026-01-12 06:00:59", "r1", "ws-1"),
        alert("2026-01-12 06:01:00", "r1", "ws-1"),
        alert("2026-01-12 06:00:01", "r1", "ws-2"),
        alert("2026-01-12 06:00:01", "r2", "ws-1"),
    ]
    found = read_statistics(store_of([event("2026-01-12 06:00")], alerts), TACTICS)
    assert (found.totals.alerts, found.totals.sightings) == (5, 4)
    assert [(ranked.name, ranked.sightings) for ranked in found.hosts.top] == [("ws-1", 3), ("ws-2", 1)]


@pytest.mark.parametrize(
    ("filters", "events", "alerts"),
    [
        (Filters(), 4, 3),
        (Filters(since=datetime(2026, 1, 12, 7)), 3, 2),
        (Filters(until=datetime(2026, 1, 12, 7)), 1, 1),
        (Filters(since=datetime(2026, 1, 12, 9, tzinfo=timezone(timedelta(hours=2)))), 3, 2),
        (Filters(host="ws-2"), 2, 2),
        (Filters(host="WS-2"), 2, 2),
        (Filters(host="ws-2' OR 1=1 --"), 0, 0),
        (Filters(min_level="high"), 4, 2),
        (Filters(min_level="critical", host="ws-2", since=datetime(2026, 1, 12, 8)), 1, 1),
    ],
)
def test_filters_choose_what_is_counted(filters: Filters, events: int, alerts: int) -> None:
    store = store_of(
        events=[event(f"2026-01-12 0{hour}:00", host) for hour, host in ((6, "ws-1"), (7, "ws-2"), (8, "ws-2"))]
        + [event("2026-01-12 09:00", "ws-3")],
        alerts=[
            alert("2026-01-12 06:00", host="ws-1", level="medium"),
            alert("2026-01-12 07:00", host="ws-2", level="high"),
            alert("2026-01-12 08:00", host="ws-2", level="critical"),
        ],
    )
    totals = read_statistics(store, TACTICS, filters).totals
    assert (totals.events, totals.alerts) == (events, alerts)


def test_a_clock_that_was_never_set_does_not_stretch_the_axis() -> None:
    minutes = [event(f"2026-01-12 {hour:02}:{minute:02}") for hour in range(20) for minute in range(60)]
    far_off = [event("1601-01-01 00:00"), event("9999-12-31 23:59:59.999999"), event("2031-01-01 00:00"), event(None)]
    found = read_statistics(store_of(minutes + far_off, [alert(None), alert("1601-01-01 00:00")]), TACTICS)
    assert found.axis is not None
    assert found.axis.span_name == "2026-01-12 00:00 to 2026-01-12 20:00 UTC"
    assert (found.totals.events, found.undrawn_events, sum(found.events_over_time)) == (1204, 4, 1200)
    assert (found.totals.alerts, found.undrawn_alerts) == (2, 2)


def test_an_empty_store_gives_noughts_and_no_axis() -> None:
    found = read_statistics(store_of(), TACTICS)
    assert (found.axis, found.totals.events, found.totals.alerts, found.rules.top) == (None, 0, 0, ())
    assert found.scope == ("no events",)


def test_the_store_is_left_as_it_was() -> None:
    store = store_of([event("2026-01-12 06:00")], [alert("2026-01-12 06:00")])
    read_statistics(store, TACTICS)
    tables = store.execute("SELECT table_name FROM information_schema.tables WHERE table_type <> 'VIEW'").fetchall()
    assert sorted(name for (name,) in tables) == ["alert_rows", "dead_letter_rows", "event_rows"]


def _by(step: int, line: tuple[int, ...]) -> list[int]:
    return [sum(line[start : start + step]) for start in range(0, len(line), step)]
