"""Load and compile every rule, and run the events beside it.

Events are in NAME.events.yml beside NAME.yml: those under `must_fire` must fire the rule, those under `must_not_fire`
must not."""

import argparse
import sys

from tocsin.commands.options import add_preparation, config_of, path
from tocsin.plain import plain

HELP = "load and compile rules, and run their test events"
EXAMPLES = """\
examples:
  tocsin rules check                       the built-in pack, with its test events
  tocsin rules check sigma/rules           your rules: every problem by file and line
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", type=path, metavar="PATH", help="files or folders (default: built-in pack)")
    add_preparation(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.rules import check, preparation_of

    report = check(parsed.paths, preparation_of(config))
    for problem in report.problems:
        print(plain(str(problem)), file=sys.stderr)
    print(
        f"{report.rules:,} rules, {report.tested:,} of them with test events ({report.events:,} events):"
        f" {len(report.problems):,} problems"
    )
    return 1 if report.problems else 0
