"""Parse the bytes of a record: JSON that every later reader accepts, or an error that says why not."""

import re
from itertools import chain
from typing import Any

import orjson

from tocsin.errors import DecodeError
from tocsin.schema.containers import may_hold_containers

MAX_DEPTH = 500  # objects and arrays within one another
_FEW = 20  # arrays: the other levels are objects
_MANY = MAX_DEPTH - _FEW
_SHORT, _LONG = 2 * MAX_DEPTH, 5 * _MANY  # bytes: a level takes at least `[]`, or `{"":}`

_CONTAINERS = frozenset((dict, list))
_BOM = b"\xef\xbb\xbf"
_LONE_SURROGATE_HINT = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a surrogate pair
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half of one
    rb"|.)",
    re.DOTALL,
)
_REPLACEMENT_ESCAPE = rb"\ufffd"


def parse(raw: bytes) -> tuple[dict[str, Any], bytes, tuple[str, ...]]:
    """Return the JSON object in `raw`, the bytes it was read from, and a flag for each repair they needed.

    Flags: `removed_bom`, `repaired_utf8`, `repaired_surrogate`; with none of them the bytes are `raw` itself. Raises
    DecodeError with reason `empty`, `not_json`, `too_deep` or `not_an_object`. Time is linear in the length.
    """
    flags: tuple[str, ...] = ()
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raw, flags = _repaired(raw)
        parsed = _parsed(raw, flags)
    if type(parsed) is not dict:
        _refuse_too_deep(parsed)
        hint = "; `jq -c '.[]'` writes its elements a line each" if type(parsed) is list else ""
        raise DecodeError("not_an_object", f"the record is JSON, but {_KINDS[type(parsed)]} instead of an object{hint}")
    if may_hold_containers(parsed) and len(raw) > _SHORT and _may_be_too_deep(parsed, raw):
        _refuse_too_deep(parsed)
    return parsed, raw, flags


_KINDS: dict[type, str] = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _may_be_too_deep(parsed: dict[str, Any], raw: bytes) -> bool:
    if len(parsed) > _WIDE:  # mostly a flat event, with a list of tags
        inner = [*filter(may_hold_containers, parsed.values())]
        if dict not in map(type, inner) and not any(map(may_hold_containers, chain.from_iterable(inner))):
            return False
    # Splitting counts brackets faster than counting does.
    if b"[" in raw and len(raw.split(b"[", _FEW)) > _FEW:
        return True
    return len(raw) > _LONG and len(raw.split(b"{", _MANY)) > _MANY


_WIDE = 8  # keys


def _repaired(raw: bytes) -> tuple[bytes, tuple[str, ...]]:
    flags: list[str] = []
    if raw.startswith(_BOM):
        raw = raw.removeprefix(_BOM)
        flags.append("removed_bom")
    try:
        raw.decode()
    except UnicodeDecodeError:
        raw = raw.decode("utf-8", "replace").encode()
        flags.append("repaired_utf8")
    if _LONE_SURROGATE_HINT.search(raw):
        repaired = _ESCAPE.sub(_whole_escape, raw)
        if repaired != raw:
            raw = repaired
            flags.append("repaired_surrogate")
    return raw, tuple(flags)


def _whole_escape(match: re.Match[bytes]) -> bytes:
    return match[0] if match[1] is None else _REPLACEMENT_ESCAPE


def _parsed(raw: bytes, flags: tuple[str, ...]) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if not raw.strip(b" \t\r\n"):
            raise DecodeError("empty", "the record holds nothing but white space") from None
        if error.msg.startswith("depth limit"):
            raise _too_deep() from None
        # orjson counts characters; people look for bytes.
        position = len(error.doc[: error.pos].encode())
        where = f"byte {position}" + (" after " + ", ".join(flags) if flags else "")
        raise DecodeError("not_json", f"{error.msg} at {where}") from None


def _refuse_too_deep(parsed: Any) -> None:
    """Raise if objects and arrays are nested deeper than MAX_DEPTH; level by level, since a stack has an end."""
    level = [parsed] if type(parsed) in _CONTAINERS else []
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _CONTAINERS
        ]


def _too_deep() -> DecodeError:
    return DecodeError("too_deep", f"objects and arrays are nested more than {MAX_DEPTH} deep")
