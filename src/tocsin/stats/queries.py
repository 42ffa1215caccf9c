"""Ask the store for its statistics. Never touches the events themselves, so ten million rows take seconds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import duckdb

from tocsin.stats.conditions import IS_WANTED, IS_WANTED_ALERT, alert_values_of, as_stored, values_of
from tocsin.stats.statistics import NO_TACTIC, Counts, Filters, Ranked, Ranking, Statistics, Totals
from tocsin.stats.time_axis import TimeAxis, time_axis
from tocsin.verdict import LEVELS

# Clocks that were never set and forged times lie anywhere in years 1 to 9999; no calendar arithmetic at its ends.
_FIRST_TIME = datetime(1980, 1, 1, tzinfo=UTC)  # earlier ones say "never": zero in some way of counting
_LAST_TIME = datetime(9000, 1, 1, tzinfo=UTC)
_LEAST_MARGIN = timedelta(hours=1)
_EVERYTHING = Filters()

# The bulk of the times lies between two thousandths; hours are fine enough to find them.
_SPAN = f"""
WITH hours AS (
    SELECT epoch_us(time) // 3600000000 AS hour, count(*) AS events, min(time) AS first, max(time) AS last
    FROM events
    WHERE time >= $first_time AND time < $last_time
        AND {IS_WANTED}
    GROUP BY 1
), running AS (
    SELECT *, sum(events) OVER (ORDER BY hour) AS so_far, sum(events) OVER () AS total FROM hours
)
SELECT
    min(first), min(first) FILTER (so_far > total / 1000),
    max(last) FILTER (so_far - events < total - total / 1000), max(last)
FROM running
"""  # noqa: S608  texts of our own

_EVENTS = f"""
SELECT
    CASE WHEN epoch_us(time) >= $start AND epoch_us(time) < $end THEN (epoch_us(time) - $start) // $width END AS bucket,
    basis, format, level, activity_tactic, count(*) AS events
FROM events
WHERE {IS_WANTED}
GROUP BY ALL
"""  # noqa: S608  texts of our own

_DISTINCT = f"""
SELECT count(DISTINCT host) FILTER (host <> ''), count(DISTINCT "user") FILTER ("user" <> '')
FROM events
WHERE {IS_WANTED}
"""  # noqa: S608  texts of our own

_DEAD_LETTERS = "SELECT reason, count(*) FROM dead_letters GROUP BY 1 ORDER BY 2 DESC, 1"

# The view `alerts` unpacks the matches of every event that has some: it is read once, for all that follows.
_COUNT_ALERTS = f"""
CREATE OR REPLACE TEMP TABLE counted_alerts AS
SELECT
    CASE WHEN epoch_us(time) >= $start AND epoch_us(time) < $end THEN (epoch_us(time) - $start) // $width END AS bucket,
    epoch_us(time) // 60000000 AS minute, host, "user", rule_id, rule_title, level, tactics, techniques,
    count(*) AS alerts
FROM alerts
WHERE {IS_WANTED_ALERT}
GROUP BY ALL
"""  # noqa: S608  texts of our own

_ALERT_LEVELS = "SELECT bucket, level, sum(alerts)::BIGINT FROM counted_alerts GROUP BY ALL"

_SIGHTINGS = "SELECT count(DISTINCT (rule_id, host, minute)) FROM counted_alerts"

_ALERT_TACTICS = """
WITH named AS (
    SELECT bucket, unnest(CASE WHEN len(tactics) > 0 THEN tactics ELSE [''] END) AS tactic, level, alerts
    FROM counted_alerts
)
SELECT bucket, tactic, level, sum(alerts)::BIGINT FROM named GROUP BY ALL
"""

_RANKING = """
WITH named AS (
    SELECT
        coalesce(unnest(CASE $of WHEN 'rule' THEN [rule_id] WHEN 'host' THEN [host] WHEN 'user' THEN ["user"]
            ELSE techniques END), '') AS name,
        CASE $of WHEN 'rule' THEN rule_title ELSE '' END AS title, level, alerts, (rule_id, host, minute) AS sighting
    FROM counted_alerts
), ranked AS (
    SELECT name, row_number() OVER (ORDER BY sum(alerts) DESC, name) AS rank FROM named GROUP BY name
)
SELECT
    least(rank, $top + 1) AS place, level, any_value(name), max(title), sum(alerts)::BIGINT,
    count(DISTINCT sighting),
    (SELECT greatest(0, count(*) - $top) FROM ranked) AS others
