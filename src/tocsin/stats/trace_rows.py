"""Put the spans of a trace in the order they are read in, with the waits between them and what is odd about them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from tocsin.plain import counted
from tocsin.stats.durations import short_duration
from tocsin.telemetry.spans import CONSUMER, PRODUCER, Span, Value

OUR_SERVICES = "tocsin-"
MOST_SHOWN = 200  # spans, of one trace, in lines or in a picture

_WAITING_NS = 1_000_000  # from a span to its child: less is no wait worth a line
_FACTS = {  # by what name: the attributes that say it, those of telemetry/trace.py and of the semantic conventions
    "host": ("tocsin.host", "host.name"),
    "rule": ("rule.name",),
    "level": ("tocsin.level",),
    "technique": ("threat.technique.id",),
}


@dataclass(frozen=True)
class Gap:
    """Time that passed between the end of a span and the start of its child."""

    name: str  # "in Kafka", "on the bus", "waiting"
    parent: Span
    child: Span

    @property
    def start_ns(self) -> int:
        return self.parent.end_ns

    @property
    def end_ns(self) -> int:
        return self.child.start_ns

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns


@dataclass(frozen=True)
class Disagreement:
    """A child that starts before it can have: its clock, or its parent's, is wrong by at least so much."""

    parent: Span
    child: Span
    ns: int

    def __str__(self) -> str:
        parent, child = self.parent.resource, self.child.resource
        if parent.host and parent.host == child.host:
            names = " and ".join(dict.fromkeys((short_service(parent.service), short_service(child.service))))
            return f"times go backwards by {short_duration(self.ns)}: {names} on {parent.host}, by one clock"
        return f"clocks disagree by {short_duration(self.ns)}: {_process(self.parent)}, {_process(self.child)}"


@dataclass(frozen=True)
class Row:
    """A span in its place."""

    span: Span
    depth: int  # 0: beside the root; one more for each span that it lies within
    stage: int  # by number: what is sent on, and what has no parent, begins another one
    gap: Gap | None = None  # before it
    disagreement: Disagreement | None = None
    remark: str = ""  # what else is odd about it


@dataclass(frozen=True)
class Trace:
    """A trace, ready to be shown."""

    event_id: bytes  # 16 bytes: the trace id
    start_ns: int  # the first start, since 1970, UTC
    end_ns: int  # the last end
    rows: Sequence[Row]
    facts: Mapping[str, str]  # host, rule, level, technique: those that a span's attributes name
    remarks: Sequence[str]  # what is odd about the whole

    @property
    def duration_ns(self) -> int:
        return self.end_ns - self.start_ns

    def process_of(self, span: Span) -> str:
        """Return which process a span is of: `classify-0`, `front node-3` where the instance does not say of what,
        `classify-0@host` where the trace was on several hosts."""
        service, instance = short_service(span.resource.service), span.resource.instance
        says_all = service and instance.startswith(service)
        name = instance if says_all else f"{service or '(no service)'} {instance}".strip()
        return f"{name}@{span.resource.host}" if self.has_hosts and span.resource.host else name

    @cached_property
    def has_hosts(self) -> bool:
        return len({row.span.resource.host for row in self.rows} - {""}) > 1

    @property
    def gaps(self) -> list[Gap]:
        return [row.gap for row in self.rows if row.gap]

    @property
    def disagreements(self) -> list[Disagreement]:
        return [row.disagreement for row in self.rows if row.disagreement]


def trace_of(spans: Sequence[Span]) -> Trace:
    """Return the spans of one trace: each once, children after their parent, by start.

    Raises ValueError where there is no span.
    """
    if not spans:
        raise ValueError("a trace has at least one span")
    spans = sorted(spans, key=lambda span: (span.start_ns, span.end_ns, span.span_id, span.name))
    rows = list(_rows(spans))
    return Trace(
        event_id=spans[0].trace_id,
        start_ns=spans[0].start_ns,
        end_ns=max(max(span.start_ns, span.end_ns) for span in spans),
        rows=rows,
        facts=_facts(spans),
        remarks=list(_remarks(spans, rows)),
    )


def short_service(service: str) -> str:
    """Return the name of a service of ours without what all have in common."""
    return service.removeprefix(OUR_SERVICES)


