import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from tests.stats.small_store import TACTICS, alert, event, store_of
from tocsin.errors import ConfigError
from tocsin.stats.labels import LabelSpan
from tocsin.stats.plots import draw_statistics, figure_of
from tocsin.stats.queries import read_statistics
from tocsin.stats.statistics import Filters, Statistics

_HOSTILE = "$\\frac{1}{0}$ [bold]\x1b[31m\u202e\n\u0000 東京 <script>&\"' " + "W" * 500
_PHISH = LabelSpan("phish", datetime(2026, 1, 12, 9, tzinfo=UTC), datetime(2026, 1, 12, 9, 40, tzinfo=UTC))


def _statistics(host: str = "ws-1", **columns: Any) -> Statistics:
    events = [event(f"2026-01-12 {hour:02}:{minute}", activity="TA0002") for hour in range(24) for minute in (10, 40)]
    alerts = [alert("2026-01-12 09:20", host=host, level="high", **columns), alert("2026-01-12 15:00", "r2")]
    return read_statistics(store_of(events, alerts), TACTICS)


def test_a_png_is_drawn_large_and_not_blank(tmp_path: Path) -> None:
    path = tmp_path / "statistics.png"
    draw_statistics(_statistics(), path, labels=[_PHISH])
    pixels = image.imread(path)
    assert pixels.shape[:2] == (1300, 1600)
    shades = np.unique(np.rint(pixels[:, :, :3] @ [65_536.0, 256.0, 1.0]))
    assert shades.size > 50


def test_an_svg_says_in_words_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "statistics.svg"
    draw_statistics(_statistics(title="Office Starts A Shell"), path, labels=[_PHISH])
    words = _words(path)
    assert {"simulated: phish", "Office Starts A Shell", "Execution", "event time, UTC", "48"} <= words
    assert "Activity (not detections): all events by what they are" in words
    assert "alerts; one with two tactics counts in both" in words


def test_the_heat_map_has_a_row_for_each_tactic_in_matrix_order_with_its_counts() -> None:
    figure = figure_of(_statistics(tactics=["TA0001", "TA0040"]))
    heat = next(axes for axes in figure.axes if axes.get_title(loc="left").startswith("Detections"))
    assert [label.get_text() for label in heat.get_yticklabels()] == [name for _, name in TACTICS]
    assert sorted((text.get_position()[1], text.get_text()) for text in heat.texts) == [(0, "1"), (1, "1"), (4, "1")]


def test_attacks_that_raised_no_alert_are_named_all_the_same() -> None:
    found = read_statistics(store_of([event("2026-01-12 08:00"), event("2026-01-12 10:00")]), TACTICS)
    assert {"simulated: phish", "No alerts between 2026-01-12 08:00 and 2026-01-12 10:02 UTC"} <= _texts(
        figure_of(found, [_PHISH])
    )


def test_names_of_many_attacks_do_not_lie_on_one_another() -> None:
    times = [_PHISH.start + timedelta(minutes=minutes) for minutes in range(20)]
    found = figure_of(_statistics(), [LabelSpan(f"attack {time:%M}", time, time) for time in times])
    assert len([text for text in _texts(found) if text.startswith("simulated: ")]) == 5


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        (Filters(), "No alerts in the store"),
        (Filters(since=datetime(2026, 1, 1)), "No alerts since 2026-01-01 00:00 UTC"),
        (
            Filters(since=datetime(2026, 1, 1), until=datetime(2026, 1, 2)),
            "No alerts between 2026-01-01 00:00 and 2026-01-02 00:00 UTC",
        ),
    ],
)
def test_no_events_are_drawn_as_a_sentence(filters: Filters, sentence: str) -> None:
    assert sentence in _texts(figure_of(read_statistics(store_of(), TACTICS, filters)))


@pytest.mark.parametrize("times", [[], ["2026-01-12 06:00:00.5"], ["1601-01-01 00:00", "8999-12-31 23:59"]])
def test_nothing_and_one_moment_and_thousands_of_years_can_be_drawn(times: list[str], tmp_path: Path) -> None:
    found = read_statistics(store_of(map(event, times), map(alert, times)), TACTICS)
    draw_statistics(found, tmp_path / "span.png")
    assert (tmp_path / "span.png").stat().st_size > 10_000


def test_hostile_names_are_drawn_as_they_stand(tmp_path: Path) -> None:
    found = _statistics(_HOSTILE, user=_HOSTILE, title=_HOSTILE, tactics=[_HOSTILE])
    labels = [LabelSpan(_HOSTILE, _PHISH.start, _PHISH.end)]
    draw_statistics(found, tmp_path / "hostile.svg", labels=labels)
    shown = r"$\frac{1}{0}$ [bold]\x1b[31m\u202e\x0a\x00 東京 <script>&"
    words = _words(tmp_path / "hostile.svg")
    assert shown + "\"' WWW…" in words  # the rule
    assert {shown[:31] + "…", shown[:27] + "…"} <= words  # the host; the user and the tactic
    assert f"simulated: {shown[:38]}…" in words


def test_the_same_statistics_give_the_same_bytes_whatever_the_settings_of_matplotlib(tmp_path: Path) -> None:
    draw_statistics(_statistics(), tmp_path / "one.svg")
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30}):
        draw_statistics(_statistics(), tmp_path / "two.svg")
        assert matplotlib.rcParams["text.usetex"] is True
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"give a name that ends in \.png or \.svg"):
        draw_statistics(_statistics(), tmp_path / "statistics.gif")


def test_matplotlib_is_not_loaded_unless_something_is_drawn() -> None:
    program = (
        "import sys, tocsin.stats.queries, tocsin.stats.tables, tocsin.stats.labels; print('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"


def _texts(figure: Figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def _words(path: Path) -> set[str]:
    return {element.text or "" for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")}
