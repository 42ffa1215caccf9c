"""Say a trace in lines for a terminal: a bar for each span on one axis of time, the waits between them by name."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells
from rich.text import Text

from tocsin.plain import LEVEL_STYLES, counted, plain
from tocsin.stats.durations import short_duration
from tocsin.stats.trace_rows import MOST_SHOWN, Gap, Row, Trace, trace_of
from tocsin.telemetry.spans import Span
from tocsin.timestamps import iso_utc

_WIDE = 66  # columns: below, the process has a line of its own
_NARROWEST = 24
_WIDEST = 110
_DURATION = 9
_MOST_DEPTH = 6  # of what is indented
_LONGEST = 500  # characters of a message
_MOST_LINKS = 5  # of a span
_STYLES = {"tocsin-produce": "blue", "tocsin-classify": "green", "tocsin-store": "magenta"}
_OTHER_STYLE = "cyan"
_ENDS = ("▏", "▎", "▍", "▌", "▋", "▊", "▉", "█")  # eighths of a column


def waterfall_lines(spans: Sequence[Span], width: int = 80) -> list[Text]:
    """Return the lines of one trace, at most `width` columns each; from 40 on it reads well.

    Of more than 200 spans the first 200 are shown, and a line says how many more there are. What stands in a span is
    harmless to a terminal. Raises ValueError where there is no span.
    """
    trace = trace_of(spans)
    layout = _Layout(trace, max(_NARROWEST, min(width, _WIDEST)))
    return [*_head(trace, layout), *_body(trace, layout), *_foot(trace, layout)]


class _Layout:
    """Which columns stand where, and what time is where in the last one."""

    def __init__(self, trace: Trace, width: int) -> None:
        self.width = width
        self.is_wide = width >= _WIDE
        shown = trace.rows[:MOST_SHOWN]
        names = [cell_len(_label(row)) for row in shown] + [cell_len(row.gap.name) + 2 for row in shown if row.gap]
        self.name = min(max(names), width // 4 if self.is_wide else width // 2 - 2)
        places = [cell_len(_place(trace, row.span)) for row in shown]
        self.place = min(max(places), width // 4) if self.is_wide else 0
        self.left = self.name + 1 + (self.place + 1 if self.is_wide else 0) + _DURATION + 1
        self.bar = width - self.left
        self.start_ns = trace.start_ns
        self.ns = max(1, trace.duration_ns)

    def column(self, time_ns: int) -> float:
        return (time_ns - self.start_ns) / self.ns * self.bar

    def bar_of(self, start_ns: int, end_ns: int) -> str:
        """Return a bar with blank columns before it; the shortest is one thin line."""
        begin = min(int(self.column(start_ns)), self.bar - 1)
        eighths = max(1, round((self.column(end_ns) - self.column(start_ns)) * 8))
        whole, part = divmod(min(eighths, (self.bar - begin) * 8), 8)
        return " " * begin + "█" * whole + (_ENDS[part - 1] if part else "")

    def wait_of(self, start_ns: int, end_ns: int) -> str:
        begin = min(int(self.column(start_ns)), self.bar - 1)
        end = min(max(begin + 1, round(self.column(end_ns))), self.bar)
        return " " * begin + "·" * (end - begin)

    def line(self, name: str, place: str, duration: str, bar: str, style: str) -> Text:
        line = Text(_fitted(name, self.name) + " ")
        if self.is_wide:
            line.append(_fitted(place, self.place) + " ", "dim")
        return line.append(duration.rjust(_DURATION) + " ").append(bar, style)


def _head(trace: Trace, layout: _Layout) -> Iterator[Text]:
    yield Text("Event ").append(trace.event_id.hex(), "bold")
    services = len({row.span.resource.service for row in trace.rows})
    yield from _folded(
        f"{short_duration(trace.duration_ns)} from {_moment(trace.start_ns)} · {counted(len(trace.rows), 'span')}"
        f" of {counted(services, 'service')}",
        layout,
    )
    longest = max(map(len, trace.facts), default=0)
    for name, value in trace.facts.items():
        style = LEVEL_STYLES.get(value, "") if name == "level" else ""
        yield from _folded(value, layout, f"{name:{longest}} ", style)
    yield Text()
    duration = short_duration(trace.duration_ns)
    yield Text(" " * layout.left + "0" + duration.rjust(layout.bar - 1), "dim")


def _body(trace: Trace, layout: _Layout) -> Iterator[Text]:
    place = ""
    for row in trace.rows[:MOST_SHOWN]:
        span = row.span
        if row.gap:
            yield _gap_line(row.gap, layout)
        if row.disagreement:
            yield from _folded(str(row.disagreement), layout, "! ", "yellow")
        if not layout.is_wide and _place(trace, span) != place:
            place = _place(trace, span)
            yield from _folded(place, layout, style="dim")
        style = "red" if span.error else _STYLES.get(span.resource.service, _OTHER_STYLE)
        duration = short_duration(span.end_ns - span.start_ns)
        yield layout.line(_label(row), _place(trace, span), duration, layout.bar_of(span.start_ns, span.end_ns), style)
        if span.error:
            yield from _folded(f"error: {span.error}", layout, "  ", "red")
        if row.remark:
            yield from _folded(row.remark, layout, "! ", "yellow")
        yield from _links(span, layout)
    more = len(trace.rows) - MOST_SHOWN
    if more > 0:
        yield from _folded(f"and {counted(more, 'more span')}: --json has all of them", layout, style="dim")


def _links(span: Span, layout: _Layout) -> Iterator[Text]:
    for trace_id, span_id in span.links[:_MOST_LINKS]:
        where = "" if trace_id == span.trace_id else f" of trace {trace_id.hex()}"
        yield from _folded(f"link to span {span_id.hex()}{where}", layout, "  ", "dim")
    more = len(span.links) - _MOST_LINKS
    if more > 0:
        yield from _folded(f"and {counted(more, 'more link')}: --json has all of them", layout, "  ", "dim")


def _gap_line(gap: Gap, layout: _Layout) -> Text:
    bar = layout.wait_of(gap.start_ns, gap.end_ns)
    line = layout.line(f"  {gap.name}", "", short_duration(gap.duration_ns), bar, "")
    line.stylize("dim")
    return line


def _foot(trace: Trace, layout: _Layout) -> Iterator[Text]:
    if trace.remarks:
        yield Text()
    for remark in trace.remarks:
        yield from _folded(remark, layout, "! ", "yellow")


def _label(row: Row) -> str:
    return "  " * min(row.depth, _MOST_DEPTH) + (plain(row.span.name, 60) or "(no name)")


def _place(trace: Trace, span: Span) -> str:
    return plain(trace.process_of(span), 60)


def _moment(time_ns: int) -> str:
    return iso_utc(time_ns // 1000).replace("T", " ").replace("Z", " UTC")


def _folded(text: str, layout: _Layout, first: str = "", style: str = "") -> Iterator[Text]:
    """Fold a text from a log into lines; each but the first is indented as far as that one is."""
    shown = plain(text, _LONGEST)
    columns = layout.width - len(first)
    if cell_len(shown) != len(shown):  # letters of two columns
        columns //= 2
    for number, part in enumerate(textwrap.wrap(shown, columns) or [""]):
        yield Text((first if number == 0 else " " * len(first)) + part, style)


def _fitted(text: str, columns: int) -> str:
    """Return the text with exactly so many columns: blanks after it, or `…` for its end."""
    missing = columns - cell_len(text)
    if missing >= 0:
        return text + " " * missing
    cut = chop_cells(text, columns - 1)[0] + "…"
    return cut + " " * (columns - cell_len(cut))
