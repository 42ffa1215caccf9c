"""Send the traces of what is stored to a collector, such as Jaeger, from where it was left.

`store` and `run` do this all the time where OTEL_EXPORTER_OTLP_ENDPOINT is set; this command does it by hand."""

import argparse
import os

from tocsin.commands.options import add_places, add_setting, add_stage, config_of
from tocsin.errors import ConfigError

_NICENESS = 5  # the stages come first

HELP = "send traces to a collector (part of `store` and `run`)"
EXAMPLES = """\
examples:
  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 tocsin export-traces --once
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_setting(parser, "--trace", "trace.policy", "WHICH")
    parser.add_argument("--once", action="store_true", help="send what there is to send, then end")
    add_stage(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.export_traces import begin_traces, export_settings, export_traces
    from tocsin.supervisor import StopSignal

    settings = export_settings(config, os.environ)
    if settings is None:
        raise ConfigError(
            "export-traces: nobody says where to: set OTEL_EXPORTER_OTLP_ENDPOINT, such as http://localhost:4318"
            " (and trace.policy to another than off)"
        )
    begin_traces(config)
    os.nice(_NICENESS)
    counts = export_traces(config, settings, parsed.once, StopSignal(parsed.supervised))
    print(f"traces: {counts.get('sent', 0):,} spans sent so far.")
    return 0
