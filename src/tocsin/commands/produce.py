"""Put events on the topic `raw-events`: from files, or from a simulated Windows fleet.

Where each input was left is kept on the bus, in the same transaction as the events: a produce that was stopped
or killed goes on where it was. (What standard input had not handed over is lost on a kill.)"""

import argparse

from tocsin.commands.options import add_places, add_setting, add_stage, config_of, path
from tocsin.errors import ConfigError

_OF_THE_SIMULATOR = ("count", "rate", "burst", "seed", "run", "hosts", "attacks", "format", "start")

HELP = "put events on the bus: files, standard input, or a simulated Windows fleet"
EXAMPLES = """\
examples:
  tocsin produce                                       simulate 100,000 events as fast as possible
  tocsin produce --count 0 --rate 500                  500 events a second until stopped
  tocsin produce --hosts 500 --attacks kerberoast-to-ntds,spray-to-rdp --format winlogbeat
  tocsin produce --burst 20000:30 --rate 1000          a burst of 30 seconds first
  tocsin produce --input logs/ more.evtx events.jsonl.gz
  tocsin produce --input /var/log/app.jsonl --follow
  zcat events.gz | tocsin produce --input -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_input(parser)
    add_simulator(parser)
    add_stage(parser)


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add the options for reading files."""
    parser.add_argument(
        "--input",
        nargs="+",
        type=path,
        default=[],
        metavar="PATH",
        help="files or folders to read; - is standard input",
    )
    parser.add_argument("--follow", action="store_true", help="go on reading as the files grow and rotate")
    add_setting(parser, "--again", "produce.again")


def add_simulator(parser: argparse.ArgumentParser) -> None:
    """Add the options of the simulator."""
    for name in _OF_THE_SIMULATOR:
        add_setting(parser, f"--{name}", f"produce.{name}")


def refuse_without_effect(parsed: argparse.Namespace) -> None:
    """Raise ConfigError for options that mean nothing beside the others: a word may have been forgotten."""
    if parsed.follow and not parsed.input:
        raise ConfigError("--follow needs --input: without it events are simulated")
    if parsed.input:
        given = [name for name in _OF_THE_SIMULATOR if getattr(parsed, f"produce.{name}") is not None]
        if given:
            options = ", ".join(f"--{name}" for name in given)
            raise ConfigError(f"{options} is for simulated events, and --input reads files: leave out one of them")


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    refuse_without_effect(parsed)
    from tocsin.pipeline.produce import produce
    from tocsin.supervisor import StopSignal
    from tocsin.telemetry.meter import StageMeter

    meter = StageMeter(config.figures_folder, "produce")
    try:
        produce(config, parsed.input, parsed.follow, StopSignal(parsed.supervised), meter)
    finally:
        meter.write()
    print(f"produce: {meter.figures.records:,} records put on the bus.")
    for note in meter.figures.notes:
        print(f"produce: {note}")
    return 0
