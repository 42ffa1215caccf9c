"""A trace in lines for a terminal."""

import random
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.telemetry.traced import MS, moved, trace_spans
from tocsin.stats.waterfall import waterfall_lines
from tocsin.telemetry.spans import INTERNAL, Resource, Span

_HOSTILE = "\x1b]0;gone\x07\x1b[2J\r\n\u202e[red]évil[/red]"


def _lines(spans: Sequence[Span], width: int = 80) -> list[str]:
    return [line.plain.rstrip() for line in waterfall_lines(spans, width)]


def _printed(spans: Sequence[Span], *, is_terminal: bool) -> str:
    out = StringIO()
    console = Console(file=out, force_terminal=is_terminal, color_system="standard" if is_terminal else None, width=80)
    for line in waterfall_lines(spans, 80):
        console.print(line, soft_wrap=True)
    return out.getvalue()


def test_a_trace_on_eighty_columns() -> None:
    assert _lines(trace_spans()) == [
        "Event 5f0c1e9a7b3d4286a1c04e8f92d7b635",
        "2.29 s from 2026-01-12 06:00:00.000123 UTC · 8 spans of 3 services",
        "rule      Archive With Password",
        "level     medium",
        "technique T1560.001, T1005",
        "",
        "                                            0                             2.29 s",
        "produce_event   produce-0@ws-017     1.9 ms ▏",
        "  in Kafka                            1.2 s ···················",
        "consume_event   classify-1@node-a    500 µs                   ▏",
        "normalize_event classify-1@node-a     50 µs                   ▏",
        "classify_event  classify-1@node-a    120 µs                   ▏",
        "  waiting                           3.43 ms                   ·",
        "publish_event   classify-1@node-a     15 ms                   ▎",
        "  in Kafka                           1.04 s                    ················",
        "store_event     store-0@node-b        32 ms                                    ▌",
        "  write_csv     store-0@node-b         5 ms                                    ▏",
        "  write_parquet store-0@node-b        24 ms                                    ▍",
    ]


def test_a_trace_on_forty_columns_names_each_process_above_its_spans() -> None:
    assert _lines(trace_spans(), 40) == [
        "Event 5f0c1e9a7b3d4286a1c04e8f92d7b635",
        "2.29 s from 2026-01-12 06:00:00.000123",
        "UTC · 8 spans of 3 services",
        "rule      Archive With Password",
        "level     medium",
        "technique T1560.001, T1005",
        "",
        "                          0       2.29 s",
        "produce-0@ws-017",
        "produce_event      1.9 ms ▏",
        "  in Kafka          1.2 s ·······",
        "classify-1@node-a",
        "consume_event      500 µs        ▏",
        "normalize_event     50 µs        ▏",
        "classify_event     120 µs        ▏",
        "  waiting         3.43 ms        ·",
        "publish_event       15 ms        ▏",
        "  in Kafka         1.04 s        ·······",
        "store-0@node-b",
        "store_event         32 ms              ▎",
        "  write_csv          5 ms              ▏",
        "  write_parquet     24 ms              ▏",
    ]


def test_bars_are_as_long_as_their_spans() -> None:
    whole, half, quarter = (
        replace(span, start_ns=start * MS, end_ns=end * MS, kind=INTERNAL, attributes={}, parent_id=b"")
        for span, start, end in zip(trace_spans(), (0, 0, 750), (1_000, 500, 1_000), strict=False)
    )
    lengths = sorted(line.count("█") for line in _lines([whole, half, quarter]) if "█" in line)
    assert lengths[1] == pytest.approx(lengths[2] / 2, abs=1)
    assert lengths[0] == pytest.approx(lengths[2] / 4, abs=1)


def test_what_is_odd_stands_at_the_span_and_the_whole_at_the_end() -> None:
    spans = trace_spans()
    failed = replace(spans[0], error="no leader for partition 3", links=((spans[0].trace_id, b"\x02" * 8),))
    late = replace(spans[5], parent_id=b"\x07" * 8, links=((b"\x01" * 16, b"\x02" * 8),))
    lines = _lines([failed, *moved(spans[1:5], -1_203 * MS), late, *spans[6:]])
    assert lines[8:12] == [
        "  error: no leader for partition 3",
        "  link to span 0202020202020202",
        "! clocks disagree by 3 ms: produce on ws-017, classify on node-a",
        "consume_event   classify-1@node-a    500 µs ▏",
    ]
    assert lines[-7:] == [
        "store_event     store-0@node-b        32 ms                                    ▌",
        "! its parent 0707070707070707 is not in the trace",
        "  link to span 0202020202020202 of trace 01010101010101010101010101010101",
        "  write_csv     store-0@node-b         5 ms                                    ▏",
        "  write_parquet store-0@node-b        24 ms                                    ▍",
        "",
        "! 1 parent not in the trace: it may still come, or it was lost on the way",
    ]


