"""The command line: one parser, one module in `commands` for each command."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from tocsin import __version__
from tocsin.commands import classify, config, lag, maintain, produce, query, rules, run, scan, stats, store
from tocsin.commands.options import add_command
from tocsin.errors import ConfigError, DeliveryError
from tocsin.supervisor import EXIT_AGAIN, EXIT_CONFIG

EXIT_FAILED = 1

_DESCRIPTION = "Security events in, MITRE ATT&CK verdicts out; nothing lost on the way."
_EXAMPLES = """\
examples:
  tocsin run                                  simulate a day of a Windows fleet, classify and store it
  tocsin run --input /var/log/windows         the same with your own .evtx and JSON Lines files
  tocsin scan evtx/ --rules sigma/rules       rules over files, no pipeline: detections on the terminal
  tocsin query "SELECT rule_title, count(*) FROM alerts GROUP BY 1 ORDER BY 2 DESC"

Each command has examples of its own: tocsin COMMAND --help
"""
_COMMANDS = (run, produce, classify, store, maintain, scan, stats, lag, query, rules, config)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 found problems, 2 refused its settings, 75 try again."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    try:
        code: int = parsed.main(parsed)
    except ConfigError as error:
        for problem in error.problems:
            print(f"tocsin: {problem}", file=sys.stderr)
        return EXIT_CONFIG
    except DeliveryError as error:
        print(f"tocsin: {error}", file=sys.stderr)
        return EXIT_AGAIN
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        where = f"`{error.filename}`: " if error.filename is not None else ""
        print(f"tocsin: {where}{error.strerror or error}", file=sys.stderr)
        return EXIT_FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "tocsin",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tocsin {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in _COMMANDS:
        command = add_command(commands, module.__name__.rpartition(".")[2], module)
        command.add_argument("--config", metavar="FILE", help="settings (default: tocsin.toml in the current folder)")
        command.set_defaults(main=module.main)
    return parser
