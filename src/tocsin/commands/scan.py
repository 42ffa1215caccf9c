"""Match rules against files, with no bus and no store: files in, detections out.

Without --rules the built-in pack is used. Standard output, or the file of --output, has the detections alone; progress
and what could not be read go to standard error. Large inputs are read by several processes; what is printed, and in
which order, is the same."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.commands.options import add_preparation, add_reading, add_setting, add_tuning, config_of, new_file, path
from tocsin.commands.reading import exit_code, notes_of
from tocsin.errors import ConfigError
from tocsin.plain import counted, plain
from tocsin.verdict import LEVELS

if TYPE_CHECKING:
    from tocsin.pipeline.scan import Scanner
    from tocsin.stages.scan import Detection

HELP = "match rules against files: no pipeline, detections on standard output"
EXAMPLES = """\
examples:
  tocsin scan Security.evtx
  tocsin scan logs/ --rules sigma/rules sigma/rules-emerging-threats
  tocsin scan logs/ --format jsonl | jq -r .rule.title | sort | uniq -c
  tocsin scan logs/ --level high --format csv --output detections.csv
  tocsin scan logs/ --format html --output report.html
  tocsin scan logs/ --navigator fired.json         layer for ATT&CK Navigator: detections by technique
  tocsin scan archive/ --workers 8 --format jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", type=path, metavar="PATH", help="files or folders; - is standard input")
    parser.add_argument("--rules", nargs="+", type=path, default=[], metavar="PATH", help="Sigma rules instead of ours")
    parser.add_argument("--format", choices=("table", "jsonl", "csv", "html"), default="table", help="default: table")
    parser.add_argument("--level", choices=LEVELS, default=LEVELS[0], help="lowest level to print (default: all)")
    parser.add_argument("--output", type=path, metavar="FILE", help="write there, when all is found (default: stdout)")
    parser.add_argument("--navigator", type=new_file, metavar="FILE", help="layer of what fired, for ATT&CK Navigator")
    add_setting(parser, "--workers", "scan.workers", "N")
    add_preparation(parser)
    add_tuning(parser)
    add_reading(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    if not parsed.paths:
        raise ConfigError("scan: what to scan? Give PATH before --rules, which takes all that follows it")
    from tocsin.commands.detections import PRINTERS
    from tocsin.commands.output import open_output, refuse_overwriting
    from tocsin.commands.progress import bar_for_rules, bar_of_bytes
    from tocsin.pipeline.scan import LISTED_EVENTS, NO_EVENTS, open_scan, write_scan_layer
    from tocsin.supervisor import StopSignal

    is_page = parsed.format == "html"
    with bar_for_rules() as on_progress:
        carried = LISTED_EVENTS if is_page else NO_EVENTS
        scanner = open_scan(config, parsed.paths, parsed.rules, carried, on_progress=on_progress)
    read = [*scanner.files, *(Path(rule.path) for rule in scanner.rule_set.rules)]
    given = [file for key in ("variables", "pipelines", "tuning", "formats") for file in config[f"classify.{key}"]]
    refuse_overwriting({"--output": parsed.output, "--navigator": parsed.navigator}, [*read, *given])
    for complaint in scanner.rule_set.complaints:
        print(f"scan: {plain(complaint)}", file=sys.stderr)
    is_stopped = StopSignal(is_supervised=False)
    lowest = LEVELS.index(parsed.level)
    notes = partial(_notes, scanner, is_stopped)
    with (
        open_output(parsed.output, partial(_final, scanner, is_stopped)) as out,
        bar_of_bytes("scanning", scanner.progress) as on_batch,
        closing(scanner.detections(is_stopped, on_batch)) as detections,
    ):
        found = (detection for detection in detections if LEVELS.index(detection.rule.level) >= lowest)
        fired: Counter[str] = Counter()
        seen = _counted(found, fired)
        if is_page:
            from tocsin.pipeline.scan_report import (
                report_of_scan,  # after the rules, which stay: DuckDB must go at exit
            )

            count = report_of_scan(
                config, scanner, seen, parsed.level, notes, lambda piece: out.buffer.write(piece.encode())
            )
            out.buffer.flush()
        else:
            count = PRINTERS[parsed.format](seen, scanner.tactic_names, out)
    if parsed.navigator and (layer := _final(scanner, is_stopped, parsed.navigator)):
        write_scan_layer(scanner, fired, layer)
        print(f"scan: layer: {plain(str(layer))}", file=sys.stderr)
    for note in notes(count):
        print(f"scan: {plain(note)}", file=sys.stderr)
    return exit_code(scanner.scan.counts, is_stopped)


def _final(scanner: "Scanner", is_stopped: Callable[[], bool], target: Path) -> Path | None:
    """Say which name the output gets: what is not whole takes no other file's place."""
    if is_stopped():
        found = target.with_name(f"{target.name}.partial")
        print(f"scan: what was found until then is in `{plain(str(found))}`", file=sys.stderr)
        return found
    return target if scanner.scan.counts.events else None


def _counted(detections: "Iterable[Detection]", fired: Counter[str]) -> "Iterator[Detection]":
    """Count the detections by rule as they go by."""
    for detection in detections:
        fired[detection.rule.id] += 1
        yield detection


def _notes(scanner: "Scanner", is_stopped: Callable[[], bool], count: int) -> list[str]:
    """Say what was read and what could not be; file names in it are as they came."""
    counts, report = scanner.scan.counts, scanner.source.report
    rules = sum(not rule.is_baseline for rule in scanner.rule_set.rules)
    read = f"{counted(counts.events, 'event')} of {counted(report.files, 'file')}, {counted(rules, 'detection rule')}"
    first = f"{read}: {counted(count, 'detection')}"
    return [first, *notes_of(counts, report, is_stopped)]
