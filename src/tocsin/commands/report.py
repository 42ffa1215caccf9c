"""Write what was found as one HTML page: what to look at first, hosts, tactics, the ATT&CK matrix, each alert's event.

The page loads nothing and runs nothing; it is safe to open and to hand on, whatever the logs contain. Why each rule
fired is asked of the rules as they are now: name those that judged the events, as for `tocsin run`."""

import argparse
import sys
from pathlib import Path

from tocsin.commands.options import (
    add_places,
    add_preparation,
    add_reading,
    add_setting,
    add_span,
    add_tuning,
    config_of,
    new_file,
    refuse_empty_span,
)
from tocsin.config import DEFAULT_FILE, Config
from tocsin.errors import ConfigError
from tocsin.plain import plain
from tocsin.verdict import LEVELS

HELP = "one HTML page of what was found, for people"
EXAMPLES = """\
examples:
  tocsin report                                        report.html in the data directory
  tocsin report --data case-42 --output case-42.html
  tocsin report --since 2026-01-12 --until 2026-01-13 --min-level high --output monday.html
  tocsin report --host ws-017.corp.example --output ws-017.html
  tocsin report --rules sigma/rules                    of a run with these rules: why each of them fired
  tocsin scan logs/ --format html --output scan.html   the same page of files, with no store
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    parser.add_argument(
        "--output", type=new_file, metavar="FILE", help="the page (default: report.html in the data directory)"
    )
    add_span(parser, "events")
    parser.add_argument("--host", metavar="HOST", help="events of one host")
    parser.add_argument("--min-level", choices=LEVELS, metavar="LEVEL", help="alerts of that level or above")
    add_setting(parser, "--rules", "classify.rules")
    add_preparation(parser)
    add_tuning(parser)
    add_setting(parser, "--no-builtin", "classify.builtin")
    add_reading(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    refuse_empty_span(parsed)
    output = parsed.output or config.data / "report.html"
    _refuse_own_files(config, parsed.config, output)
    from tocsin.commands.output import open_output
    from tocsin.commands.progress import bar_for_rules
    from tocsin.pipeline.report import report_of_store
    from tocsin.stats.statistics import Filters

    filters = Filters(parsed.since, parsed.until, parsed.host, parsed.min_level)
    with bar_for_rules() as on_progress:
        pieces = report_of_store(config, filters, on_progress=on_progress)
        with open_output(output, lambda target: target) as out:
            out.writelines(pieces)
    print(f"report: {plain(str(output))}", file=sys.stderr)
    return 0


def _refuse_own_files(config: Config, settings: str | None, output: Path) -> None:
    """Raise ConfigError where the page would take the place of what it is made of."""
    target = output.resolve()
    keys = ("classify.rules", "classify.variables", "classify.pipelines", "classify.tuning", "classify.formats")
    given = [path for key in keys for path in config[key]]
    own = (config.store_folder, config.bus_folder, config.data / "labels.jsonl", Path(settings or DEFAULT_FILE))
    if any(target.is_relative_to(place.resolve()) for place in (*own, *given)):
        raise ConfigError(f"--output: `{output}` is, or lies within, what is read here: give another file")
