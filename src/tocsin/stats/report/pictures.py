"""Draw what a report shows: alerts over time, and activity beside it where it is known. As PNG, so it holds no text."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tocsin.stats import bars, timelines
from tocsin.stats.labels import LabelSpan
from tocsin.stats.picture import style
from tocsin.stats.report.findings import Picture
from tocsin.stats.statistics import Statistics

_DOTS_PER_INCH = 120
_WIDTH_INCHES = 12.5


def pictures_of(statistics: Statistics, labels: Sequence[LabelSpan], finding: str) -> Iterator[Picture]:
    """Yield the drawings that have something in them; `labels` are simulated attacks to mark."""
    if statistics.axis is None:
        return
    span = statistics.axis.span_name
    marked = "; bands mark simulated attacks" if labels else ""
    if any(map(sum, statistics.alerts_over_time.values())):
        words = f"{finding.capitalize()}s by level and by ATT&CK tactic, {span}{marked}."
        yield Picture(_png(_detections, 5.9, statistics, labels), words)
    if statistics.activity_tactics:
        words = f"What all events are, apart from what was detected, {span}{marked}."
        yield Picture(_png(_activity, 2.6, statistics, labels), words)


def _detections(figure: Figure, statistics: Statistics, labels: Sequence[LabelSpan]) -> None:
    rows = figure.add_gridspec(2, 2, width_ratios=(3.9, 1), height_ratios=(0.9, 3.6))
    strip = figure.add_subplot(rows[0, 0])
    heat = figure.add_subplot(rows[1, 0], sharex=strip)
    timelines.draw_alert_levels(strip, statistics, labels)
    timelines.draw_alert_tactics(heat, statistics, labels)
    bars.draw_level_key(figure.add_subplot(rows[0, 1]), statistics)
    sums = figure.add_subplot(rows[1, 1], sharey=heat)
    bars.draw_tactics(sums, statistics)
    sums.set_xlabel("")  # the page says it, in words that have room


def _activity(figure: Figure, statistics: Statistics, labels: Sequence[LabelSpan]) -> None:
    columns = figure.add_gridspec(1, 2, width_ratios=(3.9, 1))
    timelines.draw_activity(figure.add_subplot(columns[0]), figure.add_subplot(columns[1]), statistics, labels)


def _png(
    draw: Callable[[Figure, Statistics, Sequence[LabelSpan]], None],
    height_inches: float,
    statistics: Statistics,
    labels: Sequence[LabelSpan],
) -> bytes:
    picture = BytesIO()
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # names in any script; drawn as boxes
        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08, hspace=0.03)
        figure = Figure(figsize=(_WIDTH_INCHES, height_inches), dpi=_DOTS_PER_INCH, layout=layout)
        draw(figure, statistics, labels)
        figure.savefig(picture, format="png")
    return picture.getvalue()
