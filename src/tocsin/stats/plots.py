"""Draw the statistics of a store on one sheet."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tocsin.stats import bars, timelines
from tocsin.stats.ink import FAINT_COLOUR, drawn
from tocsin.stats.labels import LabelSpan
from tocsin.stats.picture import style, write_picture
from tocsin.stats.statistics import Statistics

_INCHES = (16, 13)
_DOTS_PER_INCH = 100


def draw_statistics(statistics: Statistics, path: Path, *, labels: Sequence[LabelSpan] = ()) -> None:
    """Write the sheet as PNG or SVG, by the suffix of `path`: about 1600 by 1300 points, all times UTC.

    `labels`: simulated attacks to mark. Raises ConfigError for another suffix, OSError where it cannot write.
    """
    write_picture(partial(_figure_of, statistics, labels), path)


def figure_of(statistics: Statistics, labels: Sequence[LabelSpan] = ()) -> Figure:
    """Return the sheet as a figure of its own, that no global state of pyplot knows of."""
    with style():
        return _figure_of(statistics, labels)


def _figure_of(statistics: Statistics, labels: Sequence[LabelSpan]) -> Figure:
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08, hspace=0.03)
    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout=layout)
    rows = figure.add_gridspec(5, 2, width_ratios=(3.9, 1), height_ratios=(0.55, 0.9, 3.6, 2.5, 1.75))
    _head(figure.add_subplot(rows[0, :]), statistics)
    strip = figure.add_subplot(rows[1, 0])
    heat = figure.add_subplot(rows[2, 0], sharex=strip)
    activity = figure.add_subplot(rows[4, 0])
    timelines.draw_alert_levels(strip, statistics, labels)
    timelines.draw_alert_tactics(heat, statistics, labels)
    timelines.draw_activity(activity, figure.add_subplot(rows[4, 1]), statistics, labels)
    bars.draw_level_key(figure.add_subplot(rows[1, 1]), statistics)
    bars.draw_tactics(figure.add_subplot(rows[2, 1], sharey=heat), statistics)
    rankings = rows[3, :].subgridspec(1, 3, width_ratios=(1.25, 1, 0.9))
    bars.draw_ranking(figure.add_subplot(rankings[0]), statistics.rules, "rules", "(no name)", width=62)
    bars.draw_ranking(figure.add_subplot(rankings[1]), statistics.hosts, "hosts", "(no host)", width=32)
    bars.draw_ranking(figure.add_subplot(rankings[2]), statistics.users, "users", "(no user)", width=28)
    return figure


def _head(axes: Axes, statistics: Statistics) -> None:
    """Title, the totals, what was counted."""
    axes.axis("off")
    totals = statistics.totals
    axes.text(0, 1, "Tocsin: detections and activity", size=16, weight="bold", va="top")
    scope = "  ·  ".join(drawn(part, 110) for part in statistics.scope)
    axes.text(0, 0, scope, size=9, color=FAINT_COLOUR, va="center")
    figures = [
        (totals.events, "events"),
        (totals.hosts, "hosts"),
        (totals.users, "users"),
        (totals.alerts, "alerts"),
        *((totals.alert_levels[level], level) for level in ("critical", "high") if level in totals.alert_levels),
        (sum(totals.dead_letters.values()), "dead letters"),
    ]
    for place, (figure, name) in enumerate(reversed(figures)):
        right = 1 - place * 0.075
        axes.text(right, 1, f"{figure:,}", size=15, weight="bold", ha="right", va="top")
        axes.text(right, 0.42, name, size=9, color=FAINT_COLOUR, ha="right", va="center")