def _rows(spans: Sequence[Span]) -> Iterator[Row]:
    numbers: dict[bytes, int] = {}
    for number, span in enumerate(spans):
        numbers.setdefault(span.span_id, number)
    children = defaultdict(list)
    tops = []
    for number, span in enumerate(spans):
        parent = numbers.get(span.parent_id)
        if parent is None or parent == number:
            tops.append(number)
        else:
            children[parent].append(number)
    seen: set[int] = set()
    stages = count()
    for top in [*tops, *range(len(spans))]:  # what no top leads to has parents in a circle
        waiting: list[tuple[int, Span | None, int, int]] = [(top, None, 0, -1)]
        while waiting:
            number, cause, depth, stage = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            span = spans[number]
            row = _row(span, cause, depth, next(stages) if cause is None or _is_sent(cause, span) else stage, numbers)
            yield row
            waiting += [(child, span, row.depth, row.stage) for child in reversed(children[number])]


def _row(span: Span, parent: Span | None, depth: int, stage: int, numbers: Mapping[bytes, int]) -> Row:
    if parent is None:
        return Row(span, 0, stage, remark=_parent_remark(span, numbers))
    wrong_ns = _before_ns(parent, span)
    if wrong_ns > 0:
        return Row(span, depth, stage, disagreement=Disagreement(parent, span, wrong_ns), remark=_end_remark(span))
    is_within = span.start_ns < parent.end_ns
    return Row(span, depth + is_within, stage, _gap(parent, span), remark=_end_remark(span))


def _is_sent(parent: Span, child: Span) -> bool:
    return parent.kind == PRODUCER and child.kind == CONSUMER


def _parent_remark(span: Span, numbers: Mapping[bytes, int]) -> str:
    if span.parent_id in numbers:
        return "its parents go in a circle"
    return f"its parent {span.parent_id.hex()} is not in the trace" if span.parent_id else _end_remark(span)


def _end_remark(span: Span) -> str:
    return "it ends before it starts" if span.end_ns < span.start_ns else ""


def _before_ns(parent: Span, child: Span) -> int:
    """Return by how much a child starts too early: what was sent is received later, and nothing before its cause."""
    return (parent.end_ns if _is_sent(parent, child) else parent.start_ns) - child.start_ns


def _gap(parent: Span, child: Span) -> Gap | None:
    if _is_sent(parent, child):
        is_kafka = parent.attributes.get("messaging.system") == "kafka"
        return Gap("in Kafka" if is_kafka else "on the bus", parent, child)
    return Gap("waiting", parent, child) if child.start_ns - parent.end_ns > _WAITING_NS else None


def _process(span: Span) -> str:
    resource = span.resource
    where = resource.host or resource.instance
    return f"{short_service(resource.service) or span.name} on {where or 'an unknown host'}"


def _facts(spans: Sequence[Span]) -> dict[str, str]:
    facts = {}
    ours_first = sorted(spans, key=lambda span: not span.resource.service.startswith(OUR_SERVICES))
    for name, keys in _FACTS.items():
        values = (span.attributes[key] for span in ours_first for key in keys if key in span.attributes)
        text = next(filter(None, map(_text, values)), "")
        if text:
            facts[name] = text
    return facts


def _text(value: Value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _remarks(spans: Sequence[Span], rows: Sequence[Row]) -> Iterator[str]:
    roots = [span for span in spans if not span.parent_id]
    if len(roots) != 1:
        yield f"{len(roots)} spans are roots: {_names(roots)}" if roots else "no span is the root: the first is missing"
    missing = {row.span.parent_id for row in rows if "is not in the trace" in row.remark}
    if missing:
        yield f"{counted(len(missing), 'parent')} not in the trace: it may still come, or it was lost on the way"
    others = [span.resource.service for span in spans if not span.resource.service.startswith(OUR_SERVICES)]
    if others:
        counts = Counter(others)
        names = ", ".join(f"{name or '(no service)'} ({count})" for name, count in counts.most_common(5))
        yield f"spans of other services: {names}{_more(len(counts) - 5)}"
    counts_of_ids = Counter(span.span_id for span in spans)
    same = list({span.span_id: span for span in spans if counts_of_ids[span.span_id] > 1}.values())
    if same:
        yield f"ids that spans of different content share: {_names(same)}"


def _names(spans: Sequence[Span]) -> str:
    return ", ".join(span.name or "(no name)" for span in spans[:5]) + _more(len(spans) - 5)


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
