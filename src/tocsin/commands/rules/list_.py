"""List rules: level, title, author, licence, techniques."""

import argparse
import sys

from tocsin.commands.options import add_preparation, add_tuning, config_of, path
from tocsin.plain import counted, plain, print_json

HELP = "list the rules of a folder, or the built-in pack"
EXAMPLES = """\
examples:
  tocsin rules list
  tocsin rules list sigma/rules --json | jq -r '.[] | select(.level == "critical").title'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", type=path, metavar="PATH", help="files or folders (default: built-in pack)")
    add_preparation(parser)
    add_tuning(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.rules import load_rule_set, preparation_of
    from tocsin.rules.attack import Attack

    rule_set = load_rule_set(Attack.load(), parsed.paths, builtin=not parsed.paths, preparation=preparation_of(config))
    for complaint in rule_set.complaints:
        print(plain(complaint), file=sys.stderr)
    if parsed.json:
        objects = [
            {
                "id": rule.id,
                "title": rule.title,
                "level": rule.level,
                "author": rule.author,
                "license": rule.license,
                "tactics": rule.tactics,
                "techniques": rule.techniques,
                "is_baseline": rule.is_baseline,
                "path": str(rule.path),
            }
            for rule in rule_set.rules
        ]
        print_json(objects)
        return 0
    for rule in rule_set.rules:
        kind = "baseline" if rule.is_baseline else rule.level
        origin = f"{plain(rule.author, 30) or '-':30} {plain(rule.license, 26) or '-':26}"
        print(f"{rule.id:36} {kind:14} {plain(rule.title, 70):70} {origin} {' '.join(rule.techniques)}")
    untuned = counted(len(rule_set.tuning_errors), "problem")
    print(
        f"{counted(len(rule_set.rules), 'rule')}, {len(rule_set.left_out):,} left out"
        + (f"; {untuned} of tuning" if rule_set.tuning_errors else "")
    )
    return 0
