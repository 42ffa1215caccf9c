"""What files of rules hold."""

from typing import NamedTuple

import msgspec

from tocsin.errors import RuleError
from tocsin.rules.filters import Filter
from tocsin.rules.rule import Rule


class Pack(NamedTuple):
    """Rules and filters, and what was wrong with those left out."""

    rules: list[Rule]
    filters: list[Filter]
    errors: list[RuleError]


class _Written(msgspec.Struct):
    rules: list[Rule]
    filters: list[Filter]
    errors: list[tuple[str, str]]  # place, reason


def encoded(pack: Pack) -> bytes:
    """Write a pack as MessagePack, for the cache or another process."""
    errors = [(error.place, error.reason) for error in pack.errors]
    return msgspec.msgpack.encode(_Written(pack.rules, pack.filters, errors))


def decoded(content: bytes) -> Pack:
    """Read what `encoded` wrote. Raises msgspec.DecodeError."""
    written = msgspec.msgpack.decode(content, type=_Written)
    return Pack(written.rules, written.filters, [RuleError(*error) for error in written.errors])
