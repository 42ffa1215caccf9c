"""What files of rules hold."""

from typing import NamedTuple

from tocsin.errors import RuleError
from tocsin.rules.filters import Filter
from tocsin.rules.rule import Rule


class Pack(NamedTuple):
    """Rules and filters, and what was wrong with those left out."""

    rules: list[Rule]
    filters: list[Filter]
    errors: list[RuleError]
