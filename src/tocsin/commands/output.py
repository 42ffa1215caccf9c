"""Write what a command prints to a file instead: whole, or under another name."""

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tocsin.errors import ConfigError

_NAME_CHARACTERS = 100


@contextmanager
def open_output(path: Path | None, final: Callable[[Path], Path | None]) -> Iterator[TextIO]:
    """Give a stream for `path`; standard output where there is no path.

    When all was written, `final` says which name it gets: `path` with links followed, another one, or None for none.
    Raises ConfigError where no file can be, such as at a device, and OSError.
    """
    if path is None:
        yield sys.stdout
        return
    target = path.resolve()  # a link stays, and what it leads to is replaced
    if target.exists() and not target.is_file():
        raise ConfigError(f"--output: `{path}` is no file; without --output it goes to standard output")
    partial = target.with_name(f".{target.name[:_NAME_CHARACTERS]}.{secrets.token_hex(4)}.partial")
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
        name = final(target)
        if name:
            partial.replace(name)
    finally:
        partial.unlink(missing_ok=True)


def refuse_overwriting(outputs: Mapping[str, Path | None], inputs: Iterable[Path]) -> None:
    """Raise ConfigError for an output (by its flag) that is an input, or another output."""
    flags: dict[Path, str] = {}
    problems = []
    for flag, path in outputs.items():
        if path is None:
            continue
        other = flags.setdefault(path.resolve(), flag)
        if other != flag:
            problems.append(f"{flag}: `{path}` is the file of {other}, too: give each one of its own")
    for path in inputs if flags else ():
        flag = flags.get(path.resolve(), "")
        if flag:
            problems.append(f"{flag}: `{path}` is read here, and would be lost: give another file")
    if problems:
        raise ConfigError(*problems)
