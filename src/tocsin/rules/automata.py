"""Make automata, and keep them on disk: compiling those of thousands of rules takes seconds, reading them does not."""

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import hyperscan
import msgspec

from tocsin.rules.automaton import Automaton, Expression
from tocsin.rules.kept import keep, read_kept

_KIND = b"tocsin automata 1\n"


class Automata:
    """Automata by their expressions. What was compiled before is read from a folder, and checked.

    A file that is damaged, foreign or of another version is as good as none. The folder must be one that nobody else
    may write to: an automaton is machine data, which Hyperscan trusts.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        """`folder`: where files are kept; None: nowhere. `name`: of the set of rules, a digest."""
        self._platform = _platform()
        self._path = None if folder is None else folder / f"automata-{name}.bin"
        self._known = {} if self._path is None else _read(self._path)
        self._used: dict[str, bytes] = {}

    def of(self, expressions: Mapping[int, Expression]) -> Automaton:
        """Return the automaton that finds these expressions, by number."""
        key = self._key(expressions)
        database = self._loaded(key)
        if database is None:
            database = _compiled(expressions)
            self._used[key] = hyperscan.dumpb(database)
        return Automaton(database)

    def can_search(self, expression: Expression) -> bool:
        """Say whether Hyperscan accepts an expression."""
        key = "can search " + self._key({0: expression})
        answer = self._known.get(key)
        if answer is None:
            answer = _ACCEPTED
            try:
                _compiled({0: expression})
            except hyperscan.error:
                answer = _REFUSED
        self._used[key] = answer
        return answer == _ACCEPTED

    @property
    def were_kept(self) -> bool:
        """Whether the automata of these rules were found on the disk."""
        return bool(self._known)

    def save(self) -> None:
        """Keep what was made, if any of it is new; where that cannot be, the next start takes longer."""
        if self._path is None or self._used.keys() <= self._known.keys():
            return
        keep(self._path, _KIND, msgspec.msgpack.encode(self._known | self._used))

    def _loaded(self, key: str) -> "hyperscan.Database | None":
        content = self._known.get(key)
        if content is None:
            return None
        try:
            database = hyperscan.loadb(content, mode=hyperscan.HS_MODE_BLOCK)
            database.scratch = hyperscan.Scratch(database)
        except hyperscan.error:
            return None
        self._used[key] = content
        return database

    def _key(self, expressions: Mapping[int, Expression]) -> str:
        listed = [(number, *expression) for number, expression in expressions.items()]
        return hashlib.sha256(self._platform + msgspec.msgpack.encode(listed)).hexdigest()


_ACCEPTED, _REFUSED = b"\x01", b"\x00"


def _platform() -> bytes:
    """Name what an automaton depends on: the library's version and the features of the processor it is made for."""
    parts = (version("hyperscan"), platform.machine(), _compiled({0: (b"a", 0)}).info())
    return repr(parts).encode()


def _compiled(expressions: Mapping[int, Expression]) -> "hyperscan.Database":
    database = hyperscan.Database()
    database.compile(
        expressions=[expression for expression, _ in expressions.values()],
        ids=list(expressions),
        flags=[flags for _, flags in expressions.values()],
    )
    return database


def _read(path: Path) -> dict[str, bytes]:
    content = read_kept(path, _KIND)
    try:
        return {} if content is None else msgspec.msgpack.decode(content, type=dict[str, bytes])
    except msgspec.DecodeError:
        return {}
