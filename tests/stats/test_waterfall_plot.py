"""A trace as a picture."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import image

from tests.telemetry.traced import MS, moved, trace_spans
from tocsin.errors import ConfigError
from tocsin.stats.waterfall_plot import draw_waterfall, waterfall_figure_of
from tocsin.telemetry.spans import Resource

_HOSTILE = "$\\frac{1}{0}$\x1b[31m\u202e<script>"


def _words(path: Path) -> set[str]:
    return {element.text or "" for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")}


def test_the_picture_says_in_words_how_long_each_span_and_wait_was(tmp_path: Path) -> None:
    draw_waterfall(trace_spans(), tmp_path / "trace.svg")
    words = _words(tmp_path / "trace.svg")
    assert {"produce_event", "1.9 ms", "50 µs", "in Kafka 1.2 s", "waiting 3.43 ms", "in Kafka 1.04 s"} <= words
    assert {"tocsin-produce", "tocsin-classify", "tocsin-store", "The whole trace"} <= words
    assert "Tocsin: event 5f0c1e9a7b3d4286a1c04e8f92d7b635" in words
    assert any("rule Archive With Password  ·  level medium  ·  technique T1560.001, T1005" in word for word in words)


def test_a_png_is_drawn_with_more_than_one_colour(tmp_path: Path) -> None:
    draw_waterfall(trace_spans(), tmp_path / "trace.png")
    picture = image.imread(tmp_path / "trace.png")
    assert picture.shape[1] == 1200
    assert len({tuple(pixel) for pixel in picture.reshape(-1, picture.shape[2])[::7].tolist()}) > 20


def test_each_stage_of_several_spans_that_is_short_is_magnified() -> None:
    titles = [axes.get_title(loc="left") for axes in waterfall_figure_of(trace_spans()).axes]
    assert titles[1:] == [
        "The whole trace",
        "classify-1@node-a, magnified: 19.1 ms",
        "store-0@node-b, magnified: 32 ms",
    ]
    near = [*trace_spans()[5:]]
    assert len(waterfall_figure_of(near).axes) == 2


def test_a_span_of_microseconds_has_a_bar_that_can_be_seen() -> None:
    whole = waterfall_figure_of(trace_spans()).axes[1]
    widths = [patch.get_width() for patch in whole.patches]  # type: ignore[attr-defined]
    left, right = whole.get_xlim()
    assert min(widths) > 0.001 * (right - left)


def test_what_is_odd_stands_above_the_picture(tmp_path: Path) -> None:
    spans = trace_spans()
    spans[0] = replace(spans[0], error="no leader")
    draw_waterfall([spans[0], *moved(spans[1:], -1_203 * MS)], tmp_path / "trace.svg")
    words = _words(tmp_path / "trace.svg")
    assert "produce_event: error: no leader" in words
    assert "clocks disagree by 3 ms: produce on ws-017, classify on node-a" in words


@pytest.mark.parametrize("count", [1, 2, 200, 201])
def test_one_span_and_two_hundred_can_be_drawn_and_more_are_left_out(count: int) -> None:
    span = trace_spans()[0]
    spans = [
        replace(span, span_id=n.to_bytes(8, "big"), parent_id=(n // 3).to_bytes(8, "big") if n // 3 else b"")
        for n in range(1, count + 1)
    ]
    figure = waterfall_figure_of(spans)
    assert len(figure.axes[1].get_yticks()) == min(200, count)
    said = [text.get_text() for text in figure.axes[0].texts]
    assert ("the first 200 of 201 spans are drawn" in said) == (count > 200)


def test_hostile_text_is_drawn_as_it_stands(tmp_path: Path) -> None:
    resource = Resource(_HOSTILE, _HOSTILE, _HOSTILE)
    spans = [
        replace(span, name=_HOSTILE, resource=resource, error=_HOSTILE, attributes={"host.name": _HOSTILE})
        for span in trace_spans()
    ]
    draw_waterfall(spans, tmp_path / "trace.svg")
    assert r"$\frac{1}{0}$\x1b[31m\u20…" in _words(tmp_path / "trace.svg")
    draw_waterfall(spans, tmp_path / "trace.png")


@pytest.mark.parametrize("letter", ["W", "長"])
def test_however_long_its_texts_are_the_bars_keep_their_room(tmp_path: Path, letter: str) -> None:
    resource = Resource(letter * 99, letter * 99)
    spans = [replace(span, name=letter * 99, error=letter * 600, resource=resource) for span in trace_spans()]
    draw_waterfall(spans, tmp_path / "trace.png")  # it warns where there is no room, which is an error here
    picture = image.imread(tmp_path / "trace.png")
    below_head = picture[picture.shape[0] // 3 :, :, :3]
    darkest = np.asarray(below_head.min(axis=(0, 2)))  # of each column
    assert (darkest[400:1100] < 0.9).mean() > 0.5


def test_a_trace_without_any_length_can_be_drawn(tmp_path: Path) -> None:
    draw_waterfall([replace(span, start_ns=5, end_ns=5) for span in trace_spans()], tmp_path / "trace.png")
    assert (tmp_path / "trace.png").stat().st_size > 5_000


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"give a name that ends in \.png or \.svg"):
        draw_waterfall(trace_spans(), tmp_path / "trace.gif")
