"""Match rules against files, with no bus and no store: files in, detections out.

Without --rules the built-in pack is used. Standard output has the detections alone; progress and what could not be
read go to standard error."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tocsin.commands.options import add_preparation, add_reading, config_of, path
from tocsin.errors import ConfigError
from tocsin.plain import plain
from tocsin.verdict import LEVELS

if TYPE_CHECKING:
    from tocsin.pipeline.scan import Scanner

HELP = "match rules against files: no pipeline, detections on standard output"
EXAMPLES = """\
examples:
  tocsin scan Security.evtx
  tocsin scan logs/ --rules sigma/rules sigma/rules-emerging-threats
  tocsin scan logs/ --format jsonl | jq -r .rule.title | sort | uniq -c
  tocsin scan logs/ --level high --format csv > detections.csv
"""

EXIT_INTERRUPTED = 130
EXIT_NOTHING_READ = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", type=path, metavar="PATH", help="files or folders; - is standard input")
    parser.add_argument("--rules", nargs="+", type=path, default=[], metavar="PATH", help="Sigma rules instead of ours")
    parser.add_argument("--format", choices=("table", "jsonl", "csv"), default="table", help="default: table")
    parser.add_argument("--level", choices=LEVELS, default=LEVELS[0], help="lowest level to print (default: all)")
    add_preparation(parser)
    add_reading(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    if not parsed.paths:
        raise ConfigError("scan: what to scan? Give PATH before --rules, which takes all that follows it")
    from tocsin.commands.detections import PRINTERS
    from tocsin.pipeline.scan import open_scan
    from tocsin.supervisor import StopSignal

    scanner = open_scan(config, parsed.paths, parsed.rules)
    for error in scanner.rule_set.errors:
        print(f"scan: rule left out: {plain(str(error))}", file=sys.stderr)
    is_stopped = StopSignal(is_supervised=False)
    lowest = LEVELS.index(parsed.level)
    with _progress(scanner) as on_batch:
        found = (
            detection
            for detection in scanner.detections(is_stopped, on_batch)
            if LEVELS.index(detection.rule.level) >= lowest
        )
        count = PRINTERS[parsed.format](found, scanner.tactic_names)
    _report(scanner, count)
    if is_stopped():
        return EXIT_INTERRUPTED
    return 0 if scanner.scan.events else EXIT_NOTHING_READ


@contextmanager
def _progress(scanner: "Scanner") -> "Iterator[Callable[[], None]]":
    """Show how far the scan is, where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("scanning"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as progress:
        task = progress.add_task("scan", total=None)

        def on_batch() -> None:
            done, total = scanner.source.progress()
            progress.update(task, completed=done, total=total)

        yield on_batch


def _report(scanner: "Scanner", count: int) -> None:
    """Say on standard error what was read and what could not be."""
    scan, report = scanner.scan, scanner.source.report
    rules = sum(not rule.is_baseline for rule in scanner.rule_set.rules)
    lines = [f"{scan.events:,} events of {report.files:,} files, {rules:,} detection rules: {count:,} detections"]
    lines += [f"{number:,} records could not be read: {reason}" for reason, number in scan.unreadable.most_common()]
    if scan.formats["unknown"]:
        lines.append(
            f"{scan.formats['unknown']:,} events are of no known format: only rules without a product see them"
        )
    lines += [f"skipped `{path}`: a copy of `{original}`" for path, original in report.copies]
    lines += report.problems
    if not scan.events:
        lines.append("not one event could be read: give .evtx files or JSON Lines, or a folder that holds some")
    for line in lines:
        print(f"scan: {plain(line)}", file=sys.stderr)
