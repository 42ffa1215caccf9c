"""The command line: one parser, one module in `commands` for each command."""

import argparse
import errno
import logging
import os
import signal
import sys
from collections.abc import Sequence

from tocsin import __version__
from tocsin.commands import (
    classify,
    config,
    dead_letters,
    export_traces,
    lag,
    maintain,
    produce,
    query,
    report,
    rules,
    run,
    scan,
    stats,
    store,
    topics,
    trace,
)
from tocsin.commands.options import add_command
from tocsin.commands.parser import Parser
from tocsin.errors import ConfigError, DeliveryError, RuleError
from tocsin.plain import PlainFormatter, plain
from tocsin.supervisor import EXIT_AGAIN, EXIT_CONFIG, EXIT_INTERRUPTED

EXIT_FAILED = 1
EXIT_PIPE = 128 + 13  # as if SIGPIPE had ended it

_DESCRIPTION = "Security events in, MITRE ATT&CK verdicts out; nothing lost on the way."
_EXAMPLES = """\
examples:
  tocsin run                                  simulate a day of a Windows fleet, classify and store it
  tocsin run --input /var/log/windows         the same with your own .evtx and JSON Lines files
  tocsin scan evtx/ --rules sigma/rules       rules over files, no pipeline: detections on the terminal
  tocsin query "SELECT rule_title, count(*) FROM alerts GROUP BY 1 ORDER BY 2 DESC"

Each command has examples of its own: tocsin COMMAND --help
"""
_COMMANDS = (
    run,
    produce,
    classify,
    store,
    maintain,
    scan,
    report,
    stats,
    topics,
    lag,
    trace,
    dead_letters,
    export_traces,
    query,
    rules,
    config,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 problems, 2 settings refused, 75 try again, 130 stopped."""
    parsed = _parser().parsed(arguments)
    _log_to_stderr()
    if not getattr(parsed, "supervised", False):  # until a command says otherwise, SIGTERM is what Ctrl-C is
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code: int = parsed.main(parsed)
        sys.stdout.flush()
    except ConfigError as error:
        _say(*error.problems)
        return EXIT_CONFIG
    except RuleError as error:
        _say(str(error))
        return EXIT_CONFIG
    except DeliveryError as error:
        _say(str(error))
        return EXIT_AGAIN
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        _forget_output()
        return EXIT_PIPE
    except OSError as error:
        _forget_output()
        where = f"`{error.filename}`: " if error.filename is not None else ""
        _say(f"{where}{error.strerror or error}")
        return EXIT_AGAIN if error.errno in (errno.ENOSPC, errno.EDQUOT) else EXIT_FAILED
    return code


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)


def _say(*problems: str) -> None:
    """Print what is wrong: names of files and texts of rules in it are harmless to a terminal, and lines stay lines."""
    for problem in problems:
        lines = "\n".join(map(plain, problem.split("\n")))
        print(f"tocsin: {lines}", file=sys.stderr)


def _forget_output() -> None:
    """Let what is still to be written go nowhere: it would fail once more at our end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> Parser:
    parser = Parser(
        "tocsin",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tocsin {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in _COMMANDS:
        command = add_command(commands, module.__name__.rpartition(".")[2].replace("_", "-"), module)
        command.add_argument("--config", metavar="FILE", help="settings (default: tocsin.toml in the current folder)")
        command.set_defaults(main=module.main, parser=command)
    return parser
