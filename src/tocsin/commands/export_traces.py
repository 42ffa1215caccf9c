"""Send the traces of what is stored to a collector, such as Jaeger, from where it was left.

`store` and `run` do this all the time where OTEL_EXPORTER_OTLP_ENDPOINT is set; this command does it by hand. What was
stored before they did so for the first time is not sent, unless --from-start asks for it."""

import argparse
import os
import sys

from tocsin.commands.options import add_places, add_setting, add_stage, config_of
from tocsin.errors import ConfigError
from tocsin.plain import counted

_NICENESS = 5  # the stages come first

HELP = "send traces to a collector (part of `store` and `run`)"
EXAMPLES = """\
examples:
  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 tocsin export-traces --once
  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 tocsin export-traces --once --from-start --trace all --data case-42
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_setting(parser, "--trace", "trace.policy", "WHICH")
    parser.add_argument(
        "--once", action="store_true", help="send what there is to send, then end; with 75, if the collector is away"
    )
    parser.add_argument("--from-start", action="store_true", help="send all that is stored, also what was sent before")
    add_stage(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.export_traces import begin_traces, export_traces
    from tocsin.pipeline.reading import open_existing_store
    from tocsin.pipeline.tracing import export_settings
    from tocsin.supervisor import StopSignal

    settings = export_settings(config, os.environ)
    if settings is None:
        raise ConfigError(
            "export-traces: nobody says where to: set OTEL_EXPORTER_OTLP_ENDPOINT, such as http://localhost:4318"
            " (and trace.policy to another than off)"
        )
    if not parsed.supervised:
        open_existing_store(config).close()  # says where there is none
    left_out = begin_traces(config, parsed.from_start)
    if left_out:
        print(
            f"traces: they begin now; of what was stored before ({counted(left_out, 'record')}) none is sent"
            " (--from-start sends all)",
            file=sys.stderr,
        )
    os.nice(_NICENESS)
    counts = export_traces(config, settings, parsed.once, StopSignal(parsed.supervised))
    rest = "".join(f"; {count:,} {outcome}" for outcome, count in counts.items() if outcome != "sent" and count)
    print(f"traces: {counts.get('sent', 0):,} spans sent so far{rest}.")
    return 0
