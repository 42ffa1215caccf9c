"""Say where time goes in a table for the terminal, and as one JSON object for programs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tocsin.plain import plain
from tocsin.stats.durations import short_duration
from tocsin.stats.latency import PERCENTILES, Latency, StepLatency
from tocsin.stats.rich_tables import NAME_WIDTH, add_row, table_of

if TYPE_CHECKING:
    from rich.console import Console


def print_latency(latency: Latency, console: "Console") -> None:
    """Print a line for each step, then for all together."""
    from rich.text import Text

    console.print(Text(" · ".join(plain(part, 2 * NAME_WIDTH) for part in latency.scope)))
    percentiles = [f"p{percent}" for percent in PERCENTILES]
    table = table_of("Where time goes", ("of", *percentiles, "most", "mean", "share"))
    for step in latency.steps:
        add_row(table, step.name, [step.stage, *_durations(step), f"{latency.share(step):.1%}" if step.events else ""])
    table.add_section()
    for whole in latency.wholes:
        add_row(table, whole.name, ["", *_durations(whole), ""])
    console.print(table)


def latency_object(latency: Latency) -> dict[str, Any]:
    """Return everything as what JSON knows: durations in microseconds, times in ISO 8601, UTC."""
    filters = latency.filters
    return {
        "filters": filters.as_json(),
        "events": latency.events,
        "untimed_events": latency.untimed,
        "steps": [
            {"stage": step.stage, **_object(step), "share": round(latency.share(step), 6)} for step in latency.steps
        ],
        "in_all": [_object(whole) for whole in latency.wholes],
    }


def _durations(step: StepLatency) -> list[str]:
    if not step.events:
        return [""] * (len(PERCENTILES) + 2)
    return [short_duration(us * 1000) for us in (*step.percentiles_us.values(), step.max_us, round(step.mean_us))]


def _object(step: StepLatency) -> Mapping[str, Any]:
    return {
        "name": step.name,
        "events": step.events,
        **{f"p{percent}_us": us for percent, us in step.percentiles_us.items()},
        "max_us": step.max_us,
        "mean_us": round(step.mean_us, 1),
        "backwards_events": step.backwards,
        "most_backwards_us": step.most_backwards_us,
    }