FROM named JOIN ranked USING (name)
GROUP BY place, level
ORDER BY place
"""


_FIRED_TECHNIQUES = f"""
WITH named AS (
    SELECT unnest(techniques) AS technique, rule_title FROM alerts
    WHERE {IS_WANTED_ALERT}
)
SELECT technique, rule_title, count(*) FROM named GROUP BY ALL ORDER BY ALL
"""  # noqa: S608  texts of our own


class _EventCount(NamedTuple):
    bucket: int | None
    basis: str | None
    format: str | None
    level: str | None
    activity_tactic: str | None
    events: int


def read_statistics(
    store: duckdb.DuckDBPyConnection,
    tactics: Sequence[tuple[str, str]],
    filters: Filters = _EVERYTHING,
    top: int = 10,
) -> Statistics:
    """Count what the views `events`, `alerts` and `dead_letters` of a store hold.

    `tactics`: ids and names in matrix order. `top`: how many rules, techniques, hosts and users are named, the others
    are summed up. Makes a temporary table of alert counts in the connection, and drops it.
    """
    axis = drawn_axis(store, filters)
    counts = _event_counts(store, filters, axis)
    with _counted_alerts(store, filters, axis):
        levels = store.execute(_ALERT_LEVELS).fetchall()
        sightings = int(store.execute(_SIGHTINGS).fetchall()[0][0])
        alert_tactics = store.execute(_ALERT_TACTICS).fetchall()
        rules, techniques, hosts, users = (_ranking(store, of, top) for of in ("rule", "technique", "host", "user"))
    buckets = axis.buckets if axis else 0
    activity = [count for count in counts if count.activity_tactic]
    return Statistics(
        filters=filters,
        tactics=_names(tactics, {tactic for _, tactic, _, _ in alert_tactics}, activity),
        totals=_totals(store, filters, counts, _summed((level, n) for _, level, n in levels), sightings),
        axis=axis,
        undrawn_events=sum(count.events for count in counts if count.bucket is None),
        undrawn_alerts=sum(n for bucket, _, n in levels if bucket is None),
        events_over_time=_line(buckets, ((count.bucket, count.events) for count in counts)),
        alerts_over_time=_over_time(buckets, ((level, bucket, n) for bucket, level, n in levels)),
        alert_tactics_over_time=_over_time(buckets, ((tactic, bucket, n) for bucket, tactic, _, n in alert_tactics)),
        activity_over_time=_over_time(
            buckets, ((count.activity_tactic or "", count.bucket, count.events) for count in activity)
        ),
        alert_tactics=_by_level((tactic, level, n) for _, tactic, level, n in alert_tactics),
        activity_tactics=_summed((count.activity_tactic or "", count.events) for count in activity),
        rules=rules,
        techniques=techniques,
        hosts=hosts,
        users=users,
    )


def fired_techniques(
    store: duckdb.DuckDBPyConnection, filters: Filters = _EVERYTHING
) -> Sequence[tuple[str, str, int]]:
    """Return technique, title of the rule and number of alerts, for all that fired."""
    values = alert_values_of(filters)
    return [tuple(row) for row in store.execute(_FIRED_TECHNIQUES, values).fetchall()]


def drawn_axis(store: duckdb.DuckDBPyConnection, filters: Filters) -> TimeAxis | None:
    """Return buckets over the times of the events; None where none has one.

    Where the first or last thousandth of the events reaches further away than all the others span (a clock that was
    never set), the axis leaves it out.
    """
    values = values_of(filters) | {"first_time": as_stored(_FIRST_TIME), "last_time": as_stored(_LAST_TIME)}
    row = store.execute(_SPAN, values).fetchone()
    if row is None or row[0] is None:
        return None
    first, bulk_first, bulk_last, last = (time.replace(tzinfo=UTC) for time in row)
    margin = max(bulk_last - bulk_first, _LEAST_MARGIN)
    return time_axis(
        first if bulk_first - first <= margin else bulk_first,
        last if last - bulk_last <= margin else bulk_last,
    )


def _event_counts(store: duckdb.DuckDBPyConnection, filters: Filters, axis: TimeAxis | None) -> Sequence[_EventCount]:
    rows = store.execute(_EVENTS, values_of(filters) | _axis_values(axis)).fetchall()
    return [_EventCount(*row) for row in rows]


@contextmanager
def _counted_alerts(store: duckdb.DuckDBPyConnection, filters: Filters, axis: TimeAxis | None) -> Iterator[None]:
    values = alert_values_of(filters) | _axis_values(axis)
    store.execute(_COUNT_ALERTS, values)
    try:
        yield
    finally:
        store.execute("DROP TABLE temp.counted_alerts")


def _totals(
    store: duckdb.DuckDBPyConnection,
    filters: Filters,
    counts: Iterable[_EventCount],
    alert_levels: Mapping[str, int],
    sightings: int,
) -> Totals:
    counts = list(counts)
    hosts, users = store.execute(_DISTINCT, values_of(filters)).fetchall()[0]
    return Totals(
        events=sum(count.events for count in counts),
        hosts=hosts,
        users=users,
        alerts=sum(alert_levels.values()),
        sightings=sightings,
        alert_levels={level: alert_levels[level] for level in LEVELS if level in alert_levels},
        basis=_summed((count.basis or "", count.events) for count in counts),
        formats=_summed((count.format or "", count.events) for count in counts),
        levels=_summed((count.level, count.events) for count in counts if count.level),
        dead_letters=dict(store.execute(_DEAD_LETTERS).fetchall()),
    )


def _ranking(store: duckdb.DuckDBPyConnection, of: str, top: int) -> Ranking:
    names: dict[int, tuple[str, str]] = {}
    levels: dict[int, dict[str, int]] = defaultdict(dict)
    sightings: Counter[int] = Counter()
    rows = store.execute(_RANKING, {"of": of, "top": top}).fetchall()
    for place, level, name, title, alerts, seen, _ in rows:
        names[place] = (name, title or "")
        levels[place][level] = alerts
        sightings[place] += seen  # a rule has one level
    ranked = tuple(Ranked(*names[place], levels[place], sightings[place]) for place in sorted(names) if place <= top)
    return Ranking(ranked, others=rows[0][-1] if rows else 0, other_levels=levels.get(top + 1, {}))


def _names(
    tactics: Sequence[tuple[str, str]], alert_tactics: set[str], activity: Iterable[_EventCount]
) -> Mapping[str, str]:
    names = dict(tactics)
    found = alert_tactics | {count.activity_tactic or "" for count in activity}
    names |= {tactic: tactic for tactic in sorted(found - {NO_TACTIC}) if tactic not in names}
    return names | {NO_TACTIC: ""} if NO_TACTIC in found else names


def _over_time(buckets: int, counts: Iterable[tuple[str, int | None, int]]) -> Mapping[str, Counts]:
    named: dict[str, list[tuple[int | None, int]]] = defaultdict(list)
    for name, bucket, count in counts:
        if bucket is not None:
            named[name].append((bucket, count))
    return {name: _line(buckets, points) for name, points in named.items()}


def _line(buckets: int, counts: Iterable[tuple[int | None, int]]) -> Counts:
    line = [0] * buckets
    for bucket, count in counts:
        if bucket is not None:
            line[bucket] += count
    return tuple(line)


def _by_level(counts: Iterable[tuple[str, str, int]]) -> Mapping[str, Mapping[str, int]]:
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for name, level, count in counts:
        sums[name][level] += count
    return {name: dict(levels) for name, levels in sums.items()}


def _summed(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the sum of each name, the largest first."""
    sums: Counter[str] = Counter()
    for name, count in counts:
        sums[name] += count
    return dict(sums.most_common())


def _axis_values(axis: TimeAxis | None) -> dict[str, Any]:
    if axis is None:
        return {"start": 0, "end": 0, "width": 1}
    return {"start": axis.start_us, "end": axis.end_us, "width": axis.width_us}
