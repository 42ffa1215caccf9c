"""What a report says is what the store holds, the gravest first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.stats.report.reported import alert, findings_of
from tocsin.stats.report.findings import Findings, Limits


def bursts(findings: Findings) -> list[tuple[str, str, int]]:
    """Return host, time of the first alert and number of alerts of each."""
    return [
        (burst.host, f"{burst.first:%H:%M}" if burst.first else "", sum(burst.levels.values()))
        for burst in findings.bursts
    ]


def test_alerts_on_a_host_within_an_hour_of_one_another_are_one_burst() -> None:
    alerts = [
        alert("08:00", "a"),
        alert("08:59", "b"),
        alert("09:58", "c"),
        alert("11:00", "d"),
        alert("08:30", host="x"),
    ]
    assert sorted(bursts(findings_of(alerts))) == [("ws-1", "08:00", 3), ("ws-1", "11:00", 1), ("x", "08:30", 1)]


def test_a_rule_that_never_rests_glues_no_bursts_together() -> None:
    noise = [alert(f"{minute // 60:02d}:{minute % 60:02d}", "noisy") for minute in range(0, 720, 10)]
    attack = [alert("05:00", "a", level="high"), alert("05:20", "b", level="high")]
    first, second = findings_of([*noise, *attack]).bursts
    assert (first.first, first.levels["high"]) == (datetime(2026, 1, 12, 5), 2)
    assert first.last is not None
    assert first.last < datetime(2026, 1, 12, 6, 30)
    assert (second.first, second.rules) == (datetime(2026, 1, 12), ("noisy",))


def test_many_alerts_of_one_moment_are_one_burst() -> None:
    alerts = [alert("08:00", f"rule-{number % 7}", host=f"ws-{number % 3}") for number in range(300)]
    assert sorted(bursts(findings_of(alerts))) == [(f"ws-{host}", "08:00", 100) for host in range(3)]


def test_alerts_without_a_time_are_a_burst_of_their_own() -> None:
    assert sorted(bursts(findings_of([alert(None, "a"), alert(None, "b"), alert("08:00", "a")]))) == [
        ("ws-1", "", 2),
        ("ws-1", "08:00", 1),
    ]


def test_a_grave_alert_comes_before_many_slight_ones() -> None:
    slight = [alert(f"08:{minute:02d}", "slight", host="noisy") for minute in range(60)]
    assert findings_of([*slight, alert("09:00", "grave", host="quiet", level="critical")]).bursts[0].host == "quiet"


def test_of_two_alike_the_one_with_more_tactics_comes_first_and_the_one_with_the_rarer_rule() -> None:
    one = [alert("08:00", "a", host="one"), alert("08:01", "b", host="one")]
    two = [alert("08:00", "c", host="two"), alert("08:01", "d", host="two", tactics=["TA0040"])]
    assert [burst.host for burst in findings_of([*one, *two]).bursts] == ["two", "one"]
    everywhere = [alert("08:00", "common", host=f"ws-{number}") for number in range(20)]
    assert findings_of([*everywhere, alert("08:00", "rare", host="ws-99")]).bursts[0].host == "ws-99"


def test_tactics_of_a_burst_stand_in_the_order_in_which_they_were_seen() -> None:
    alerts = [
        alert("08:20", "c", tactics=["TA0001"]),
        alert("08:00", "a", tactics=["TA0040"]),
        alert("08:10", "b", tactics=["TA0002", "TA0040"]),
    ]
    assert findings_of(alerts).bursts[0].tactics == ("TA0040", "TA0002", "TA0001")


def test_hosts_rules_and_tactics_are_counted_whatever_is_listed() -> None:
    alerts = [alert(f"08:{number:02d}", f"r{number % 2}", host=f"h{number % 3}", level="high") for number in range(12)]
    findings = findings_of(alerts, Limits(rows=2, hosts=1))
    assert (findings.count, findings.host_count, len(findings.hosts), len(findings.listed)) == (12, 3, 1, 2)
    assert {rule.id: (rule.alerts, rule.hosts) for rule in findings.rules.values()} == {"r0": (6, 3), "r1": (6, 3)}
    assert (findings.tactic_reach["TA0002"].rules, findings.tactic_reach["TA0002"].hosts) == (2, 3)
    assert findings.listed_by_rule == {"r0": 1, "r1": 1}


def test_the_gravest_alerts_are_listed_first_and_no_rule_takes_all_the_room() -> None:
    noisy = [alert(f"08:{minute:02d}", "noisy", level="high") for minute in range(60)]
    findings = findings_of([*noisy, alert("09:00", "low", level="low")], Limits(rows=20, rows_per_rule=5))
    assert findings.listed_by_rule == {"noisy": 5, "low": 1}
    findings = findings_of([*noisy, alert("09:00", "low", level="low")], Limits(rows=5, rows_per_rule=5))
    assert findings.listed_by_rule == {"noisy": 5}


def test_a_listed_alert_has_its_event_cut_where_it_is_too_long() -> None:
    alerts = [alert("08:00", event='{"b":"ä"}'), alert("08:01", event="é" * 600), alert("08:02", event=None)]
    first, second, third = findings_of(alerts, Limits(event_bytes=1000)).listed
    assert (first.event, first.is_cut) == ('{"b":"ä"}', False)
    assert (second.event, second.is_cut) == ("é" * 500, True)
    assert (third.event, third.is_cut) == (None, False)


def test_events_of_a_page_have_a_limit_together() -> None:
    alerts = [alert(f"08:{minute:02d}", event="x" * 100) for minute in range(10)]
    assert len(findings_of(alerts, Limits(page_bytes=450)).listed) == 4


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"host": "ws-2"}, 1),
        ({"min_level": "high"}, 2),
        ({"since": datetime(2026, 1, 12, 9, tzinfo=UTC)}, 2),
        ({"until": datetime(2026, 1, 12, 9, tzinfo=UTC) + timedelta(hours=1)}, 2),
    ],
)
def test_filters_leave_out_the_rest(filters: dict[str, Any], count: int) -> None:
    alerts = [alert("08:00"), alert("09:00", host="ws-2", level="high"), alert("10:00", level="critical")]
    findings = findings_of(alerts, **filters)
    assert (findings.count, len(findings.listed), sum(rule.alerts for rule in findings.rules.values())) == (count,) * 3


def test_no_alerts_are_no_findings() -> None:
    findings = findings_of([])
    assert (findings.count, findings.bursts, findings.hosts, findings.listed) == (0, [], [], [])


def test_rules_of_a_burst_are_counted_also_those_that_are_not_named() -> None:
    alerts = [alert("08:00", f"r{number}") for number in range(9)]
    burst, _ = findings_of([*alerts, alert("08:00", "r0", host="ws-2")]).bursts
    assert (burst.host, burst.rule_count, burst.rules_here_alone, len(burst.rules)) == ("ws-1", 9, 8, 6)
