"""Check Sigma rules, or list those in force.

`check` loads and compiles every rule, and runs the events beside it (NAME.events.yml beside NAME.yml): those under
`must_fire` must fire it, those under `must_not_fire` must not."""

import argparse
import sys
from pathlib import Path

from tocsin.commands.options import config_of, path
from tocsin.plain import plain

HELP = "check or list Sigma rules"
EXAMPLES = """\
examples:
  tocsin rules check                       the built-in pack, with its test events
  tocsin rules check sigma/rules           your rules: every problem by file and line
  tocsin rules list
  tocsin rules list sigma/rules --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("check", "list"))
    parser.add_argument("paths", nargs="*", type=path, metavar="PATH", help="files or folders (default: built-in pack)")
    parser.add_argument("--json", action="store_true", help="list: print one JSON array")


def main(parsed: argparse.Namespace) -> int:
    config_of(parsed)
    return _check(parsed.paths) if parsed.action == "check" else _list(parsed.paths, parsed.json)


def _check(paths: list[Path]) -> int:
    from tocsin.pipeline.rules import check

    report = check(paths)
    for problem in report.problems:
        print(plain(str(problem)), file=sys.stderr)
    print(
        f"{report.rules:,} rules, {report.tested:,} of them with test events ({report.events:,} events):"
        f" {len(report.problems):,} problems"
    )
    return 1 if report.problems else 0


def _list(paths: list[Path], as_json: bool) -> int:
    from tocsin.pipeline.rules import load_rule_set
    from tocsin.rules.attack import Attack

    rule_set = load_rule_set(Attack.load(), paths, builtin=not paths)
    if as_json:
        import orjson

        objects = [
            {
                "id": rule.id,
                "title": rule.title,
                "level": rule.level,
                "author": rule.author,
                "tactics": rule.tactics,
                "techniques": rule.techniques,
                "is_baseline": rule.is_baseline,
                "path": str(rule.path),
            }
            for rule in rule_set.rules
        ]
        print(orjson.dumps(objects, option=orjson.OPT_INDENT_2).decode())
        return 0
    for rule in rule_set.rules:
        kind = "baseline" if rule.is_baseline else rule.level
        print(f"{kind:14} {plain(rule.title, 70):70} {' '.join(rule.techniques)}")
    for error in rule_set.errors:
        print(f"left out: {plain(str(error))}", file=sys.stderr)
    print(f"{len(rule_set.rules):,} rules, {len(rule_set.errors):,} left out")
    return 0
