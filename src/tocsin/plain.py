"""Make text from logs harmless to a terminal: nothing in it can move the cursor, colour or reorder what is read."""

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

LEVEL_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "informational": "dim"}

_UNFOLDED_COLUMNS = 100_000

# C0 and C1 controls, DEL, line and paragraph separators, zero-width and bidirectional formatting, lone surrogates,
# soft hyphen, interlinear annotation, tags
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def plain(text: str, width: int | None = None) -> str:
    """Return the text with unsafe characters written as `\\xNN` or `\\uNNNN`, cut to `width` characters with `…`."""
    shown = _UNSAFE.sub(_escaped, text)
    return shown if width is None or len(shown) <= width else shown[: width - 1] + "…"


def counted(count: int, one: str, many: str = "") -> str:
    """Return e.g. `1 record`, `2,000 records`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def plain_json(text: bytes) -> bytes:
    """Return JSON that is harmless to a terminal: unsafe characters are written as JSON's escapes."""
    return text if text.isascii() and b"\x7f" not in text else _UNSAFE.sub(_json_escape, text.decode()).encode()


class PlainFormatter(logging.Formatter):
    """Formats a log record as one line that is harmless to a terminal, whatever it quotes; of a traceback each line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return plain(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return "\n".join(map(plain, super().formatException(ei).split("\n")))


def print_json(content: object) -> None:
    """Print it as indented JSON, harmless to a terminal; last of all, for its reader may stop reading."""
    import orjson

    sys.stdout.flush()
    sys.stdout.buffer.write(plain_json(orjson.dumps(content, option=orjson.OPT_INDENT_2)) + b"\n")


def _json_escape(match: re.Match[str]) -> str:
    character = match.group()
    return character if character == "\n" else json.dumps(character)[1:-1]


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def console_of_stdout() -> "Console":
    """Return a console as wide as the terminal; where there is none, lines are not folded: others read them."""
    return console_of(sys.stdout)


def console_of(out: TextIO) -> "Console":
    """Return a console for a stream, as `console_of_stdout` does."""
    from rich.console import Console

    class PipedConsole(Console):
        """A console that lets the command end as a pipe does, rather than with 1, when its reader has gone."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return PipedConsole(file=out) if out.isatty() else PipedConsole(file=out, width=_UNFOLDED_COLUMNS)
