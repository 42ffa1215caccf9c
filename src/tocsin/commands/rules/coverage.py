"""Say what rules cover of ATT&CK, and which of them nothing feeds.

With --logs, the rules are listed that these logs cannot feed: their log source does not occur, or fields do not that
they cannot do without. Otherwise those are whose log source no known format gives."""

import argparse
import sys
from typing import TYPE_CHECKING

from tocsin.commands.options import add_preparation, add_reading, add_tuning, config_of, new_file, path
from tocsin.plain import plain, print_json
from tocsin.verdict import LEVELS

if TYPE_CHECKING:
    from tocsin.pipeline.coverage import Coverage

HELP = "what rules cover, and which of them nothing feeds"
EXAMPLES = """\
examples:
  tocsin rules coverage                                          the built-in pack
  tocsin rules coverage sigma/rules --logs logs/                 what these logs cannot feed of them
  tocsin rules coverage sigma/rules --navigator coverage.json    a layer for ATT&CK Navigator
  tocsin rules coverage sigma/rules --logs logs/ --json | jq '.starved[].title'
"""

_SHOWN_FIELDS = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", type=path, metavar="PATH", help="files or folders (default: built-in pack)")
    parser.add_argument("--logs", nargs="+", type=path, default=[], metavar="PATH", help="files or folders of events")
    parser.add_argument("--navigator", type=new_file, metavar="FILE", help="layer of the rules, for ATT&CK Navigator")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_preparation(parser)
    add_tuning(parser)
    add_reading(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.coverage import coverage, write_coverage_layer
    from tocsin.supervisor import EXIT_INTERRUPTED, StopSignal

    is_stopped = StopSignal(is_supervised=False)
    found = coverage(config, parsed.paths, parsed.logs, is_stopped)
    if parsed.json:
        _print_json(found)
    else:
        _show(found)
    if parsed.navigator:
        write_coverage_layer(found, parsed.navigator)
        print(f"layer: {plain(str(parsed.navigator))}", file=sys.stderr)
    for problem in found.problems:
        print(f"rules coverage: {plain(problem)}", file=sys.stderr)
    if is_stopped():
        print("rules coverage: interrupted: only what was read until then feeds rules here", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _show(found: "Coverage") -> None:
    from tocsin.rules.coverage import levels_by_tactic, techniques_by_tactic

    levels, techniques = levels_by_tactic(found.rules), techniques_by_tactic(found.rules)
    print(f"{'tactic':24} {'techniques':>10} {'rules':>7} " + " ".join(f"{level:>13}" for level in LEVELS))
    for tactic in (*((one.id, one.name) for one in found.attack.tactics), ("", "(none)")):
        counts = levels.get(tactic[0])
        if counts:
            by_level = " ".join(f"{counts[level]:>13,}" for level in LEVELS)
            print(f"{tactic[1]:24} {len(techniques[tactic[0]]):>10,} {counts.total():>7,} {by_level}")
    by_what = "known format" if found.events is None else f"source in {found.events:,} events"
    print(f"\n{len(found.rules):,} rules; {len(found.starved):,} that no {by_what} feeds")
    for one in found.starved:
        lacks = f"log source {one.logsource}" if one.logsource else f"fields {', '.join(one.fields[:_SHOWN_FIELDS])}"
        print(f"{one.rule.level:14} {plain(one.rule.title, 60):60} lacks {plain(lacks, 80)}")


def _print_json(found: "Coverage") -> None:
    from tocsin.rules.coverage import levels_by_tactic, techniques_by_tactic

    techniques = techniques_by_tactic(found.rules)
    content = {
        "rules": len(found.rules),
        "events": found.events,
        "tactics": {
            tactic: {"levels": counts, "techniques": sorted(techniques[tactic])}
            for tactic, counts in sorted(levels_by_tactic(found.rules).items())
        },
        "starved": [
            {
                "id": one.rule.id,
                "title": one.rule.title,
                "level": one.rule.level,
                "logsource": one.logsource or None,
                "fields": one.fields,
            }
            for one in found.starved
        ],
    }
    print_json(content)
