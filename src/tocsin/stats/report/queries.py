"""Ask the views `alerts` and `events` what a report says. Of the events, only those of listed alerts are read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb

from tocsin.stats.conditions import IS_WANTED_ALERT, alert_values_of
from tocsin.stats.report.findings import Alert, Burst, Findings, Fired, Host, Limits, Rule, TacticReach
from tocsin.stats.report.ranking import BURST_RULES, LEVEL_WEIGHTS, PAUSE_MINUTES, TACTIC_WEIGHT
from tocsin.stats.statistics import Filters
from tocsin.verdict import LEVELS

OnPart = Callable[[int, int], None]  # how much is done, of how much

_EVENTS_AT_ONCE = 1_000

# The view unpacks JSON: it is read once. `level` is 1 for the lowest. A burst begins, and goes on, with alerts of rules
# that were silent on the host for so long, so that a rule that never rests glues nothing together; what else fires
# meanwhile is in it. Burst 0 has no times; what is in none is NULL.
_REPORTED = """
CREATE OR REPLACE TEMP TABLE reported AS
WITH wanted AS (
    SELECT topic, "partition", "offset", event_id, time, coalesce(host, '') AS host, coalesce("user", '') AS "user",
        rule_id, rule_title, author, license, tactics, techniques, list_position($all_levels, level) AS level,
        to_minutes($pause) AS pause, row_number() OVER () AS row,  -- so that every window has one order
        {has_event} AS has_event
    FROM alerts
    WHERE {is_wanted}
), fresh AS (
    SELECT *, coalesce(time - lag(time) OVER (PARTITION BY host, rule_id ORDER BY time, row) > pause, true) AS is_new
    FROM wanted
), followed AS (
    SELECT *, last_value(CASE WHEN is_new THEN time END IGNORE NULLS) OVER (
        PARTITION BY host ORDER BY time, row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS last_new
    FROM fresh
), numbered AS (
    SELECT *, sum((time IS NOT NULL AND is_new AND (last_new IS NULL OR time - last_new > pause))::INTEGER) OVER (
        PARTITION BY host ORDER BY time, row ROWS UNBOUNDED PRECEDING) AS number
    FROM followed
)
SELECT * EXCLUDE (pause, row, is_new, last_new, number),
    CASE WHEN time IS NULL THEN 0 WHEN is_new OR time - last_new <= pause THEN number END AS burst
FROM numbered
"""

_SCORED = """
CREATE OR REPLACE TEMP TABLE scored AS
WITH weighed AS (
    SELECT rule_id, 1 / (1 + log10(count(DISTINCT host))) AS share FROM reported GROUP BY rule_id
), of_rules AS (
    SELECT host, burst, rule_id, any_value(tactics) AS tactics,
        $weights[max(level)] * any_value(share) AS weight, any_value(share) = 1 AS is_alone, max(time) AS last
    FROM reported JOIN weighed USING (rule_id) WHERE burst IS NOT NULL GROUP BY ALL
)
SELECT host, burst, max(last) AS last, list(rule_id ORDER BY weight DESC, rule_id)[:$burst_rules] AS rules,
    count(*) AS rule_count, count(*) FILTER (is_alone) AS alone,
    sum(weight) * (1 + $tactic_weight * greatest(0, len(list_distinct(flatten(list(tactics)))) - 1)) AS score
FROM of_rules GROUP BY ALL
"""

_TOTALS = "SELECT count(*), min(time), max(time), count(DISTINCT host), (SELECT count(*) FROM scored) FROM reported"

_BURSTS = """
WITH top AS (FROM scored ORDER BY score DESC, last DESC, host, burst LIMIT $bursts),
chosen AS (FROM reported SEMI JOIN top USING (host, burst)),
tactics_seen AS (
    SELECT host, burst, list(tactic ORDER BY first, tactic) AS tactics FROM (
        SELECT host, burst, tactic, min(time) AS first
        FROM (SELECT host, burst, time, unnest(tactics) AS tactic FROM chosen) GROUP BY ALL
    ) GROUP BY ALL
)
SELECT host, min(time), max(time), any_value(score), any_value(top.rules), any_value(rule_count), any_value(alone),
    any_value(tactics_seen.tactics), {levels}
FROM top JOIN chosen USING (host, burst) LEFT JOIN tactics_seen USING (host, burst)
GROUP BY host, burst
ORDER BY any_value(score) DESC, max(time) DESC, host, burst
"""

_HOSTS = """
WITH ranks AS (SELECT host, max(score) AS score FROM scored GROUP BY host ORDER BY 2 DESC, host LIMIT $hosts)
SELECT host, count(DISTINCT rule_id), list_distinct(flatten(list(DISTINCT tactics))), min(time), max(time), {levels}
FROM reported JOIN ranks USING (host) GROUP BY host, score ORDER BY score DESC, host
"""

_RULES = """
SELECT rule_id, arg_max(rule_title, level), max(level), arg_max(author, level), arg_max(license, level),
    arg_max(tactics, level), arg_max(techniques, level), count(*), count(DISTINCT host), min(time), max(time)
FROM reported GROUP BY rule_id ORDER BY max(level) DESC, count(*) DESC, rule_id
"""

_TACTIC_REACH = """
SELECT tactic, count(DISTINCT rule_id), count(DISTINCT host)
FROM (SELECT rule_id, host, unnest(CASE WHEN len(tactics) > 0 THEN tactics ELSE [''] END) AS tactic
    FROM (SELECT DISTINCT rule_id, host, tactics FROM reported))
GROUP BY tactic
"""

_FIRED = "SELECT tactics, techniques, level, count(*) FROM reported GROUP BY ALL ORDER BY ALL"

_LISTED = """
SELECT level, time, host, "user", rule_id, event_id, topic, "partition", "offset"
FROM (SELECT *, row_number() OVER (
    PARTITION BY rule_id ORDER BY has_event DESC, time, topic, "partition", "offset") AS number FROM reported)
WHERE number <= $rows_per_rule
ORDER BY level DESC, time, topic, "partition", "offset", rule_id
LIMIT $rows
"""

# Bounds beside the join let the reader pass over row groups.
_EVENTS = """
SELECT topic, "partition", "offset", left(event, $characters)
FROM events SEMI JOIN (SELECT unnest($topics) AS topic, unnest($partitions) AS "partition",
    unnest($offsets) AS "offset") USING (topic, "partition", "offset")
WHERE "offset" BETWEEN $first AND $last AND basis = 'detection'
"""

_HOST_RANKS = "SELECT host FROM scored GROUP BY host ORDER BY max(score) DESC, host"

_LEVEL_COUNTS = ", ".join(f"count(*) FILTER (level = {place})" for place in range(1, len(LEVELS) + 1))

_Place = tuple[str, int, int]


def read_findings(
    store: duckdb.DuckDBPyConnection,
    filters: Filters,
    limits: Limits,
    on_part: OnPart = lambda _done, _of: None,
    has_event: str = "true",
) -> Findings:
    """Count and rank what the views hold, and fetch the alerts to list with their events.

    `has_event`: what says of a row of `alerts`, in SQL, whether its event was kept; those are listed before others.
    Makes two temporary tables in the connection, and drops them.
    """
    with _reported(store, filters, has_event):
        count, first, last, host_count, burst_count = store.execute(_TOTALS).fetchall()[0]
        rules = {row[0]: _rule(row) for row in store.execute(_RULES).fetchall()}
        listed = _with_events(store, _rows_to_list(store, limits), limits, on_part)
        return Findings(
            count=count,
            first=first,
            last=last,
            bursts=_bursts(store, limits),
            burst_count=burst_count,
            hosts=_hosts(store, limits),
            host_count=host_count,
            rules=rules,
            tactic_reach={
                tactic: TacticReach(of_rules, of_hosts)
                for tactic, of_rules, of_hosts in store.execute(_TACTIC_REACH).fetchall()
            },
            fired=[
                Fired(tuple(tactics or ()), tuple(techniques or ()), LEVELS[level - 1], alerts)
                for tactics, techniques, level, alerts in store.execute(_FIRED).fetchall()
            ],
            listed=_by_host(store, listed),
            listed_by_rule=Counter(alert.rule for alert in listed),
        )


@contextmanager
def _reported(store: duckdb.DuckDBPyConnection, filters: Filters, has_event: str) -> Iterator[None]:
    values = alert_values_of(filters) | {"all_levels": list(LEVELS), "pause": PAUSE_MINUTES}
    weights = [float(LEVEL_WEIGHTS[level]) for level in LEVELS]
    try:
        store.execute(_REPORTED.format(is_wanted=IS_WANTED_ALERT, has_event=has_event), values)
        store.execute(_SCORED, {"weights": weights, "burst_rules": BURST_RULES, "tactic_weight": TACTIC_WEIGHT})
        yield
    finally:
        store.execute("DROP TABLE IF EXISTS reported; DROP TABLE IF EXISTS scored")


def _bursts(store: duckdb.DuckDBPyConnection, limits: Limits) -> list[Burst]:
    rows = store.execute(_BURSTS.format(levels=_LEVEL_COUNTS), {"bursts": limits.bursts}).fetchall()
    return [
        Burst(host, first, last, score, _levels(counts), tuple(rules), rule_count, alone, tuple(tactics or ()))
        for host, first, last, score, rules, rule_count, alone, tactics, *counts in rows
    ]


def _hosts(store: duckdb.DuckDBPyConnection, limits: Limits) -> list[Host]:
    rows = store.execute(_HOSTS.format(levels=_LEVEL_COUNTS), {"hosts": limits.hosts}).fetchall()
    return [
        Host(name, _levels(counts), rules, tuple(tactics or ()), first, last)
        for name, rules, tactics, first, last, *counts in rows
    ]


def _rule(row: Sequence[Any]) -> Rule:
    id_, title, level, author, license_, tactics, techniques, alerts, hosts, first, last = row
    return Rule(
        id_, title or "", LEVELS[level - 1], author or "", license_ or "", tuple(tactics or ()),
        tuple(techniques or ()), alerts, hosts, first, last,
    )  # fmt: skip


def _levels(counts: Sequence[int]) -> Mapping[str, int]:
    return {level: count for level, count in zip(LEVELS, counts, strict=True) if count}


def _rows_to_list(store: duckdb.DuckDBPyConnection, limits: Limits) -> list[Alert]:
    """Return alerts without their events, the gravest first."""
    values = {"rows": limits.rows, "rows_per_rule": limits.rows_per_rule}
    return [
        Alert(LEVELS[level - 1], time, host, user, rule, event_id or "", topic, partition, offset, None)
        for level, time, host, user, rule, event_id, topic, partition, offset in store.execute(
            _LISTED, values
        ).fetchall()
    ]


def _with_events(
    store: duckdb.DuckDBPyConnection, alerts: Sequence[Alert], limits: Limits, on_part: OnPart
) -> list[Alert]:
    """Return the first of the alerts with their events, as many as a page has room for."""
    room = limits.page_bytes
    listed: list[Alert] = []
    for start in range(0, len(alerts), _EVENTS_AT_ONCE):
        on_part(start, len(alerts))
        portion = alerts[start : start + _EVENTS_AT_ONCE]
        events = _events_of(store, portion, limits.event_bytes)
        for alert in portion:
            event = events.get((alert.topic, alert.partition, alert.offset))
            encoded = (event or "").encode("utf-8", "replace")
            room -= len(encoded[: limits.event_bytes])
            if room < 0:
                return listed
            is_cut = len(encoded) > limits.event_bytes
            shown = encoded[: limits.event_bytes].decode("utf-8", "replace") if is_cut else event
            listed.append(replace(alert, event=shown or None, is_cut=is_cut))
    on_part(len(alerts), len(alerts))
    return listed


def _events_of(store: duckdb.DuckDBPyConnection, alerts: Iterable[Alert], event_bytes: int) -> dict[_Place, str | None]:
    topics, partitions, offsets = zip(*((a.topic, a.partition, a.offset) for a in alerts), strict=True)
    values = {
        "topics": list(topics),
        "partitions": list(partitions),
        "offsets": list(offsets),
        "first": min(offsets),
        "last": max(offsets),
        "characters": event_bytes + 1,  # one more says that there is more
    }
    rows = store.execute(_EVENTS, values).fetchall()
    return {(topic, partition, offset): event for topic, partition, offset, event in rows}


def _by_host(store: duckdb.DuckDBPyConnection, alerts: Sequence[Alert]) -> list[Alert]:
    wanted = {alert.host for alert in alerts}
    names = (host for (host,) in store.execute(_HOST_RANKS).fetchall())
    ranks = {host: rank for rank, host in enumerate(host for host in names if host in wanted)}
    return sorted(alerts, key=lambda alert: (ranks[alert.host], alert.time is None, alert.time or datetime.min))
