"""Read what strace saw of some processes: the calls that change files or make them durable, in their order."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SYNCS = ("fsync", "fdatasync")

_CALLS = (
    "openat,creat,close,dup,dup2,dup3,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,"
    "sync,syncfs,sync_file_range,msync,mmap,copy_file_range,sendfile,splice,clone,clone3"
)
_LINE = re.compile(r"^(\d+) +(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)")
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
_UNFINISHED = " <unfinished ...>"
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_NUMBER = re.compile(r"(?<![\w.])-?\d+\b")


@dataclass(frozen=True)
class Call:
    """One system call that succeeded; of one that makes something durable also its begin, before others came."""

    process: int
    name: str
    numbers: tuple[int, ...]  # its numeric arguments, in order
    texts: tuple[bytes, ...]  # its text arguments, in order
    result: int
    flags: str  # the call as strace wrote it, without texts
    is_begin: bool = False


def traced(command: Sequence[str], folder: Path, inject: str = "") -> list[Call]:
    """Run a command under strace, and return its calls. `inject`: a fault, as strace takes it.

    Raises CalledProcessError, but for a fault that was asked for.
    """
    log = folder / "trace"
    strace = ["strace", "-f", "-xx", "-s", "999999999", "-e", "signal=none", "-e", f"trace={_CALLS}", "-o", str(log)]
    fault = ["-e", f"inject={inject}"] if inject else []
    subprocess.run([*strace, *fault, *command], check=not inject, stdout=sys.stderr)
    return list(calls_of(log))


def calls_of(log: Path) -> Iterator[Call]:
    """Yield the calls that succeeded, each where it ended: before, nothing of it can be relied on."""
    process_of = _Processes()
    for thread, said in _whole_lines(log):  # a child may be seen before the call that made it has returned
        process_of.learn(thread, said)
    for thread, said in _whole_lines(log):
        if (call := _CALL.match(said)) and not call[3].startswith(("-", "?")):
            yield _call(process_of(thread), call[1], call[2], int(call[3], 0))
        elif said.startswith(SYNCS) and said.endswith(_UNFINISHED):
            name, _, arguments = said.removesuffix(_UNFINISHED).partition("(")
            yield _call(process_of(thread), name, arguments, 0, is_begin=True)


def _whole_lines(log: Path) -> Iterator[tuple[int, str]]:
    """Yield (thread, call): one that was interrupted by others first as its begin, then as a whole where it ended."""
    begun: dict[str, str] = {}
    with log.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            assert found, f"not understood: {line[:200]}"
            thread, said = found.groups()
            if said.endswith(_UNFINISHED):
                begun[thread] = said.removesuffix(_UNFINISHED)
            elif resumed := _RESUMED.match(said):
                said = begun.pop(thread) + resumed[2]
            yield int(thread), said


class _Processes:
    """Tells of which process a thread is: the threads of one share its open files."""

    def __init__(self) -> None:
        self._maker: dict[int, int] = {}

    def learn(self, thread: int, said: str) -> None:
        call = _CALL.match(said)
        if call and call[1].startswith("clone") and "CLONE_FILES" in call[2] and not call[3].startswith("-"):
            self._maker[int(call[3])] = thread

    def __call__(self, thread: int) -> int:
        while thread in self._maker:
            thread = self._maker[thread]
        return thread


def _call(process: int, name: str, arguments: str, result: int, is_begin: bool = False) -> Call:
    texts = tuple(bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments))
    rest = _TEXT.sub("", arguments)
    return Call(process, name, tuple(map(int, _NUMBER.findall(rest))), texts, result, rest, is_begin)
