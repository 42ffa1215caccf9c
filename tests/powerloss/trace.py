"""Read what strace saw of one process: the calls that change files or make them durable, in their order."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CALLS = (
    "openat,creat,close,dup,dup2,dup3,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,"
    "sync_file_range,msync,copy_file_range,sendfile"
)
_LINE = re.compile(r"^(\d+) +(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+|\?)")
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
_UNFINISHED = " <unfinished ...>"
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True)
class Call:
    """One system call that succeeded."""

    name: str
    numbers: tuple[int, ...]  # its numeric arguments, in order
    texts: tuple[bytes, ...]  # its text arguments, in order
    result: int
    flags: str  # the call as strace wrote it, without texts


def traced(command: list[str], folder: Path) -> list[Call]:
    """Run a command under strace, and return its calls. Raises CalledProcessError."""
    log = folder / "trace"
    strace = ["strace", "-f", "-xx", "-s", "999999999", "-e", "signal=none", "-e", f"trace={_CALLS}", "-o", str(log)]
    subprocess.run([*strace, *command], check=True, stdout=sys.stderr)
    return list(calls_of(log))


def calls_of(log: Path) -> Iterator[Call]:
    """Yield the calls that succeeded, each where it ended: before, nothing of it can be relied on."""
    begun: dict[str, str] = {}
    with log.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            assert found, f"not understood: {line[:200]}"
            process, said = found.groups()
            if said.endswith(_UNFINISHED):
                begun[process] = said.removesuffix(_UNFINISHED)
                continue
            if resumed := _RESUMED.match(said):
                said = begun.pop(process) + resumed[2]
            if (call := _CALL.match(said)) and call[3] != "?" and int(call[3]) >= 0:
                yield _call(call[1], call[2], int(call[3]))


def _call(name: str, arguments: str, result: int) -> Call:
    texts = tuple(bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments))
    rest = _TEXT.sub("", arguments)
    return Call(name, tuple(int(number) for number in re.findall(r"(?<![\w.])-?\d+\b", rest)), texts, result, rest)
