"""Serve the metrics and the health of a stage, where the settings say so."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from tocsin.bus.contract import Consumer
from tocsin.config import Config
from tocsin.flow import PartitionLag
from tocsin.pipeline.topology import existing_bus
from tocsin.pipeline.tracing import messaging_system
from tocsin.sinks.trace_counts import trace_counts
from tocsin.telemetry.lag import LagWatch
from tocsin.telemetry.meter import StageMeter

log = logging.getLogger(__name__)


@contextmanager
def serving_metrics(config: Config, meter: StageMeter, group: str = "") -> Iterator[None]:
    """Serve /metrics and /health at `metrics.listen` meanwhile, worker n at the n-th port from there.

    `group`: the consumer group that the stage reads as. Raises ConfigError where the port cannot be had.
    """
    if config["metrics.listen"] is None:
        yield
        return
    from tocsin.telemetry.endpoint import Endpoint
    from tocsin.telemetry.exposition import pages_of

    host, first_port = config["metrics.listen"]
    port = first_port + meter.figures.worker if first_port else 0
    is_first_of_store = (meter.figures.stage, meter.figures.worker) == ("store", 0)  # others would say the same
    read_traces = partial(_became_of_traces, config.store_folder) if is_first_of_store else None
    with closing(LagWatch(lambda: meter.read_lag)) as lag:
        endpoint = Endpoint(host, port, pages_of(meter, lag, messaging_system(config), group, read_traces))
        with closing(endpoint):
            log.info("Metrics and health are served at http://%s.", _shown(*endpoint.address))
            yield


def metrics_of_stages(config: Config, classify_workers: int) -> Mapping[str, Sequence[str]]:
    """Return the option by which each stage of a run has ports of its own: produce the first one, then each worker of
    classify, then each of store. None where no metrics are served."""
    listen = config["metrics.listen"]
    if listen is None:
        return {"produce": (), "classify": (), "store": ()}
    host, port = listen
    before = {"produce": 0, "classify": 1, "store": 1 + classify_workers}
    return {stage: ("--metrics", _shown(host, port and port + number)) for stage, number in before.items()}


def lag_of_share(config: Config, group: str, consumer: Consumer) -> Sequence[PartitionLag]:
    """Return the lag of the partitions that a consumer has now, asked of a connection of its own: a bus belongs to one
    thread."""
    with closing(existing_bus(config)) as bus:
        return [lag for lag in bus.lag(group) if (lag.topic, lag.partition) in consumer.places]


def _became_of_traces(folder: Path) -> Mapping[str, int] | None:
    found = trace_counts(folder)
    return None if found is None else found.counts


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
