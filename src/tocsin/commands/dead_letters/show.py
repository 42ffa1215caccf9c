"""Show one dead letter whole: every fact, the headers it came with, and its bytes, harmless to a terminal."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.commands.options import add_places, config_of, new_file
from tocsin.errors import ConfigError
from tocsin.plain import plain

if TYPE_CHECKING:
    from tocsin.pipeline.dead_letters import Found

HELP = "show one of them whole, or write its bytes to a file"
EXAMPLES = """\
examples:
  tocsin dead-letters show 0/17
  tocsin dead-letters show 17 --raw broken.json
  tocsin dead-letters show 17 --raw - | xxd | less
"""

_SHOWN_BYTES = 512
_ROW_BYTES = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", metavar="PLACE", help="partition/offset in the topic, as `list` shows")
    parser.add_argument("--raw", metavar="FILE", help="write the bytes as they came to this file; - is standard output")
    add_places(parser)


def main(parsed: argparse.Namespace) -> int:
    config = config_of(parsed)
    from tocsin.pipeline.dead_letters import Selection, dead_letters

    (found,) = dead_letters(config, Selection([parsed.place]))
    if parsed.raw is None:
        for line in _lines(found):
            print(line)
        return 0
    _write(found.letter.raw, parsed.raw)
    return 0


def _write(raw: bytes, target: str) -> None:
    if target != "-":
        _path(target).write_bytes(raw)
        return
    if sys.stdout.isatty():
        raise ConfigError("--raw -: these bytes could do anything to a terminal; name a file, or pipe them on")
    sys.stdout.buffer.write(raw)


def _path(text: str) -> Path:
    try:
        return new_file(text)
    except argparse.ArgumentTypeError as error:
        raise ConfigError(f"--raw: {error}") from error


def _lines(found: "Found") -> Iterator[str]:
    from tocsin.timestamps import iso_utc

    letter = found.letter
    facts = {
        "place": f"dead-letters/{found.address}",
        "time": iso_utc(found.time_us),
        "stage": letter.stage,
        "reason": letter.reason,
        "what was wrong": letter.detail,
        "where it lay": letter.place,
        "bytes": f"{letter.length:,}",
        "sha256": letter.sha256,
        "key": _shown(letter.key),
        "replayed": found.replayed_at or "no",
        "attempts before": str(found.attempts or ""),
    }
    yield from (f"{name:16} {plain(value)}" for name, value in facts.items() if value)
    yield from (f"header           {plain(name)}: {plain(_shown(value))}" for name, value in letter.headers)
    if not letter.is_whole:
        yield "It was too large to be kept whole: these are its first bytes, and it cannot be replayed."
    yield ""
    yield from _bytes(letter.raw[:_SHOWN_BYTES])
    if len(letter.raw) > _SHOWN_BYTES:
        yield f"… {len(letter.raw) - _SHOWN_BYTES:,} more bytes: --raw FILE writes them all"


def _shown(value: bytes) -> str:
    """Return text as it is, other bytes in hex."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _bytes(raw: bytes) -> Iterator[str]:
    """Yield a hex dump: offset, bytes, and the characters that are ASCII."""
    for first in range(0, len(raw), _ROW_BYTES):
        row = raw[first : first + _ROW_BYTES]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{first:08x}  {row.hex(' '):{3 * _ROW_BYTES - 1}}  {text}"
