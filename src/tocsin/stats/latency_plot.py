"""Draw where time goes: how long each step takes the events, and which part of all time is spent in it."""

from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from tocsin.stats.durations import short_duration
from tocsin.stats.ink import FAINT_COLOUR, OTHER_COLOUR, STAGE_COLOURS, TEXT_COLOUR, drawn
from tocsin.stats.latency import Latency, StepLatency
from tocsin.stats.picture import style, write_picture

_INCHES = (12, 6.2)
_DOTS_PER_INCH = 100
_HEIGHT = 0.62  # of a bar, in rows
_SHORTEST_US = 1  # of a logarithmic axis: what took less than a microsecond is drawn as one
_TEXT_ROOM = 30  # times the longest: the figures stand right of the bars
_GAP_ROWS = 0.6  # between the steps and what they are together


def draw_latency(latency: Latency, path: Path) -> None:
    """Write it as PNG or SVG, by the suffix of `path`: 1200 by 620 points.

    Raises ConfigError for another suffix, OSError where it cannot write.
    """
    write_picture(partial(_figure_of, latency), path)


def latency_figure_of(latency: Latency) -> Figure:
    """Return the picture as a figure of its own, that no global state of pyplot knows of."""
    with style():
        return _figure_of(latency)


def _figure_of(latency: Latency) -> Figure:
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08, hspace=0.03, wspace=0.02)
    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout=layout)
    places = figure.add_gridspec(2, 2, width_ratios=(3, 1), height_ratios=(0.55, 6))
    _head(figure.add_subplot(places[0, :]), latency)
    durations = figure.add_subplot(places[1, 0])
    shares = figure.add_subplot(places[1, 1], sharey=durations)
    _draw_durations(durations, latency)
    _draw_shares(shares, latency)
    return figure


def _head(axes: Axes, latency: Latency) -> None:
    axes.axis("off")
    axes.text(0, 1, "Tocsin: where the time of an event goes", size=16, weight="bold", va="top")
    scope = "  ·  ".join(drawn(part, 110) for part in latency.scope)
    axes.text(0, 0, drawn(scope, 170), size=9, color=FAINT_COLOUR, va="center", in_layout=False)


def _rows(latency: Latency) -> list[tuple[float, StepLatency]]:
    """Return each step and where it stands, from top to bottom; below a gap what they are together."""
    below = len(latency.steps) + _GAP_ROWS
    return [*enumerate(latency.steps), *((below + at, whole) for at, whole in enumerate(latency.wholes))]


def _draw_durations(axes: Axes, latency: Latency) -> None:
    """From the median to the 99th percentile a bar, a line up to the longest; the axis is logarithmic."""
    rows = _rows(latency)
    for place, step in rows:
        if step.events:
            _draw_step(axes, place, step)
    axes.set_title("Median · 99 %")
    axes.set_yticks([place for place, _ in rows], [step.name for _, step in rows])
    axes.set_ylim(rows[-1][0] + 0.6, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    shortest, longest = _extent(latency)
    axes.set_xlim(shortest * 0.7, longest * _TEXT_ROOM)
    powers = [10**power for power in range(16) if shortest <= 10**power <= longest * 2]
    axes.xaxis.set_major_locator(FixedLocator(powers))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda us, _: short_duration(round(us * 1000))))
    axes.grid(axis="x", color=OTHER_COLOUR, linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)
    _key(axes, latency)


def _extent(latency: Latency) -> tuple[int, int]:
    """Return the power of ten below the shortest median, and the longest of all, microseconds."""
    medians = [step.percentiles_us[50] for step in latency.steps if step.events]
    shortest = max(_SHORTEST_US, min(medians, default=0))
    longest = max((step.max_us for step in (*latency.steps, *latency.wholes)), default=0)
    return 10 ** (len(str(shortest)) - 1), max(1000, longest)


def _draw_step(axes: Axes, place: float, step: StepLatency) -> None:
    colour = STAGE_COLOURS.get(step.stage, FAINT_COLOUR)
    p50, p90, p99, longest = (max(_SHORTEST_US, us) for us in (*step.percentiles_us.values(), step.max_us))
    axes.hlines(place, p99, longest, color=colour, linewidth=1.2)
    axes.vlines(longest, place - 0.2, place + 0.2, color=colour, linewidth=1.2)
    axes.barh(place, p99 - p50, left=p50, height=_HEIGHT, color=colour, alpha=0.45)
    axes.vlines(p50, place - _HEIGHT / 2, place + _HEIGHT / 2, color=colour, linewidth=2.5)
    axes.vlines(p90, place - _HEIGHT / 2, place + _HEIGHT / 2, color=colour, linewidth=1)
    shown = "  ·  ".join(short_duration(us * 1000) for us in (step.percentiles_us[50], step.percentiles_us[99]))
    axes.annotate(shown, (longest, place), (6, 0), textcoords="offset points", va="center", size=8.5, color=TEXT_COLOUR)


def _draw_shares(axes: Axes, latency: Latency) -> None:
    axes.set_title("Part of all time")
    for place, step in enumerate(latency.steps):
        share = latency.share(step)
        axes.barh(place, share, height=_HEIGHT, color=STAGE_COLOURS.get(step.stage, FAINT_COLOUR))
        if step.events:
            axes.annotate(f"{share:.1%}", (share, place), (4, 0), textcoords="offset points", va="center", size=8.5)
    axes.tick_params(labelleft=False, length=0)
    axes.set_xlim(0, 1.18)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.grid(axis="x", color=OTHER_COLOUR, linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)


def _key(axes: Axes, latency: Latency) -> None:
    stages = dict.fromkeys(step.stage for step in latency.steps)
    handles = [Patch(color=STAGE_COLOURS.get(stage, FAINT_COLOUR), label=stage) for stage in stages]
    marks = [
        Line2D([], [], color=FAINT_COLOUR, marker="|", markersize=9, markeredgewidth=2.5, linewidth=0, label="median"),
        Line2D([], [], color=FAINT_COLOUR, marker="|", markersize=9, markeredgewidth=1, linewidth=0, label="90 %"),
        Patch(color=FAINT_COLOUR, alpha=0.45, label="up to 99 %"),
        Line2D([], [], color=FAINT_COLOUR, linewidth=1.2, label="longest"),
    ]
    axes.legend(
        handles=[*handles, *marks],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=8,
        borderaxespad=0.2,
        columnspacing=1,
        handlelength=1.2,
    )
