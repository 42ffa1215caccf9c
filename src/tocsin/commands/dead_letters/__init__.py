"""Look at what could not be read, with the reason, and put it back once it can be."""

import argparse

from tocsin.commands.dead_letters import list_, replay, show
from tocsin.commands.options import add_actions, run_action

HELP = "list, show and replay what could not be read"
EXAMPLES = """\
examples:
  tocsin dead-letters list
  tocsin dead-letters list --reason not_json --since 2026-01-12 --json
  tocsin dead-letters show 0/17
  tocsin dead-letters replay --reason too_deep

Each action has examples of its own: tocsin dead-letters ACTION --help
"""
_ACTIONS = {"list": list_, "show": show, "replay": replay}

main = run_action


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_actions(parser, _ACTIONS)
