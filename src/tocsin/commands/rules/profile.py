"""Say what each rule did on real logs: how often it fired, how often it had to be evaluated, and what that cost.

Looking into values is shared by all rules, so its cost is given by field. What was read goes to standard error."""

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tocsin.commands.options import add_preparation, add_reading, add_tuning, config_of, path
from tocsin.commands.reading import exit_code, notes_of
from tocsin.errors import ConfigError
from tocsin.plain import LEVEL_STYLES, console_of_stdout, counted, plain, plain_json

if TYPE_CHECKING:
    from tocsin.pipeline.profile import Profiler
    from tocsin.rules.profile import FieldCost, RuleCost

HELP = "say what rules cost, and how often they fire, on real logs"
EXAMPLES = """\
examples:
  tocsin rules profile logs/                                      the built-in pack
  tocsin rules profile logs/ --rules sigma/rules --top 50
  tocsin rules profile logs/ --rules sigma/rules --sort hits      the noisy ones
  tocsin rules profile logs/ --rules sigma/rules --format csv > profile.csv
"""

_SORTS: dict[str, Callable[["RuleCost"], float]] = {
    "cost": lambda cost: cost.cost_us,
    "hits": lambda cost: cost.hits,
    "evaluations": lambda cost: cost.evaluations,
}
_COLUMNS = (
    "rule_id", "rule_title", "level", "hits", "evaluations", "condition_us", "searches", "search_us", "timeouts",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", type=path, metavar="PATH", help="files or folders; - is standard input")
    parser.add_argument("--rules", nargs="+", type=path, default=[], metavar="PATH", help="Sigma rules instead of ours")
    parser.add_argument("--sort", choices=_SORTS, default="cost", help="what comes first (default: cost)")
    parser.add_argument("--top", type=int, default=20, metavar="N", help="rules in the table (default: 20)")
    parser.add_argument("--format", choices=("table", "jsonl", "csv"), default="table", help="default: table")
    add_preparation(parser)
    add_tuning(parser)
    add_reading(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    if not parsed.paths:
        raise ConfigError("rules profile: on which events? Give PATH before --rules, which takes all that follows it")
    if parsed.top < 1:
        raise ConfigError(f"rules profile: --top is `{parsed.top}`; at least 1 is needed")
    from tocsin.commands.progress import bar_for_rules, bar_of_bytes
    from tocsin.pipeline.profile import Profiler
    from tocsin.supervisor import StopSignal

    with bar_for_rules() as on_progress:
        profiler = Profiler(config, parsed.paths, parsed.rules, on_progress)
    for complaint in profiler.rule_set.complaints:
        print(f"rules profile: {plain(complaint)}", file=sys.stderr)
    is_stopped = StopSignal(is_supervised=False)
    with bar_of_bytes("profiling", profiler.progress) as on_batch:
        profiler.run(is_stopped, on_batch)
    costs = sorted(profiler.rule_costs(), key=_SORTS[parsed.sort], reverse=True)
    _PRINTERS[parsed.format](costs, profiler.field_costs(), parsed.top)
    for note in [*_notes(profiler, costs), *notes_of(profiler.counts, profiler.report, is_stopped)]:
        print(f"rules profile: {plain(note)}", file=sys.stderr)
    return exit_code(profiler.counts, is_stopped)


def _print_table(costs: Sequence["RuleCost"], fields: Sequence["FieldCost"], top: int) -> None:
    from rich.table import Table
    from rich.text import Text

    console = console_of_stdout()
    rules = Table(title="Rules")
    for name in ("cost ms", "evaluations", "searches", "time-outs", "hits"):
        rules.add_column(name, justify="right")
    for name in ("level", "rule", "id"):
        rules.add_column(name)
    for cost in costs[:top]:
        numbers = (cost.cost_us / 1000, cost.evaluations, cost.searches, cost.timeouts, cost.hits)
        rules.add_row(
            f"{numbers[0]:,.2f}",
            *(f"{number:,}" for number in numbers[1:]),
            Text(cost.rule.level, style=LEVEL_STYLES[cost.rule.level]),
            Text(plain(cost.rule.title)),
            Text(plain(cost.rule.id)),
        )
    console.print(rules)
    shared = Table(title="Fields: looking for all rules' texts and expressions in values that are new")
    for name in ("cost ms", "scans", "µs a scan"):
        shared.add_column(name, justify="right")
    shared.add_column("field")
    for field in fields[:top]:
        shared.add_row(
            f"{field.us / 1000:,.2f}", f"{field.scans:,}", f"{field.us / field.scans:,.1f}", Text(plain(field.name))
        )
    console.print(shared)


def _print_jsonl(costs: Sequence["RuleCost"], _fields: Sequence["FieldCost"], _top: int) -> None:
    import orjson

    for cost in costs:
        sys.stdout.buffer.write(plain_json(orjson.dumps(dict(zip(_COLUMNS, _cells(cost), strict=True)))) + b"\n")
    sys.stdout.buffer.flush()


def _print_csv(costs: Sequence["RuleCost"], _fields: Sequence["FieldCost"], _top: int) -> None:
    from tocsin.sinks.cells import safe_cell

    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)
    for cost in costs:
        writer.writerow([safe_cell(str(cell)) for cell in _cells(cost)])


_PRINTERS = {"table": _print_table, "jsonl": _print_jsonl, "csv": _print_csv}


def _cells(cost: "RuleCost") -> tuple[str | int | float, ...]:
    rule = cost.rule
    return (
        rule.id, rule.title, rule.level, cost.hits, cost.evaluations, round(cost.condition_us, 1), cost.searches,
        round(cost.search_us, 1), cost.timeouts,
    )  # fmt: skip


def _notes(profiler: "Profiler", costs: Sequence["RuleCost"]) -> list[str]:
    """Say what was measured."""
    events = profiler.counts.events
    normalise_seconds, match_seconds = profiler.normalising.ns / 1e9, profiler.matching.ns / 1e9
    seconds = normalise_seconds + match_seconds
    idle = sum(not cost.hits for cost in costs)
    return [
        f"{counted(events, 'event')} of {counted(profiler.report.files, 'file')}, {counted(len(costs), 'rule')},"
        f" {idle:,} of which fired on none",
        f"{normalise_seconds:.2f} s to normalise, {match_seconds:.2f} s to match"
        + (f": {events / seconds:,.0f} events/s" if events else "")
        + f"; {profiler.signatures:,} signatures were new",
    ]
