"""Put dead letters back on the topic they came from: their bytes, key and headers as they were, and a mark.

To be used once the cause is mended: another format, a new version. What was put back is remembered on the bus in the
same transaction, so a replay that was stopped goes on where it was. Nothing is removed from `dead-letters`."""

import argparse
import sys
from collections.abc import Mapping

from tocsin.commands.dead_letters.selecting import add_selection, count, selection_of
from tocsin.commands.options import config_of
from tocsin.errors import ConfigError
from tocsin.plain import counted, plain

HELP = "put them back on the topic they came from"
EXAMPLES = """\
examples:
  tocsin dead-letters replay 0/17
  tocsin dead-letters replay --reason not_json --limit 1             one first, to see what becomes of it
  tocsin dead-letters replay --reason not_json --since 2026-01-12 --yes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument("--limit", type=count, metavar="N", help="no more than N of them, the oldest first")
    parser.add_argument("--again", action="store_true", help="also those that were put back before")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def main(parsed: argparse.Namespace) -> int:
    config, selection = config_of(parsed), selection_of(parsed)
    from tocsin.pipeline.dead_letters import can_be_put_back, dead_letters, reasons, replay

    chosen: list[str] = []
    cut = before = 0
    for found in dead_letters(config, selection):
        if not can_be_put_back(found):
            cut += 1
        elif found.replayed_at and not parsed.again:
            before += 1
        else:
            chosen.append(found.address)
    if cut:
        print(f"Left out: {counted(cut, 'record')} not kept whole, which cannot be put back.")
    if before:
        print(f"Left out: {counted(before, 'record')} put back before (--again puts them back all the same).")
    chosen = chosen[: parsed.limit]
    if not chosen:
        if selection.reason and not cut and not before:
            _refuse_unknown(selection.reason, reasons(config))
        print("There is nothing to put back.")
        return 0
    if not parsed.yes and not _is_agreed(len(chosen)):
        print("Nothing was put back.")
        return 1
    replayed = replay(config, frozenset(chosen), parsed.again)  # these alone, whatever came meanwhile
    print(f"Put back: {counted(replayed, 'record')}.")
    return 0


def _refuse_unknown(reason: str, there: Mapping[str, int]) -> None:
    """Raise ConfigError where there are dead letters and none has this reason: it may be misspelt."""
    if there and reason not in there:
        names = ", ".join(f"{plain(name) or 'no reason'} {number:,}" for name, number in there.items())
        raise ConfigError(f"--reason: no dead letter has the reason `{reason}`; there are: {names}")


def _is_agreed(records: int) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(f"this would put back {counted(records, 'record')}; --yes says that you mean it")
    answer = input(f"Put {counted(records, 'record')} back on the topic they came from? [y/N] ")
    return answer.strip().lower() in ("y", "yes")