def test_an_error_is_red_on_a_terminal_and_nothing_is_coloured_elsewhere() -> None:
    spans = trace_spans()
    spans[0] = replace(spans[0], error="no leader")
    assert "\x1b[31m  error: no leader\x1b[0m" in _printed(spans, is_terminal=True)
    assert "\x1b" not in _printed(spans, is_terminal=False)


def _hostile() -> list[Span]:
    resource = Resource(_HOSTILE, _HOSTILE, _HOSTILE, _HOSTILE)
    attributes = {
        "host.name": _HOSTILE,
        "rule.name": (_HOSTILE,),
        "tocsin.level": _HOSTILE,
        "messaging.system": _HOSTILE,
    }
    spans = [replace(span, name=_HOSTILE, resource=resource, attributes=attributes) for span in trace_spans()]
    spans[0] = replace(spans[0], error=_HOSTILE)
    spans[1] = replace(spans[1], start_ns=spans[0].start_ns)
    return spans


@pytest.mark.parametrize("width", [40, 80])
def test_nothing_in_a_span_reaches_the_terminal_as_it_came(width: int) -> None:
    printed = "\n".join(_lines(_hostile(), width))
    assert not set(printed) & set("\x1b\x07\r\u202e")
    assert r"\x1b]0;gone\x07\x1b[2J\x0d\x0a\u202e[red]évil[/red]" in printed.replace("\n  ", "").replace("\n      ", "")
    assert "\x1b[2J" not in _printed(_hostile(), is_terminal=True)


def _many(count: int) -> list[Span]:
    chance = random.Random(count)
    spans = trace_spans()[:1]
    while len(spans) < count:
        parent = chance.choice(spans)
        start = parent.start_ns + chance.randrange(-MS, 5 * MS)
        resource = Resource(f"サービス-{chance.randrange(7)}", f"instance-{chance.randrange(50)}" * 3)
        spans.append(
            replace(
                spans[0],
                span_id=len(spans).to_bytes(8, "big"),
                parent_id=parent.span_id,
                name=f"処理 {len(spans)} of a service that likes long names",
                start_ns=start,
                end_ns=start + chance.randrange(10 * MS),
                resource=resource,
                error="長い長い" * 30 if chance.random() < 0.1 else "",
                kind=chance.randrange(1, 6),
            )
        )
    return spans


@pytest.mark.parametrize("count", [1, 2, 200])
@pytest.mark.parametrize("width", [40, 66, 80, 200])
def test_no_line_is_wider_than_the_terminal(count: int, width: int) -> None:
    lines = waterfall_lines(_many(count), width)
    assert len(lines) >= count
    assert max(cell_len(line.plain) for line in lines) <= width


def test_a_trace_without_any_length_is_shown() -> None:
    spans = [replace(span, start_ns=5, end_ns=5) for span in trace_spans()]
    assert _lines(spans)[1].startswith("0 µs from 1970-01-01 00:00:00.000000 UTC")


def test_of_a_trace_that_is_too_long_for_a_terminal_the_first_spans_are_shown_and_the_rest_is_counted() -> None:
    spans = [replace(span, error="") for span in _many(2_345)]
    lines = _lines(spans)
    assert lines[1].endswith("2,345 spans of 8 services")
    names = [line for line in lines if "処理" in line]
    assert len(names) <= 200
    assert len(lines) < 1_000
    assert "and 2,145 more spans: --json has all of them" in lines
    assert max(cell_len(line) for line in lines) <= 80
    assert not any("more span" in line for line in _lines(spans[:200]))


def test_of_a_span_with_very_many_links_a_few_are_shown_and_the_rest_is_counted() -> None:
    root = replace(trace_spans()[0], links=tuple((b"\x01" * 16, bytes([number]) * 8) for number in range(105)))
    lines = _lines([root])
    assert sum("link to span" in line for line in lines) == 5
    assert "  and 100 more links: --json has all of them" in lines
