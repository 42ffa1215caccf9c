"""Draw the lag of groups over time: records and seconds behind, and how fast records came and were read."""

from collections.abc import Callable, Sequence
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tocsin.stats.ink import EMPTY_COLOUR, FAINT_COLOUR, OTHER_COLOUR, drawn, short_count
from tocsin.stats.lag_history import LagLook, LagPoint, points_by_group
from tocsin.stats.picture import style, write_picture

_dates: Any = dates  # the one part of Matplotlib without types

_INCHES_WIDE = 12
_INCHES = {"head": 0.6, "lag": 2.3, "rates": 1.9}
_DOTS_PER_INCH = 100
_MOST_GROUPS = 4  # those that were furthest behind
_ROOM = 1.3  # above the highest point, for the names
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # after Okabe and Ito


def draw_lag(looks: Sequence[LagLook], path: Path, *, where: str = "") -> None:
    """Write the looks as PNG or SVG, by the suffix of `path`: 1200 points wide, times UTC.

    `where`: the bus that was looked at. Raises ConfigError for another suffix, OSError where it cannot write.
    """
    write_picture(partial(_figure_of, looks, where), path)


def lag_figure_of(looks: Sequence[LagLook], where: str = "") -> Figure:
    """Return the picture as a figure of its own, that no global state of pyplot knows of."""
    with style():
        return _figure_of(looks, where)


def _figure_of(looks: Sequence[LagLook], where: str) -> Figure:
    all_groups = points_by_group(looks)
    by_lag = sorted(all_groups, key=lambda group: -max(point.records for point in all_groups[group]))
    groups = {group: all_groups[group] for group in all_groups if group in by_lag[:_MOST_GROUPS]}
    heights = [_INCHES["head"], _INCHES["lag"], _INCHES["lag"], *[_INCHES["rates"]] * len(groups)]
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08, hspace=0.03)
    figure = Figure(figsize=(_INCHES_WIDE, sum(heights)), dpi=_DOTS_PER_INCH, layout=layout)
    rows = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    _head(figure.add_subplot(rows[0]), looks, where, len(all_groups) - len(groups))
    first = figure.add_subplot(rows[1])
    shared = [figure.add_subplot(rows[row], sharex=first) for row in range(2, len(heights))]
    _draw_lags(first, "Records not read yet", "records", groups, lambda point: point.records, short_count)
    _draw_lags(
        shared[0], "Age of the oldest record not read yet", "seconds", groups, lambda point: point.oldest_age_seconds
    )
    for axes, (group, points), colour in zip(shared[1:], groups.items(), _COLOURS, strict=False):
        _draw_rates(axes, group, points, colour)
    for axes in [first, *shared[:-1]]:
        axes.tick_params(labelbottom=False)
    _show_times(shared[-1])
    return figure


def _head(axes: Axes, looks: Sequence[LagLook], where: str, left_out: int) -> None:
    axes.axis("off")
    axes.text(0, 1, "Tocsin: lag by consumer group", size=16, weight="bold", va="top")
    parts = [drawn(where, 110)] if where else []
    if looks:
        begin, end = looks[0].time, looks[-1].time
        parts.append(f"{begin:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} UTC")
    parts.append(f"{len(looks):,} looks")
    if left_out:
        parts.append(f"{left_out:,} groups that were less behind are left out")
    axes.text(0, 0, "  ·  ".join(parts), size=9, color=FAINT_COLOUR, va="center")


def _draw_lags(
    axes: Axes,
    title: str,
    unit: str,
    groups: dict[str, list[LagPoint]],
    value_of: Callable[[LagPoint], float],
    shown: Callable[[int], str] = str,
) -> None:
    """A line a group; its name and highest point are written at that point."""
    axes.set_title(title)
    axes.set_ylabel(unit)
    if not groups:
        axes.set_facecolor(EMPTY_COLOUR)
        axes.text(0.5, 0.5, "No group reads here", transform=axes.transAxes, ha="center", va="center", size=12)
    for (group, points), colour in zip(groups.items(), _COLOURS, strict=False):
        name = drawn(group, 30)
        values = [value_of(point) for point in points]
        peak = max(range(len(values)), key=values.__getitem__)
        times = _times(points)
        label = f"{name}: at most {values[peak]:,.0f} {unit}, at the end {values[-1]:,.0f}"
        axes.plot(times, values, color=colour, linewidth=1.8, label=label)
        axes.fill_between(times, values, color=colour, alpha=0.08, linewidth=0)
        axes.plot(times[peak], values[peak], marker="o", color=colour, markersize=5)
    if groups:
        axes.legend(loc="upper right")
    _show_amounts(axes, shown)


def _draw_rates(axes: Axes, group: str, points: Sequence[LagPoint], colour: str) -> None:
    """Records that came as an area, those that were read as a line: where the area is higher, the lag grows."""
    axes.set_title(f"{drawn(group, 30)}: records a second")
    axes.set_ylabel("records/s")
    known = [point for point in points if point.in_per_second is not None]
    times = _times(known)
    came = [point.in_per_second or 0.0 for point in known]
    axes.fill_between(times, came, color=OTHER_COLOUR, alpha=0.6, linewidth=0, label="came")
    axes.plot(times, [point.out_per_second or 0.0 for point in known], color=colour, linewidth=1.8, label="read")
    axes.legend(loc="upper right")
    _show_amounts(axes, short_count)


def _times(points: Sequence[LagPoint]) -> list[float]:
    return [float(_dates.date2num(point.time)) for point in points]


def _show_amounts(axes: Axes, shown: Callable[[int], str]) -> None:
    axes.set_ylim(bottom=0, top=max(1.0, _ROOM * axes.get_ylim()[1]))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda amount, _: shown(int(amount))))
    axes.grid(axis="y", color=OTHER_COLOUR, linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)


def _show_times(axes: Axes) -> None:
    locator = _dates.AutoDateLocator(tz=UTC, minticks=6, maxticks=14)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(_dates.ConciseDateFormatter(locator, tz=UTC))
    axes.set_xlabel("time, UTC")
    axes.margins(x=0.01)
