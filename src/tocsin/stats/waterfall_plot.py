"""Draw a trace: a bar for each span on one axis of time, the waits between them, each stage magnified below."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from rich.cells import cell_len

from tocsin.plain import counted
from tocsin.stats.durations import short_duration
from tocsin.stats.ink import FAINT_COLOUR, OTHER_COLOUR, STAGE_COLOURS, drawn
from tocsin.stats.picture import style, write_picture
from tocsin.stats.trace_rows import MOST_SHOWN, OUR_SERVICES, Row, Trace, trace_of
from tocsin.telemetry.spans import Span
from tocsin.timestamps import iso_utc

_INCHES_WIDE = 12
_ROW_INCHES = 0.27
_HEAD_INCHES = 0.6
_REMARK_INCHES = 0.2
_PANEL_INCHES = 0.75  # of a panel, beside its rows: title and axis
_DOTS_PER_INCH = 100
_COLOURS = {OUR_SERVICES + stage: colour for stage, colour in STAGE_COLOURS.items()}
_OTHER_COLOURS = ("#cc79a7", "#56b4e9", "#e69f00", "#332288", "#666666")
_ERROR_COLOUR = "#b00020"
_THINNEST = 0.0025  # of the axis: a bar that is shorter is drawn so wide
_MAGNIFIED = 0.5  # of the trace: a stage that is shorter has a panel of its own
_MOST_STAGES = 3
_MOST_STAGE_LINES = 40
_MOST_SERVICES = 6  # in the key
_KEY_LETTERS = 84  # of all names in it
_MOST_REMARKS = 8
_STAGE_ROOM = 1.22  # of the axis of a stage: durations stand right of it
_TEXT = 0.17  # of an axis: room for a duration
_HEIGHT = 0.62  # of a bar, in rows


@dataclass(frozen=True)
class _Line:
    """What one row of a panel shows: a span, or the wait before it."""

    start_ns: int
    end_ns: int
    name: str
    span: Span | None = None  # None: a wait


@dataclass(frozen=True)
class _Stage:
    """Spans from what was received to what is sent on."""

    lines: Sequence[_Line]
    start_ns: int
    end_ns: int

    @property
    def span(self) -> Span:
        return next(line.span for line in self.lines if line.span)


def draw_waterfall(spans: Sequence[Span], path: Path) -> None:
    """Write one trace as PNG or SVG, by the suffix of `path`: 1200 points wide, as high as it has spans, times UTC.

    Raises ConfigError for another suffix, OSError where it cannot write, ValueError where there is no span.
    """
    write_picture(partial(_figure_of, trace_of(spans)), path)


def waterfall_figure_of(spans: Sequence[Span]) -> Figure:
    """Return the picture as a figure of its own, that no global state of pyplot knows of."""
    with style():
        return _figure_of(trace_of(spans))


def _figure_of(trace: Trace) -> Figure:
    rows = trace.rows[:MOST_SHOWN]
    remarks = _remarks(trace)
    stages = _stages(rows, trace.duration_ns)
    lines = [line for row in rows for line in _lines(row)]
    colours = _colours(trace)
    heights = [_HEAD_INCHES + _REMARK_INCHES * len(remarks), _PANEL_INCHES + _ROW_INCHES * len(lines)]
    most_lines = min(_MOST_STAGE_LINES, max((len(stage.lines) for stage in stages), default=0))
    if stages:
        heights.append(_PANEL_INCHES + _ROW_INCHES * most_lines)
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08, hspace=0.03, wspace=0.02)
    figure = Figure(figsize=(_INCHES_WIDE, sum(heights)), dpi=_DOTS_PER_INCH, layout=layout)
    panels = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    _head(figure.add_subplot(panels[0]), trace, remarks)
    whole = figure.add_subplot(panels[1])
    _draw_lines(whole, lines, trace.start_ns, trace.end_ns, colours)
    whole.set_title("The whole trace")
    whole.set_xlabel("time since the first start")
    _key(whole, colours)
    if stages:
        places = panels[2].subgridspec(1, len(stages))
        for number, stage in enumerate(stages):
            _draw_stage(figure.add_subplot(places[number]), stage, trace, colours, most_lines)
    return figure


def _head(axes: Axes, trace: Trace, remarks: Sequence[str]) -> None:
    axes.axis("off")
    start = iso_utc(trace.start_ns // 1000).replace("T", " ").replace("Z", " UTC")
    parts = [f"{short_duration(trace.duration_ns)} from {start}", counted(len(trace.rows), "span")]
    parts += [f"{name} {textwrap.shorten(value, 50, placeholder='…')}" for name, value in trace.facts.items()]
    below = partial(
        axes.annotate,
        xy=(0, 1),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        in_layout=False,  # a long one would leave no room for the rest
    )
    below(f"Tocsin: event {trace.event_id.hex()}", xytext=(0, 0), size=16, weight="bold")
    below(_short("  ·  ".join(parts), 160), xytext=(0, -24), size=9, color=FAINT_COLOUR)
    for number, remark in enumerate(remarks):
        below(_short(remark, 140), xytext=(0, -40 - 14 * number), size=9, color=_ERROR_COLOUR)


def _remarks(trace: Trace) -> list[str]:
    """Return what is odd, each a line."""
    errors = [f"{row.span.name}: error: {row.span.error}" for row in trace.rows if row.span.error]
    of_rows = [f"{row.span.name}: {row.remark}" for row in trace.rows if row.remark]
    links = sum(len(row.span.links) for row in trace.rows)
    all_of_them = [*errors, *map(str, trace.disagreements), *trace.remarks, *of_rows]
    if links:
        all_of_them.append(f"{counted(links, 'link')} to other spans")
    if len(trace.rows) > MOST_SHOWN:
        all_of_them.insert(0, f"the first {MOST_SHOWN} of {counted(len(trace.rows), 'span')} are drawn")
    more = len(all_of_them) - _MOST_REMARKS
    return [*all_of_them[:_MOST_REMARKS], *([f"and {more} more"] if more > 0 else [])]


def _lines(row: Row) -> list[_Line]:
    span = _Line(row.span.start_ns, row.span.end_ns, _short(row.span.name, 26) or "(no name)", row.span)
    gap = row.gap
    return [_Line(gap.start_ns, gap.end_ns, gap.name), span] if gap else [span]


def _stages(rows: Sequence[Row], whole_ns: int) -> list[_Stage]:
    """Return the stages of several spans that are too short to be seen in the whole: the longest, in their order."""
    groups: dict[int, list[_Line]] = {}
    for row in rows:
        is_first = row.stage not in groups  # its wait was before the stage
        groups.setdefault(row.stage, []).extend(_lines(row)[-1:] if is_first else _lines(row))
    stages = [
        _Stage(lines, min(line.start_ns for line in lines), max(line.end_ns for line in lines))
        for lines in groups.values()
        if len(lines) > 1
    ]
    short = [stage for stage in stages if stage.end_ns - stage.start_ns < _MAGNIFIED * whole_ns]
    kept = sorted(short, key=lambda stage: -len(stage.lines))[:_MOST_STAGES]
    return [stage for stage in short if stage in kept]


def _draw_stage(axes: Axes, stage: _Stage, trace: Trace, colours: Mapping[str, str], most_lines: int) -> None:
    _draw_lines(axes, stage.lines[:_MOST_STAGE_LINES], stage.start_ns, stage.end_ns, colours, places=4)
    axes.set_xlim(right=_STAGE_ROOM * max(1, stage.end_ns - stage.start_ns))
    axes.set_ylim(most_lines - 0.4, -0.6)  # bars as high as in the other panels
    name = trace.process_of(stage.span)
    axes.set_title(f"{_short(name, 18)}, magnified: {short_duration(stage.end_ns - stage.start_ns)}")
    part = f"; its first {_MOST_STAGE_LINES} lines" if len(stage.lines) > _MOST_STAGE_LINES else ""
    axes.set_xlabel(f"time since its start, {short_duration(stage.start_ns - trace.start_ns)} after the first{part}")


def _draw_lines(
    axes: Axes, lines: Sequence[_Line], start_ns: int, end_ns: int, colours: Mapping[str, str], places: int = 9
) -> None:
    """A bar a line, from top to bottom; how long it took stands beside it, where there is more room."""
    whole = max(1, end_ns - start_ns)
    thinnest = _THINNEST * whole
    for number, line in enumerate(lines):
        begin, length = line.start_ns - start_ns, max(0, line.end_ns - line.start_ns)
        if line.span:
            edge = _ERROR_COLOUR if line.span.error else "none"
            width = max(thinnest, length)
            axes.barh(number, width, left=begin, height=_HEIGHT, color=colours[_service(line.span)], edgecolor=edge)
        else:
            width = length
            axes.barh(number, width, left=begin, height=_HEIGHT, color="white", edgecolor=OTHER_COLOUR, hatch="////")
        text = short_duration(line.end_ns - line.start_ns)
        text = text if line.span else f"{line.name} {text}"
        colour = _ERROR_COLOUR if line.span and line.span.error else FAINT_COLOUR if not line.span else "black"
        is_left = begin + width > 0.7 * whole and begin > max(_TEXT * whole, whole - begin - width)
        place, side, shift = (begin, "right", -4) if is_left else (begin + width, "left", 4)
        if not line.span and width > 0.3 * whole:
            place, side, shift = begin + width / 2, "center", 0
        axes.annotate(
            text,
            (place, number),
            (shift, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            size=8.5,
            color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1} if side == "center" else None,
        )
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_yticks(range(len(lines)), [line.name if line.span else "" for line in lines])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(-0.01 * whole, 1.01 * whole)
    axes.xaxis.set_major_locator(MaxNLocator(places, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda ns, _: short_duration(round(ns)) if ns else "0"))
    axes.grid(axis="x", color=OTHER_COLOUR, linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)


def _key(axes: Axes, colours: Mapping[str, str]) -> None:
    names = list(colours)[:_MOST_SERVICES]
    letters = _KEY_LETTERS // len(names)
    handles = [Patch(color=colours[name], label=_short(name, letters) or "(no service)") for name in names]
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=_MOST_SERVICES,
        borderaxespad=0.2,
    )


def _colours(trace: Trace) -> dict[str, str]:
    """Return a colour for each service; those of others take turns."""
    names = dict.fromkeys(_service(row.span) for row in trace.rows[:MOST_SHOWN])
    others = [name for name in names if name not in _COLOURS]
    return {name: _COLOURS.get(name) or _OTHER_COLOURS[others.index(name) % len(_OTHER_COLOURS)] for name in names}


def _service(span: Span | None) -> str:
    return span.resource.service if span else ""


def _short(text: str, width: int) -> str:
    """Return text from a log in so many letters; in half of them where some are wide."""
    return drawn(text, width // 2 if cell_len(text) > len(text) else width)
