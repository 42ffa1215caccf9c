"""Draw what changes over time: alerts by level, alerts by tactic, activity."""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

import numpy as np
from matplotlib import colormaps, dates
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from tocsin.stats.ink import (
    ACTIVITY_COLOURS,
    EMPTY_COLOUR,
    FAINT_COLOUR,
    HEAT_COLOURS,
    LABEL_COLOUR,
    LEVEL_COLOURS,
    OTHER_COLOUR,
    TEXT_COLOUR,
    drawn,
    short_count,
)
from tocsin.stats.labels import LabelSpan
from tocsin.stats.statistics import Counts, Statistics
from tocsin.stats.time_axis import TimeAxis

Numbers = NDArray[Any]
_dates: Any = dates  # the one part of Matplotlib without types

_MAX_LANES = 5
_LANE_POINTS = 13
_LETTER_SHARE = 0.0062  # of the width of a timeline, a letter of a label's name
_LEAST_HEAT = 20  # alerts; so that two alerts do not look like a storm in a quiet store


def draw_alert_levels(axes: Axes, statistics: Statistics, labels: Sequence[LabelSpan]) -> None:
    """Alerts over time, a bar a bucket, stacked by level; simulated attacks are named above."""
    if statistics.axis is None:
        _say_empty(axes, "Alerts over time, by level", _no_alerts(statistics))
        return
    edges = _edges(statistics.axis)
    levels = [(counts, colour) for level, colour in LEVEL_COLOURS.items()
              if (counts := statistics.alerts_over_time.get(level))]  # fmt: skip
    _stack(axes, edges, levels)
    axes.set_ylabel("alerts")
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_ylim(bottom=0)
    axes.tick_params(labelbottom=False)
    axes.set_xlim(edges[0], edges[-1])
    lanes = _mark(axes, statistics.axis, labels, _named_lanes)
    axes.set_title("Alerts over time, by level", pad=6 + lanes * _LANE_POINTS)


def draw_alert_tactics(axes: Axes, statistics: Statistics, labels: Sequence[LabelSpan]) -> None:
    """A heat map of tactic by time; tactics in the order of the matrix."""
    title = "Detections: alerts by ATT&CK tactic over time"
    names = [drawn(statistics.tactic_name(tactic), 28) for tactic in statistics.tactics]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.set_facecolor(EMPTY_COLOUR)
    if statistics.axis is None:
        axes.set_title(title)
        _say(axes, _no_alerts(statistics))
        axes.set_xticks([])
        return
    edges = _edges(statistics.axis)
    none = (0,) * statistics.axis.buckets
    counts = np.array([statistics.alert_tactics_over_time.get(tactic, none) for tactic in statistics.tactics])
    heat = LogNorm(1, max(_LEAST_HEAT, int(counts.max())))
    axes.pcolormesh(
        edges, np.arange(len(names) + 1) - 0.5, np.ma.masked_equal(counts, 0), cmap=HEAT_COLOURS, norm=heat,
        edgecolors=EMPTY_COLOUR, linewidth=0.6, zorder=2,
    )  # fmt: skip
    for row in range(1, len(names)):
        axes.axhline(row - 0.5, color="white", linewidth=1.2, zorder=0.5)
    _print_counts(axes, edges, counts, heat)
    if not counts.any():
        _say(axes, _no_alerts(statistics))
    _mark(axes, statistics.axis, labels)
    axes.set_title(title)
    _show_times(axes)


def draw_activity(axes: Axes, key: Axes, statistics: Statistics, labels: Sequence[LabelSpan]) -> None:
    """What plain events are, over time; never mixed with detections. `key` takes the names and totals."""
    title = "Activity (not detections): all events by what they are"
    key.axis("off")
    if statistics.axis is None:
        _say_empty(axes, title, _no_events(statistics))
        return
    edges = _edges(statistics.axis)
    kinds = _kinds_of_activity(statistics)
    _stack(axes, edges, [(counts, colour) for _, counts, colour, _ in kinds])
    axes.stairs(statistics.events_over_time, edges, color=TEXT_COLOUR, linewidth=1)
    key.plot([], [], color=TEXT_COLOUR, linewidth=1, label=f"all events  {statistics.totals.events:,}")
    for name, _, colour, total in reversed(kinds):  # as they lie on one another
        key.bar(0, 0, color=colour, label=f"{name}  {total:,}")
    key.legend(loc="upper left", borderaxespad=0, labelspacing=0.35)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylabel("events")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: short_count(int(count))))
    _mark(axes, statistics.axis, labels)
    axes.set_title(title)
    _show_times(axes)


