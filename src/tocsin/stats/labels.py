"""The times of simulated attacks, to be marked in the drawing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class LabelSpan:
    """A simulated attack, from its first labelled event to its last. Times have a zone."""

    name: str
    start: datetime
    end: datetime


def label_spans(labelled: Iterable[tuple[str, datetime]]) -> list[LabelSpan]:
    """Return the span of each attack in order of time, from the names and times of labelled events."""
    spans: dict[str, LabelSpan] = {}
    for name, time in labelled:
        span = spans.get(name) or LabelSpan(name, time, time)
        spans[name] = LabelSpan(name, min(span.start, time), max(span.end, time))
    return sorted(spans.values(), key=lambda span: (span.start, span.name))
