"""Put events on the topic `raw-events`: from files, from recordings played again, or from a simulated Windows fleet.

Where each input was left is kept on the bus, in the same transaction as the events: a produce that was stopped
or killed goes on where it was. (What standard input had not handed over is lost on a kill.)"""

import argparse

from tocsin.commands.options import add_metrics, add_places, add_setting, add_stage, config_of, path
from tocsin.errors import ConfigError
from tocsin.plain import counted, plain

_OF_THE_SIMULATOR = ("count", "rate", "burst", "seed", "run", "hosts", "attacks", "format", "start")

_OF_REPLAY = {"speed": "--speed", "max_gap": "--max-gap"}

HELP = "put events on the bus: files, standard input, recordings, or a simulated Windows fleet"
EXAMPLES = """\
examples:
  tocsin produce                                       simulate 100,000 events as fast as possible
  tocsin produce --count 0 --rate 500                  500 events a second until stopped
  tocsin produce --hosts 500 --attacks kerberoast-to-ntds,spray-to-rdp --format winlogbeat
  tocsin produce --burst 20000:30 --rate 1000          a burst of 30 seconds first
  tocsin produce --input logs/ more.evtx events.jsonl.gz
  tocsin produce --input /var/log/app.jsonl --follow
  tocsin produce --replay recordings/ --speed 10 --max-gap 5
  zcat events.gz | tocsin produce --input -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_input(parser)
    add_replay(parser)
    add_simulator(parser)
    add_setting(parser, "--name", "produce.name", "NAME")
    add_setting(parser, "--trace", "trace.policy", "WHICH")
    add_metrics(parser)
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


def add_replay(parser: argparse.ArgumentParser) -> None:
    """Add the options for playing recordings again."""
    parser.add_argument(
        "--replay",
        nargs="+",
        type=path,
        default=[],
        metavar="PATH",
        help="files or folders to play again: at the distances they were recorded, with times moved to now",
    )
    for name, flag in _OF_REPLAY.items():
        add_setting(parser, flag, f"produce.{name}")


def add_simulator(parser: argparse.ArgumentParser) -> None:
    """Add the options of the simulator."""
    for name in _OF_THE_SIMULATOR:
        add_setting(parser, f"--{name}", f"produce.{name}")


def refuse_without_effect(parsed: argparse.Namespace) -> None:
    """Raise ConfigError for options that mean nothing beside the others: a word may have been forgotten."""
    if parsed.follow and parsed.replay:
        raise ConfigError("--follow is for --input: recordings are played as they are, and not followed as they grow")
    if parsed.follow and not parsed.input:
        raise ConfigError("--follow needs --input: it is files that can be followed")
    if parsed.input and parsed.replay:
        raise ConfigError("--input reads files as they are, --replay plays them again: leave out one of them")
    for_replay = [flag for name, flag in _OF_REPLAY.items() if getattr(parsed, f"produce.{name}") is not None]
    if for_replay and not parsed.replay:
        raise ConfigError(f"{', '.join(for_replay)} needs --replay")
    if parsed.replay and getattr(parsed, "produce.again") is not None:
        raise ConfigError("--again is for --input: --replay plays everything each time")
    if parsed.input or parsed.replay:
        given = [name for name in _OF_THE_SIMULATOR if getattr(parsed, f"produce.{name}") is not None]
        if given:
            options, reading = ", ".join(f"--{name}" for name in given), "--input" if parsed.input else "--replay"
            raise ConfigError(f"{options} is for simulated events, and {reading} reads files: leave out one of them")


def reading_of(parsed: argparse.Namespace) -> list[str]:
    """Return the options by which another process reads the same; none where events are simulated."""
    if parsed.replay:
        return ["--replay", *map(str, parsed.replay)]
    return ["--input", *map(str, parsed.input), *(["--follow"] if parsed.follow else [])] if parsed.input else []


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    refuse_without_effect(parsed)
    from tocsin.pipeline.labels import labels_file
    from tocsin.pipeline.metrics import serving_metrics
    from tocsin.pipeline.produce import Reading, produce
    from tocsin.supervisor import StopSignal
    from tocsin.telemetry.meter import StageMeter

    meter = StageMeter(config.figures_folder, "produce")
    reading = Reading(parsed.input, parsed.follow, parsed.replay)
    try:
        with serving_metrics(config, meter):
            produce(config, reading, StopSignal(parsed.supervised), meter)
    finally:
        meter.write()
    print(f"produce: {counted(meter.figures.records, 'record')} put on the bus.")
    for note in meter.figures.notes:
        print(f"produce: {plain(note)}")
    if reading.is_simulated and labels_file(config).exists():
        print(f"produce: labels of the attacks: {plain(str(labels_file(config)))}")
    return 0
