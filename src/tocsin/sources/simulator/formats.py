"""Compile the templates that events are written with, one for each kind and format."""

import json
import re
from typing import Any

from tocsin.sources.simulator.documents import DOCUMENTS
from tocsin.sources.simulator.kind import Kind
from tocsin.sources.simulator.kinds import KINDS
from tocsin.sources.simulator.shares import READ, WRITE
from tocsin.sources.simulator.templates import Template, Transform, compiled

# What every event begins its values with, before those of its kind.
HEADER = ("second", "micros", "millis", "record_number", "pid", "thread_id", "computer", "short_name", "agent_id")

_RIGHT_NAMES = {
    b"%%1538": b"READ_CONTROL",
    b"%%1541": b"SYNCHRONIZE",
    b"%%4416": b"ReadData (or ListDirectory)",
    b"%%4417": b"WriteData (or AddFile)",
    b"%%4418": b"AppendData (or AddSubdirectory or CreatePipeInstance)",
    b"%%4419": b"ReadEA",
    b"%%4420": b"WriteEA",
    b"%%4423": b"ReadAttributes",
    b"%%4424": b"WriteAttributes",
}
_RIGHTS = re.compile(rb"%%\d+")
_WORDS = {
    b"%%1842": b"Yes",
    b"%%1843": b"No",
    b"%%2304": b"An Error occured during Logon.",
    b"%%2305": b"The specified user account has expired.",
    b"%%2310": b"Account currently disabled.",
    b"%%2313": b"Unknown user name or bad password.",
    READ.rights: _RIGHTS.sub(lambda token: _RIGHT_NAMES[token.group()], READ.rights),
    WRITE.rights: _RIGHTS.sub(lambda token: _RIGHT_NAMES[token.group()], WRITE.rights),
}


def _nullable(text: bytes) -> bytes:
    return b'"%b"' % text if text else b"null"


_WRITERS: dict[str, tuple[str, Transform | None]] = {
    "integer": ("%d", None),
    "boolean": ("%b", None),
    "micros": ("%06d", None),
    "millis": ("%03d", None),
    "hex": ("0x%x", None),
    "upper": ("0x%X", None),
    "braced": ("{%b}", bytes.lower),
    "nullable": ("%b", _nullable),
    "word": ("%b", _WORDS.__getitem__),
}


def templates_of(format_name: str) -> tuple[Template, ...]:
    """Compile the templates of a format, one for each of `KINDS`."""
    write = DOCUMENTS[format_name]
    return tuple(_compiled(write(kind), kind) for kind in KINDS)


def _compiled(document: dict[str, Any], kind: Kind) -> Template:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    text = re.sub(r'"(<<\w+\|(?:number|nullable|boolean)>>)"', r"\1", text).replace("|number>>", "|integer>>")
    names = HEADER + tuple(field.name if field in kind.fields else f"_{field.name}" for field in kind.value_fields)
    return compiled(text, names, _WRITERS)
