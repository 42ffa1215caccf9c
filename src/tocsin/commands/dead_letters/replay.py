"""Put dead letters back on the topic they came from: their bytes, key and headers as they were, and a mark.

To be used once the cause is mended: another format, a new version. What was put back is remembered on the bus in the
same transaction, so a replay that was stopped goes on where it was. Nothing is removed from `dead-letters`."""

import argparse
import sys

from tocsin.commands.dead_letters.selecting import add_selection, selection_of
from tocsin.commands.options import config_of
from tocsin.errors import ConfigError
from tocsin.plain import counted

HELP = "put them back on the topic they came from"
EXAMPLES = """\
examples:
  tocsin dead-letters replay 0/17
  tocsin dead-letters replay --reason unknown_format --since 2026-01-12 --yes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument("--again", action="store_true", help="also those that were put back before")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def main(parsed: argparse.Namespace) -> int:
    config, selection = config_of(parsed), selection_of(parsed)
    from tocsin.pipeline.dead_letters import dead_letters, is_replayable, replay

    chosen = left_out = 0
    for found in dead_letters(config, selection):
        if is_replayable(found, parsed.again):
            chosen += 1
        else:
            left_out += 1
    if left_out:
        print(
            f"Left out: {counted(left_out, 'record')} put back before (--again), or too large to have been kept whole."
        )
    if not chosen:
        print("There is nothing to put back.")
        return 0
    if not parsed.yes and not _is_agreed(chosen):
        print("Nothing was put back.")
        return 1
    replayed = replay(config, selection, parsed.again)
    print(f"Put back: {counted(replayed, 'record')}.")
    return 0


def _is_agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(f"this would put back {counted(count, 'record')}; --yes says that you mean it")
    answer = input(f"Put {counted(count, 'record')} back on the topic they came from? [y/N] ")
    return answer.strip().lower() in ("y", "yes")
