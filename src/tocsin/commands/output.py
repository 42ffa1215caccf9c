"""Write what a command prints to a file instead: whole, or not at all."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tocsin.errors import ConfigError


@contextmanager
def open_output(path: Path | None) -> Iterator[TextIO]:
    """Give a stream for `path`, which gets its name when all was written; standard output where there is no path.

    Raises ConfigError where no file can be, such as at a device, and OSError.
    """
    if path is None:
        yield sys.stdout
        return
    target = path.resolve()  # a link stays, and what it leads to is replaced
    if target.exists() and not target.is_file():
        raise ConfigError(f"--output: `{path}` is no file; without --output it goes to standard output")
    partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.partial")
    try:
        out = partial.open("x", encoding="utf-8", newline="")
        if target.exists():
            shutil.copymode(target, partial)
    except OSError as error:
        raise ConfigError(f"--output: `{path}` cannot be written: {error.strerror}") from error
    try:
        with out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
