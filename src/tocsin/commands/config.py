"""Show the settings in force and where each was said, or check them.

Flags count over environment variables (TOCSIN_SECTION_NAME), those over `tocsin.toml` in the current folder (or the
file that --config or TOCSIN_CONFIG names), those over the defaults."""

import argparse
import os

from tocsin.commands.options import config_of
from tocsin.errors import ConfigError
from tocsin.plain import plain

HELP = "show or check the settings"
EXAMPLES = """\
examples:
  tocsin config show
  tocsin config check
  TOCSIN_CLASSIFY_ALERT_LEVEL=high tocsin config show

tocsin.toml:
  data = "/var/lib/tocsin"
  [classify]
  rules = ["/etc/tocsin/rules"]
  alert_level = "high"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("show", "check"), help="print all settings, or only say what is wrong")


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.produce import simulator_settings
    from tocsin.pipeline.topology import check_kafka
    from tocsin.pipeline.tracing import export_settings

    if parsed.action == "check":
        missing = [path for path in config["classify.rules"] if not path.exists()]
        if missing:
            raise ConfigError(*(f"classify.rules: there is nothing at `{path}`" for path in missing))
        simulator_settings(config).check()
        check_kafka(config)
        export_settings(config, os.environ)
        print("The settings are right.")
        return 0
    for key, value in config.values_by_key.items():
        _show(key, value.shown(), value.source)
    for name, each in config.kafka.items():
        _show(f"kafka.{name}", each.shown(), each.source)
    return 0


def _show(key: str, value: str, source: str) -> None:
    print(f"{plain(key):24} {plain(value) or '-':24} {plain(source)}")
