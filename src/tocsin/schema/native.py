"""What a format's reader takes from a record: native fields and the raw parts of the envelope."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Native(msgspec.Struct, gc=False):
    """One event as its format tells it. `times` holds the fields that may say when it happened."""

    fields: dict[str, Any]
    times: Mapping[str, Any]
    channel: str = ""
    provider: str = ""
    code: str = ""
    host: str = ""
    account: tuple[Any, Any] = ("", "")  # domain and name of the account under which it was logged


def text(value: object) -> str:
    """Return a scalar as text, the `#text` of an XML element, and "" for anything else."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, dict):
        inner = value.get("#text")
        return "" if isinstance(inner, dict) else text(inner)
    return ""


def first_text(fields: Mapping[str, Any], *names: str) -> str:
    """Return the first of these fields that holds a text which is not empty."""
    for name in names:
        found = fields.get(name)
        if found and (found := text(found)):
            return found
    return ""
