"""Store classified events and dead letters: CSV files and Parquet segments, each event exactly once.

Runs its writers, and one process that merges small segments and removes old ones."""

import argparse
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from tocsin.commands.options import add_metrics, add_places, add_setting, add_stage, config_of, seconds
from tocsin.config import Config
from tocsin.errors import ConfigError
from tocsin.plain import counted

if TYPE_CHECKING:
    from tocsin.supervisor import StopSignal

HELP = "store classified events as CSV and Parquet"
EXAMPLES = """\
examples:
  tocsin store                                         until stopped
  tocsin store --until-idle 5                          until everything is classified and stored for 5 seconds
  tocsin store --workers 2 --retention-days 30
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_setting(parser, "--workers", "store.workers", "N")
    add_setting(parser, "--retention-days", "store.retention_days", "DAYS")
    add_setting(parser, "--retention-gb", "store.retention_gb", "GB")
    add_setting(parser, "--csv-mb", "store.csv_mb", "MB")
    parser.add_argument("--until-idle", type=seconds, metavar="SECONDS", help="end once nothing was left for so long")
    add_setting(parser, "--trace", "trace.policy", "WHICH")
    add_metrics(parser)
    add_stage(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.supervisor import StopSignal

    is_stopped = StopSignal(parsed.supervised)
    if parsed.worker is not None:
        return _write(config, parsed.worker, parsed.until_idle, is_stopped)
    return _supervise(config, parsed.until_idle, is_stopped)


def _supervise(config: Config, until_idle: float | None, is_stopped: "StopSignal") -> int:
    """Run the writers and the maintenance as processes below this one."""
    from tocsin.pipeline.topology import STORE_GROUP, is_shared, open_bus, workers_of
    from tocsin.pipeline.tracing import export_settings
    from tocsin.supervisor import Supervisor, supervise_workers
    from tocsin.telemetry.meter import HELPERS, StageMeter, processes_with_figures, records_of

    bus = open_bus(config)
    owner = None if is_shared(config) else bus.own(STORE_GROUP)
    workers = workers_of(bus, config["store.workers"])
    ending = [] if until_idle is None else [f"--until-idle={until_idle}"]
    writers = {f"store-{n}": ["store", f"--worker={n}", *ending] for n in range(workers)}
    meter = StageMeter(config.figures_folder, HELPERS)
    given_up: dict[str, str] = {}

    def note(name: str, sentence: str) -> None:
        given_up[name] = sentence
        meter.figures.notes = list(given_up.values())
        meter.write()

    supervisor = Supervisor(config.log_folder, config.as_environment(), on_given_up=note)
    before = processes_with_figures(config.figures_folder)
    helpers = {"maintain": ["maintain"]}
    if export_settings(config, os.environ):
        from tocsin.pipeline.export_traces import begin_traces  # and numpy and Arrow, which nothing else here needs

        with suppress(ConfigError):  # export-traces will say it: events are stored all the same
            begin_traces(config)
        helpers["export-traces"] = ["export-traces"]
    supervise_workers("store", supervisor, writers, helpers, is_stopped)
    _say_stored(records_of(config.figures_folder, "store", without=before))
    if owner:
        owner.release()
    return 0


def _say_stored(records: int) -> None:
    print(f"store: {counted(records, 'record')} stored.")


def _write(config: Config, worker: int, until_idle: float | None, is_stopped: "StopSignal") -> int:
    from tocsin.pipeline.metrics import serving_metrics
    from tocsin.pipeline.store import store
    from tocsin.pipeline.topology import STORE_GROUP
    from tocsin.telemetry.meter import StageMeter

    meter = StageMeter(config.figures_folder, "store", worker)
    try:
        with serving_metrics(config, meter, STORE_GROUP):
            store(config, worker, until_idle, is_stopped, meter)
    finally:
        meter.write()
    _say_stored(meter.figures.records)
    return 0
