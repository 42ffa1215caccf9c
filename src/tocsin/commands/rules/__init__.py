"""Work with Sigma rules: check, list and explain them, say what they cover and cost, fetch those of others."""

import argparse

from tocsin.commands.options import add_actions, run_action
from tocsin.commands.rules import check, coverage, explain, fetch, list_, profile

HELP = "check, list, explain or fetch Sigma rules, and say what they cover and cost"
EXAMPLES = """\
examples:
  tocsin rules check                       the built-in pack, with its test events
  tocsin rules check sigma/rules           your rules: every problem by file and line
  tocsin rules list sigma/rules --json
  tocsin rules explain my-rule.yml --event logs/security.jsonl:17
  tocsin rules coverage sigma/rules --logs logs/
  tocsin rules profile logs/ --rules sigma/rules
  tocsin rules fetch https://github.com/SigmaHQ/sigma/releases/latest/download/sigma_core.zip

Each action has examples of its own: tocsin rules ACTION --help
"""
_ACTIONS = {"check": check, "list": list_, "explain": explain, "coverage": coverage, "profile": profile, "fetch": fetch}

main = run_action


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_actions(parser, _ACTIONS)