def _kinds_of_activity(statistics: Statistics) -> list[tuple[str, Counts, str, int]]:
    """Return name, counts, colour and total: as many tactics as there are colours, then the others, then none."""
    tactics = list(statistics.activity_tactics)
    named = set(tactics[: len(ACTIVITY_COLOURS)])
    in_matrix_order = [tactic for tactic in statistics.tactics if tactic in named]
    kinds = [
        (drawn(statistics.tactic_name(tactic), 28), statistics.activity_over_time.get(tactic, ()), colour,
         statistics.activity_tactics[tactic])
        for tactic, colour in zip(in_matrix_order, ACTIVITY_COLOURS, strict=False)
    ]  # fmt: skip
    others = tactics[len(ACTIVITY_COLOURS) :]
    if others:
        lines = [line for tactic in others if (line := statistics.activity_over_time.get(tactic))]
        total = sum(statistics.activity_tactics[tactic] for tactic in others)
        kinds.append((f"other tactics ({len(others)})", tuple(map(sum, zip(*lines, strict=True))), OTHER_COLOUR, total))
    return [kind for kind in kinds if kind[1]]


def _stack(axes: Axes, edges: Numbers, layers: Sequence[tuple[Counts, str]]) -> None:
    bottom = np.zeros(len(edges) - 1)
    for counts, colour in layers:
        top = bottom + counts
        axes.stairs(top, edges, baseline=bottom, fill=True, color=colour, linewidth=0)
        bottom = top


def _print_counts(axes: Axes, edges: Numbers, counts: Numbers, heat: LogNorm) -> None:
    size = 8.5 if len(edges) < 50 else 7
    colours = colormaps[HEAT_COLOURS]
    for row, column in zip(*counts.nonzero(), strict=True):
        count = int(counts[row, column])
        red, green, blue, _ = colours(heat(count))
        ink = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else TEXT_COLOUR
        middle = (edges[column] + edges[column + 1]) / 2
        axes.text(middle, row, short_count(count), size=size, color=ink, ha="center", va="center", zorder=3)


def _mark(
    axes: Axes,
    axis: TimeAxis,
    labels: Sequence[LabelSpan],
    name: Callable[[Axes, TimeAxis, Sequence[LabelSpan]], int] | None = None,
) -> int:
    """Mark simulated attacks as bands; return how many lines of names `name` has put above."""
    seen = [label for label in labels if label.end >= axis.start and label.start < axis.end]
    for label in seen:
        start, end = _dates.date2num(label.start), _dates.date2num(label.end)
        axes.axvspan(start, end, color=LABEL_COLOUR, alpha=0.10, linewidth=0, zorder=0.8)
        for edge in (start, end):
            axes.axvline(edge, color=LABEL_COLOUR, linewidth=0.8, alpha=0.75, zorder=1.5)
    return name(axes, axis, seen) if name else 0


def _named_lanes(axes: Axes, axis: TimeAxis, labels: Sequence[LabelSpan]) -> int:
    """Write the names above their bands, in so many lanes that none lies on another; for some there may be no room."""
    lane_ends: list[float] = []
    for label in sorted(labels, key=lambda label: label.start):
        name = drawn(f"simulated: {label.name}", 50)
        half = len(name) * _LETTER_SHARE / 2
        span_us = axis.end_us - axis.start_us
        middle_us = (label.start.timestamp() + label.end.timestamp()) / 2 * 1e6
        middle = min(max((middle_us - axis.start_us) / span_us, half), 1 - half)
        lane = next((lane for lane, end in enumerate(lane_ends) if end < middle - half), len(lane_ends))
        if lane == _MAX_LANES:
            continue
        lane_ends[lane:] = [middle + half, *lane_ends[lane + 1 :]]
        axes.annotate(
            name, (middle, 1), (0, 4 + lane * _LANE_POINTS), xycoords="axes fraction", textcoords="offset points",
            size=8.5, color=LABEL_COLOUR, ha="center", weight="bold",
        )  # fmt: skip
    return len(lane_ends)


def _show_times(axes: Axes) -> None:
    locator = _dates.AutoDateLocator(tz=UTC, minticks=6, maxticks=14)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(_dates.ConciseDateFormatter(locator, tz=UTC))
    axes.set_xlabel("event time, UTC")


def _edges(axis: TimeAxis) -> Numbers:
    return np.asarray(_dates.date2num(axis.edges))


def _say_empty(axes: Axes, title: str, sentence: str) -> None:
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor(EMPTY_COLOUR)
    _say(axes, sentence)


def _say(axes: Axes, sentence: str) -> None:
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", size=12, color=FAINT_COLOUR)


def _no_alerts(statistics: Statistics) -> str:
    return f"No alerts {_between(statistics)}"


def _no_events(statistics: Statistics) -> str:
    return f"No events {_between(statistics)}"


def _between(statistics: Statistics) -> str:
    since, until = statistics.filters.since_utc, statistics.filters.until_utc
    if axis := statistics.axis:
        since, until = since or axis.start, until or axis.end
    if since and until:
        return f"between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M} UTC"
    if since:
        return f"since {since:%Y-%m-%d %H:%M} UTC"
    return f"before {until:%Y-%m-%d %H:%M} UTC" if until else "in the store"
