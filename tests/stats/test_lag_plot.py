"""The lag over time: what is counted of it, and what is drawn."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib import image

from tocsin.errors import ConfigError
from tocsin.flow import PartitionLag
from tocsin.stats.lag_history import LagHistory, LagLook, points_by_group
from tocsin.stats.lag_plot import draw_lag, lag_figure_of

_START = datetime(2026, 1, 12, 6, tzinfo=UTC)
_HOSTILE = "$\\frac{1}{0}$\x1b[31m\u202e<script>"


def _look(second: float, *lags: PartitionLag) -> LagLook:
    return LagLook(_START + timedelta(seconds=second), lags)


def _lag(committed: int, end: int, age: float = 0.0, group: str = "classify", partition: int = 0) -> PartitionLag:
    return PartitionLag(group, "raw-events", partition, committed, end, age)


def _burst() -> Sequence[LagLook]:
    return [_look(0, _lag(0, 0)), _look(2, _lag(2_000, 40_000, 1.9)), _look(4, _lag(40_000, 40_000))]


def test_partitions_of_a_group_are_added_up_and_its_oldest_record_counts() -> None:
    looks = [_look(0, _lag(0, 0), _lag(0, 0, partition=1)), _look(2, _lag(10, 30, 1), _lag(0, 5, 9, partition=1))]
    first, second = points_by_group(looks)["classify"]
    assert (first.records, first.in_per_second, first.out_per_second) == (0, None, None)
    assert (second.records, second.oldest_age_seconds) == (25, 9)
    assert (second.in_per_second, second.out_per_second) == (35 / 2, 10 / 2)


def test_records_that_were_there_before_a_partition_was_seen_did_not_come_now() -> None:
    looks = [_look(0, _lag(0, 10)), _look(2, _lag(0, 20), _lag(0, 9_000, partition=1))]
    assert points_by_group(looks)["classify"][1].in_per_second == 5


def test_a_look_that_is_missing_does_not_change_the_rates_around_it() -> None:
    looks = [_look(0, _lag(0, 0)), _look(10, _lag(50, 100))]
    assert points_by_group(looks)["classify"][1].out_per_second == 5


def test_a_long_watch_keeps_its_first_and_its_newest_look_and_no_more_than_so_many() -> None:
    history = LagHistory(most=10)
    for second in range(1000):
        history.add(_look(second, _lag(0, second)))
    assert len(history.looks) <= 10
    assert [look.lags[0].end for look in (history.looks[0], history.looks[-1])] == [0, 999]


def test_the_picture_says_in_words_how_far_each_group_was_behind(tmp_path: Path) -> None:
    draw_lag(_burst(), tmp_path / "lag.svg", where="kafka://broker:9092")
    words = _words(tmp_path / "lag.svg")
    assert "classify: at most 38,000 records, at the end 0" in words
    assert {"came", "read", "classify: records a second", "time, UTC"} <= words
    assert "kafka://broker:9092  ·  2026-01-12 06:00:00 to 06:00:04 UTC  ·  3 looks" in words


def test_a_png_is_drawn_with_a_panel_of_rates_for_each_group(tmp_path: Path) -> None:
    looks = [_look(second, _lag(0, 9), _lag(0, 9, group="store")) for second in (0, 2)]
    draw_lag(looks, tmp_path / "lag.png")
    assert image.imread(tmp_path / "lag.png").shape[:2] == (900, 1200)
    titles = [axes.get_title(loc="left") for axes in lag_figure_of(looks).axes]
    assert titles[1:] == [
        "Records not read yet", "Age of the oldest record not read yet", "classify: records a second",
        "store: records a second",
    ]  # fmt: skip


def test_of_many_groups_those_furthest_behind_are_drawn() -> None:
    looks = [_look(0, *[_lag(0, number, group=f"g{number}") for number in range(9)])]
    figure = lag_figure_of(looks)
    titles = [axes.get_title(loc="left") for axes in figure.axes[3:]]
    assert titles == [f"g{number}: records a second" for number in (5, 6, 7, 8)]
    assert "5 groups that were less behind are left out" in figure.axes[0].texts[1].get_text()


@pytest.mark.parametrize("looks", [[], [_look(0)], [_look(0, _lag(0, 0))]])
def test_nothing_and_one_look_can_be_drawn(looks: Sequence[LagLook], tmp_path: Path) -> None:
    draw_lag(looks, tmp_path / "lag.png")
    assert (tmp_path / "lag.png").stat().st_size > 5_000


def test_a_hostile_name_of_a_group_is_drawn_as_it_stands(tmp_path: Path) -> None:
    draw_lag([_look(0, _lag(0, 0, group=_HOSTILE))], tmp_path / "lag.svg", where=_HOSTILE)
    assert r"$\frac{1}{0}$\x1b[31m\u202e<s…: records a second" in _words(tmp_path / "lag.svg")


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"give a name that ends in \.png or \.svg"):
        draw_lag(_burst(), tmp_path / "lag.gif")


def _words(path: Path) -> set[str]:
    return {element.text or "" for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")}
