"""Fetch a pack of Sigma rules, such as a release of SigmaHQ, from an https address or an archive on disk.

Only rules, licence and readme files are unpacked, and nothing in the archive is executed. Every rule is loaded once;
what cannot be used is reported. Then the folder is replaced as a whole: rules of your own belong elsewhere. Whatever
goes wrong before that, the old rules stay."""

import argparse
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tocsin.commands.options import config_of, path
from tocsin.plain import plain
from tocsin.supervisor import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from tocsin.pipeline.fetch import FetchedRules

HELP = "fetch a pack of Sigma rules, such as a release of SigmaHQ"
EXAMPLES = """\
examples:
  tocsin rules fetch https://github.com/SigmaHQ/sigma/releases/latest/download/sigma_core.zip
  tocsin rules fetch sigma-master.tar.gz --to /etc/tocsin/rules/sigma
  tocsin rules fetch sigma_core.zip --sha256 HEX        refuse any other bytes than those pinned
"""

_ERRORS_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="https address, or file: a zip or tar.gz archive of rules")
    parser.add_argument(
        "--to", type=path, metavar="FOLDER", help="default: $XDG_DATA_HOME/tocsin/rules/NAME, NAME being the archive's"
    )
    parser.add_argument("--sha256", type=sha256, metavar="HEX", help="refuse an archive with another SHA-256")


def sha256(text: str) -> str:
    """Read a SHA-256 as `sha256sum` or a release page shows it; argparse shows this function's name in its error."""
    digits = text.strip().lower().removeprefix("sha256:")
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise ValueError
    return digits


def main(parsed: argparse.Namespace) -> int:
    config_of(parsed)
    from tocsin.pipeline.fetch import fetch_rules

    try:
        with _progress() as on_progress:
            fetched = fetch_rules(parsed.source, parsed.to, parsed.sha256, on_progress)
    except KeyboardInterrupt:
        print("rules fetch: stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    for error in fetched.errors[:_ERRORS_SHOWN]:
        print(f"rule left out: {plain(str(error))}", file=sys.stderr)
    folder = plain(shlex.quote(str(fetched.folder)))
    if len(fetched.errors) > _ERRORS_SHOWN:
        more = len(fetched.errors) - _ERRORS_SHOWN
        print(f"{more:,} more rules left out; all of them: tocsin rules check {folder}", file=sys.stderr)
    _print(fetched, is_pinned=parsed.sha256 is not None)
    return 0


def _print(fetched: "FetchedRules", is_pinned: bool) -> None:
    left_out = ", ".join(f"{number:,} {kind}" for kind, number in sorted(fetched.left_out.items()))
    license = fetched.license or "not known"
    lines = {
        "source": fetched.source,
        "sha256": fetched.sha256 + (" (as pinned)" if is_pinned else ""),
        "folder": str(fetched.folder),
        "licence": f"{license} ({fetched.license_file or 'no licence file in the archive'})",
        "rules": f"{fetched.rules:,} can be used, {len(fetched.errors):,} left out",
        "files": f"{fetched.files:,} unpacked" + (f"; not unpacked: {left_out}" if left_out else ""),
    }
    for name, value in lines.items():
        print(f"{name:8} {plain(value)}")
    rules = " ".join(shlex.quote(str(folder)) for folder in fetched.rule_folders)
    print(f"\nUse them:\n  tocsin scan logs/ --rules {plain(rules)}")
    if not is_pinned:
        print(f"Accept only these bytes next time:\n  --sha256 {fetched.sha256}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int | None], None]]:
    """Show how far the download is, where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield _show_nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as progress:
        task = progress.add_task("fetching", total=None)

        def on_progress(done: int, total: int | None) -> None:
            is_done = done == total
            progress.update(task, completed=done, total=total, description="loading" if is_done else "fetching")

        yield on_progress


def _show_nothing(_done: int, _total: int | None) -> None:
    pass
