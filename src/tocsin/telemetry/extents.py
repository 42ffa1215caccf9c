"""What the times that stages keep with events say: each span's beginning and end, its process and its parent."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tocsin.telemetry.spans import Resource
from tocsin.telemetry.stage_times import LINK, StageTimes
from tocsin.telemetry.steps import CLASSIFY_STEPS, WRITE_STEPS

PARENTS = {
    "produce_event": "",
    "consume_event": "produce_event",
    "normalize_event": "consume_event",
    "classify_event": "normalize_event",
    "publish_event": "classify_event",
    "store_event": "publish_event",
    "write_csv": "store_event",
    "write_parquet": "store_event",
}
GROUPS = {"consume_event": "classify", "store_event": "store"}


class Extent(NamedTuple):
    """One span of all events that share a trace's times."""

    resource: Resource
    start_us: int  # 0: when each event was ingested
    end_us: int
    records: int  # in the batch
    parent: str = ""  # "": it is the root
    behind_us: int = 0  # so much before the end of its parent it began, by another clock
    links: tuple[bytes, bytes] | None = None  # (trace id, span id)
    commit: str = ""

    @property
    def variant(self) -> tuple[object, ...]:
        """What must be the same of spans that stand together."""
        return self.resource, self.parent, self.behind_us > 0, self.links, self.commit


def extents_of(parts: Sequence[StageTimes], are_dead_letters: bool) -> dict[str, Extent]:
    """Return the spans of all events that have these parts, by name."""
    by_stage = {part.stage: part for part in parts}
    found: dict[str, Extent] = {}
    produce, classify = by_stage.get("produce"), by_stage.get("classify")
    store, write = by_stage.get("store"), by_stage.get("write")
    if produce:
        found["produce_event"] = Extent(_resource(produce), 0, produce.began_us, produce.records)
    if classify and len(classify.steps_us) == CLASSIFY_STEPS:
        names = ("consume_event", "normalize_event", "classify_event", "publish_event")
        for name, (start_us, end_us) in zip(names, pairwise(classify.moments_us), strict=True):
            found[name] = Extent(_resource(classify), start_us, end_us, classify.records)
    if store:
        end_us = store.began_us
        if write and len(write.steps_us) == WRITE_STEPS:
            began_us, segments_us, _, end_us = write.moments_us
            written = {"write_csv": segments_us, "write_parquet": began_us}
            for name, start_us in written.items():
                found[name] = Extent(_resource(store), start_us, end_us, write.records, commit=write.instance)
        found["store_event"] = Extent(_resource(store), store.began_us, end_us, store.records)
    for name in ("classify_event", "write_csv") if are_dead_letters else ():
        found.pop(name, None)
    linked = _linked(by_stage.get(LINK))
    return {name: _placed(name, extent, found, linked) for name, extent in found.items()}


def _resource(times: StageTimes) -> Resource:
    return _remembered_resource(times.stage, times.instance, times.host, times.version)


@lru_cache(maxsize=64)  # of all processes there are hardly more
def _remembered_resource(stage: str, instance: str, host: str, version: str) -> Resource:
    return Resource(f"tocsin-{stage}", instance, host, version)


def _placed(name: str, extent: Extent, found: Mapping[str, Extent], linked: tuple[bytes, bytes] | None) -> Extent:
    """Return a span with its parent, the nearest that is there; the root with what it is linked to."""
    parent = PARENTS[name]
    while parent and parent not in found:
        parent = PARENTS[parent]
    if not parent:
        return extent._replace(links=linked)
    behind_us = found[parent].end_us - extent.start_us if name in GROUPS else 0
    return extent._replace(parent=parent, behind_us=max(0, behind_us))


def _linked(part: StageTimes | None) -> tuple[bytes, bytes] | None:
    """Return the trace and the span that a W3C `traceparent` names; None for what is none."""
    fields = part.instance.split("-") if part else []
    if [len(field) for field in fields[1:3]] != [32, 16]:
        return None
    try:
        trace_id, span_id = (bytes.fromhex(field) for field in fields[1:3])
    except ValueError:
        return None
    return (trace_id, span_id) if any(trace_id) and any(span_id) else None
