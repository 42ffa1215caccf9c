"""Load and compile every rule, run the events beside it, and look for the rules that files of tuning name.

Events are in NAME.events.yml beside NAME.yml: those under `must_fire` must fire the rule, those under `must_not_fire`
must not."""

import argparse
import sys

from tocsin.commands.options import add_preparation, add_tuning, config_of, path
from tocsin.plain import counted, plain

HELP = "load and compile rules, and run their test events"
EXAMPLES = """\
examples:
  tocsin rules check                       the built-in pack, with its test events
  tocsin rules check sigma/rules           your rules: every problem by file and line
  tocsin rules check --tuning tuning.yml   tuning, too: is each rule there, and can what is said of it be meant
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", type=path, metavar="PATH", help="files or folders (default: built-in pack)")
    add_preparation(parser)
    add_tuning(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.rules import check, check_tuning, preparation_of

    preparation = preparation_of(config)
    report = check(parsed.paths, preparation)
    problems = [*report.problems, *check_tuning(config, parsed.paths, preparation)]
    for problem in problems:
        print(plain(str(problem)), file=sys.stderr)
    print(
        f"{counted(report.rules, 'rule')}, {report.tested:,} of them with test events"
        f" ({counted(report.events, 'event')}): {counted(len(problems), 'problem')}"
    )
    return 1 if problems else 0
