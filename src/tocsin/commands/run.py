"""Run the whole pipeline on this machine: produce, classify and store, as processes of their own.

Without --input or --replay a Windows fleet is simulated. It stops by itself when everything is stored, with a summary;
Ctrl-C stops it too, loses nothing, and the same command goes on from there."""

import argparse
from pathlib import Path

from tocsin.commands.classify import add_rules
from tocsin.commands.options import add_places, add_setting, config_of
from tocsin.commands.produce import add_input, add_replay, add_simulator, reading_of, refuse_without_effect
from tocsin.errors import ConfigError

HELP = "run everything: simulate or read events, classify, store, sum up"
EXAMPLES = """\
examples:
  tocsin run                                           100,000 simulated events
  tocsin run --count 0 --rate 500                      500 a second until Ctrl-C
  tocsin run --input logs/ --data case-42              your files, into a directory of their own
  tocsin run --input logs/ --follow --rules sigma/rules
  tocsin run --replay recordings/ --speed 10           recordings, played again ten times as fast, as of now
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_input(parser)
    add_replay(parser)
    add_simulator(parser)
    add_rules(parser)
    add_setting(parser, "--classify-workers", "classify.workers", "N")
    add_setting(parser, "--store-workers", "store.workers", "N")
    add_setting(parser, "--trace", "trace.policy", "WHICH")


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    refuse_without_effect(parsed)
    if Path("-") in parsed.input:
        raise ConfigError("run: it cannot read standard input; pipe into `tocsin produce --input -` beside it")
    from tocsin.commands.live import view_for_stdout
    from tocsin.commands.summary import print_summary
    from tocsin.pipeline.run import run
    from tocsin.supervisor import StopSignal

    reading = reading_of(parsed)
    with view_for_stdout() as view:
        outcome = run(config, reading, StopSignal(is_supervised=False), view.show)
    print_summary(config, outcome)
    return 130 if outcome.was_stopped else 0
