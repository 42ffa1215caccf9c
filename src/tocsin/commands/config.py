"""Show the settings in force and where each was said, or check them.

Flags count over environment variables (TOCSIN_SECTION_NAME), those over `tocsin.toml` in the current folder (or the
file that --config or TOCSIN_CONFIG names), those over the defaults."""

import argparse

from tocsin.commands.options import config_of
from tocsin.errors import ConfigError

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

    if parsed.action == "check":
        missing = [path for path in config["classify.rules"] if not path.exists()]
        if missing:
            raise ConfigError(*(f"classify.rules: there is nothing at `{path}`" for path in missing))
        simulator_settings(config).check()
        print("The settings are right.")
        return 0
    for key, value in config.values_by_key.items():
        print(f"{key:24} {value.shown() or '-':24} {value.source}")
    for name, each in config.kafka.items():
        print(f"{'kafka.' + name:24} {each.shown() or '-':24} {each.source}")
    return 0
