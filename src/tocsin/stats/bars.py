"""Draw who has most alerts: tactics, rules, hosts, users, as bars stacked by level."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tocsin.stats.ink import EMPTY_COLOUR, FAINT_COLOUR, LEVEL_COLOURS, OTHER_COLOUR, drawn
from tocsin.stats.statistics import Ranking, Statistics

_BAR_HEIGHT = 0.72


def draw_level_key(axes: Axes, statistics: Statistics) -> None:
    """The colours of the levels, with the alerts of each."""
    axes.axis("off")
    for level, colour in reversed(LEVEL_COLOURS.items()):
        if count := statistics.totals.alert_levels.get(level):
            axes.bar(0, 0, color=colour, label=f"{level}  {count:,}")
    if statistics.totals.alerts:
        axes.legend(loc="upper left", title="alerts by level", alignment="left", borderaxespad=0, labelspacing=0.35)


def draw_tactics(axes: Axes, statistics: Statistics) -> None:
    """Alerts of each tactic, in the rows of the heat map beside it."""
    axes.set_title("Alerts by tactic and level")
    if not statistics.alert_tactics:
        axes.tick_params(labelleft=False, length=0)
        _say_no_alerts(axes)
        return
    _bars(axes, [statistics.alert_tactics.get(tactic, {}) for tactic in statistics.tactics])
    axes.tick_params(labelleft=False, length=0)
    axes.set_xlabel("alerts; one with two tactics counts in both")


def draw_ranking(axes: Axes, ranking: Ranking, what: str, nameless: str, width: int) -> None:
    """The first of a ranking, then all others together. `width`: letters of a name."""
    axes.set_title(f"Top {what} by alerts")
    if not ranking.top:
        axes.set_yticks([])
        _say_no_alerts(axes)
        return
    names = [drawn(ranked.title or ranked.name or nameless, width) for ranked in ranking.top]
    levels = [ranked.levels for ranked in ranking.top]
    if ranking.others:
        names.append(f"{ranking.others:,} other {what}")
        levels.append(ranking.other_levels)
    axes.set_yticks(range(len(names)), names)
    _bars(axes, levels)
    axes.set_ylim(max(len(names), 5) - 0.4, -0.6)
    axes.tick_params(length=0)
    axes.set_xlabel("alerts")


def _say_no_alerts(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_facecolor(EMPTY_COLOUR)
    axes.text(0.5, 0.5, "No alerts", transform=axes.transAxes, ha="center", va="center", color=FAINT_COLOUR)


def _bars(axes: Axes, rows: Sequence[Mapping[str, int]]) -> None:
    longest = max((sum(levels.values()) for levels in rows), default=0)
    for row, levels in enumerate(rows):
        left = 0
        for level, colour in LEVEL_COLOURS.items():
            count = levels.get(level, 0)
            if count:
                axes.barh(row, count, _BAR_HEIGHT, left, color=colour, edgecolor="white", linewidth=0.5)
            left += count
        if left:
            axes.annotate(f"{left:,}", (left, row), (4, 0), textcoords="offset points", size=8.5, va="center_baseline")
    axes.set_xlim(0, max(longest, 1) * 1.13)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="x", color=OTHER_COLOUR, linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)
