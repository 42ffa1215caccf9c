"""A parser of the command line that says what was probably meant."""

import argparse
from collections.abc import Sequence
from typing import Any

from tocsin.plain import plain
from tocsin.suggestion import did_you_mean


class Parser(argparse.ArgumentParser):
    """Refuses what it does not know with the usage of the command it was given to, and the nearest word known there."""

    def parsed(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Read a command line, or end with code 2. Commands are parsers of this class, made by `add_subparsers`."""
        parsed, unknown = self.parse_known_args(arguments)
        if unknown:
            command: Parser = getattr(parsed, "parser", self)
            command.refuse(unknown)
        return parsed

    def refuse(self, unknown: Sequence[str]) -> None:
        """End with the usage of this command, naming what it does not know."""
        known = [flag for action in self._actions if action.help != argparse.SUPPRESS for flag in action.option_strings]
        meant = (did_you_mean(word.partition("=")[0], known) for word in unknown if word.startswith("-"))
        self.error(plain(f"unrecognized arguments: {' '.join(unknown)}{''.join(meant)}"))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            meant = did_you_mean(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(action, plain(error.message) + meant) from error
