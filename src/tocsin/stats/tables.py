"""Say the statistics of a store in tables for the terminal, and as one JSON object for programs."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tocsin.plain import plain
from tocsin.stats.rich_tables import NAME_WIDTH, add_row, table_of
from tocsin.stats.statistics import Counts, Ranking, Statistics, Totals
from tocsin.verdict import LEVELS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_LINE_WIDTH = 50  # characters of a timeline
_HEIGHTS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"


def print_statistics(statistics: Statistics, console: "Console | None" = None) -> None:
    """Print tables to the console, standard output by default. Text from logs is made harmless to a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    console.print(Text(" · ".join(plain(part, 2 * NAME_WIDTH) for part in statistics.scope)))
    for table in _tables(statistics):
        console.print(table)


def as_json(statistics: Statistics) -> dict[str, Any]:
    """Return everything as what JSON knows: times in ISO 8601, UTC; text from logs as it stands in them."""
    totals, axis = statistics.totals, statistics.axis
    names = statistics.tactics
    return {
        "filters": statistics.filters.as_json(),
        "events": totals.events,
        "hosts": totals.hosts,
        "users": totals.users,
        "alerts": totals.alerts,
        "sightings": totals.sightings,
        "alerts_by_level": dict(totals.alert_levels),
        "events_by_basis": dict(totals.basis),
        "events_by_format": dict(totals.formats),
        "events_by_level": dict(totals.levels),
        "dead_letters": dict(totals.dead_letters),
        "detections_by_tactic": [
            {"id": tactic, "name": names[tactic], "alerts": sum(levels.values()), "levels": dict(levels)}
            for tactic in names
            if (levels := statistics.alert_tactics.get(tactic))
        ],
        "activity_by_tactic": [
            {"id": tactic, "name": names[tactic], "events": count}
            for tactic in names
            if (count := statistics.activity_tactics.get(tactic))
        ],
        "rules": _ranking_object(statistics.rules),
        "techniques": _ranking_object(statistics.techniques),
        "hosts_by_alerts": _ranking_object(statistics.hosts),
        "users_by_alerts": _ranking_object(statistics.users),
        "over_time": {
            "start": axis.start.isoformat() if axis else None,
            "bucket_seconds": axis.width_us // 1_000_000 if axis else None,
            "events": list(statistics.events_over_time),
            "alerts_by_level": _lists(statistics.alerts_over_time),
            "detections_by_tactic": _lists(statistics.alert_tactics_over_time),
            "activity_by_tactic": _lists(statistics.activity_over_time),
            "undrawn_events": statistics.undrawn_events,
            "undrawn_alerts": statistics.undrawn_alerts,
        },
    }


def _tables(statistics: Statistics) -> Iterable["Table"]:
    yield _totals_table(statistics.totals)
    yield _detections_table(statistics)
    yield _timeline_table(statistics)
    yield _activity_table(statistics)
    yield _ranking_table("Top rules by alerts", statistics.rules, "rules")
    yield _ranking_table("Top techniques by alerts", statistics.techniques, "techniques")
    yield _ranking_table("Top hosts by alerts", statistics.hosts, "hosts")
    yield _ranking_table("Top users by alerts", statistics.users, "users")


def _totals_table(totals: Totals) -> "Table":
    table = table_of("Totals", ("count",))
    parts: list[tuple[str, int, Mapping[str, int]]] = [
        ("events", totals.events, totals.basis),
        ("events by format", totals.events, totals.formats),
        ("hosts", totals.hosts, {}),
        ("users", totals.users, {}),
        ("alerts", totals.alerts, {"sightings": totals.sightings}),
        ("dead letters (whole store)", sum(totals.dead_letters.values()), totals.dead_letters),
    ]
    for name, count, counts in parts:
        add_row(table, name, [f"{count:,}"])
        for part, part_count in counts.items():
            add_row(table, f"  {part or '(none)'}", [f"{part_count:,}"])
    return table


def _detections_table(statistics: Statistics) -> "Table":
    levels = [level for level in reversed(LEVELS) if level in statistics.totals.alert_levels]
    title = "Detections: alerts by tactic; one with two tactics counts in both"
    table = table_of(title, (*levels, "alerts"))
    rows = {
        statistics.tactic_name(tactic): counts
        for tactic in statistics.tactics
        if (counts := statistics.alert_tactics.get(tactic))
    }
    for name, counts in (rows | {"all alerts": statistics.totals.alert_levels}).items():
        cells = [f"{counts[level]:,}" if level in counts else "" for level in levels]
        add_row(table, name, [*cells, f"{sum(counts.values()):,}"])
    return table


def _activity_table(statistics: Statistics) -> "Table":
    table = table_of("Activity (not detections): events by tactic", ("events",))
    for tactic in statistics.tactics:
        if count := statistics.activity_tactics.get(tactic):
            add_row(table, statistics.tactic_name(tactic), [f"{count:,}"])
    return table


def _ranking_table(title: str, ranking: Ranking, what: str) -> "Table":
    table = table_of(title, ("alerts", "sightings", "highest level"))
    for ranked in ranking.top:
        name = ranked.title or ranked.name or "(none)"
        highest = max(ranked.levels, key=LEVELS.index)
        add_row(table, name, [f"{ranked.alerts:,}", f"{ranked.sightings:,}", highest])
    if ranking.others:
        alerts = sum(ranking.other_levels.values())
        add_row(
            table, f"{ranking.others:,} other {what}", [f"{alerts:,}", "", max(ranking.other_levels, key=LEVELS.index)]
        )
    return table


def _timeline_table(statistics: Statistics) -> "Table":
    from rich.text import Text

    span = f", {statistics.axis.span_name}" if statistics.axis else ""
    table = table_of(f"Detections over time{span}", ())
    table.add_column(Text("alerts"), no_wrap=True)
    lines = {tactic: _merged(counts) for tactic, counts in statistics.alert_tactics_over_time.items()}
    most = max((max(line) for line in lines.values()), default=0)
    for tactic in statistics.tactics:
        if tactic in lines:
            shown = "".join(_height(count, most) for count in lines[tactic])
            table.add_row(Text(plain(statistics.tactic_name(tactic), NAME_WIDTH)), Text(shown))
    return table


def _merged(counts: Counts) -> list[int]:
    step = -(-len(counts) // _LINE_WIDTH)
    return [sum(counts[start : start + step]) for start in range(0, len(counts), step)]


def _height(count: int, most: int) -> str:
    return _HEIGHTS[(count * len(_HEIGHTS) - 1) // most] if count else _NOTHING


def _ranking_object(ranking: Ranking) -> dict[str, Any]:
    top = [
        {
            "name": ranked.name,
            "title": ranked.title,
            "alerts": ranked.alerts,
            "levels": dict(ranked.levels),
            "sightings": ranked.sightings,
        }
        for ranked in ranking.top
    ]
    other_alerts = sum(ranking.other_levels.values())
    return {"top": top, "others": ranking.others, "other_alerts": other_alerts}


def _lists(lines: Mapping[str, Counts]) -> dict[str, list[int]]:
    return {name: list(counts) for name, counts in lines.items()}
