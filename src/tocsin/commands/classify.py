"""Classify the events of `raw-events`: normalise, match Sigma rules, give each event its ATT&CK verdict.

Reads `raw-events`; writes `classified-events`, `alerts` and `dead-letters`, in one transaction with its offsets."""

import argparse

from tocsin.commands.options import (
    add_metrics,
    add_places,
    add_preparation,
    add_reading,
    add_setting,
    add_stage,
    add_tuning,
    config_of,
    seconds,
)
from tocsin.plain import counted

HELP = "classify events on the bus against Sigma rules and ATT&CK"
EXAMPLES = """\
examples:
  tocsin classify                                      until stopped
  tocsin classify --until-idle 5                       until nothing came for 5 seconds
  tocsin classify --rules sigma/rules --workers 2      your rules beside the built-in pack, two processes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_rules(parser)
    add_setting(parser, "--workers", "classify.workers", "N")
    add_setting(parser, "--max-rate", "classify.max_rate", "N")
    parser.add_argument(
        "--until-idle", type=seconds, metavar="SECONDS", help="end once everything is classified for so long"
    )
    add_setting(parser, "--trace", "trace.policy", "WHICH")
    add_metrics(parser)
    add_stage(parser)


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which rules there are and what an alert is."""
    add_setting(parser, "--rules", "classify.rules")
    add_preparation(parser)
    add_tuning(parser)
    add_setting(parser, "--no-builtin", "classify.builtin")
    add_setting(parser, "--alert-level", "classify.alert_level", "LEVEL")
    add_reading(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.classify import classify
    from tocsin.pipeline.metrics import serving_metrics
    from tocsin.pipeline.topology import CLASSIFY_GROUP, is_shared, open_bus, workers_of
    from tocsin.supervisor import StopSignal, Supervisor, supervise_workers
    from tocsin.telemetry.meter import StageMeter, processes_with_figures, records_of

    is_stopped = StopSignal(parsed.supervised)
    bus = open_bus(config)
    workers = workers_of(bus, config["classify.workers"])
    is_first = parsed.worker is None
    owner = bus.own(CLASSIFY_GROUP) if is_first and not is_shared(config) else None
    if is_first and workers > 1:
        until_idle = [] if parsed.until_idle is None else [f"--until-idle={parsed.until_idle}"]
        children = {f"classify-{n}": ["classify", f"--worker={n}", *until_idle] for n in range(workers)}
        supervisor = Supervisor(config.log_folder, config.as_environment())
        before = processes_with_figures(config.figures_folder)
        supervise_workers("classify", supervisor, children, {}, is_stopped)
        _say_classified(records_of(config.figures_folder, "classify", without=before))
        return 0
    worker = parsed.worker or 0
    meter = StageMeter(config.figures_folder, "classify", worker)
    try:
        with serving_metrics(config, meter, CLASSIFY_GROUP):
            classify(config, worker, workers, parsed.until_idle, is_stopped, meter)
    finally:
        meter.write()
    if owner:
        owner.release()
    _say_classified(meter.figures.records)
    return 0


def _say_classified(events: int) -> None:
    print(f"classify: {counted(events, 'event')} classified.")
