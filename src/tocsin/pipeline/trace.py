"""Find the trace of an event in the store, or events whose traces are worth a look."""

from collections.abc import Sequence

from tocsin.config import Config
from tocsin.errors import ConfigError
from tocsin.pipeline.reading import open_existing_store
from tocsin.pipeline.tracing import messaging_system
from tocsin.sinks.stored_traces import Found, StoredTraces, Wanted
from tocsin.sinks.traces import events_in, traced_only
from tocsin.telemetry import trace
from tocsin.telemetry.spans import Span

_NAMED = 10  # ids in an error


def spans_of(config: Config, prefix: str) -> list[Span]:
    """Return the spans of the event whose id begins with these hex digits.

    Raises ConfigError: there is none, there are several, or nobody kept its times.
    """
    rows = _stored_traces(config).rows_of(prefix)
    ids = sorted({str(each) for table in rows.values() for each in table["event_id"].to_pylist()})
    if not ids:
        raise ConfigError(
            f"trace: no event in `{config.store_folder}` has an id that begins with {prefix};"
            " `tocsin trace --slowest 10` names some, `--jaeger URL` asks a Jaeger"
        )
    if len(ids) > 1:
        more = "" if len(ids) <= _NAMED else f" and {len(ids) - _NAMED:,} more"
        raise ConfigError(f"trace: the ids of several events begin with {prefix}: {', '.join(ids[:_NAMED])}{more}")
    system = messaging_system(config)
    spans = [
        span
        for kind, table in rows.items()
        for group in trace.spans_of(events_in(traced_only(table), kind), system)
        for span in group.spans()
    ]
    if not spans:
        raise ConfigError(f"trace: no stage kept its times with event {ids[0]}: trace.policy was off when it came")
    return spans


def events_worth_a_look(config: Config, wanted: Wanted, count: int) -> Sequence[Found]:
    """Return so many events, the slowest or the newest first. Raises ConfigError."""
    return _stored_traces(config).events(wanted, count)


def _stored_traces(config: Config) -> StoredTraces:
    open_existing_store(config).close()  # lists what is committed, and says where there is no store
    return StoredTraces(config.store_folder)
