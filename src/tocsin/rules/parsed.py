"""Load rules from the disk as they were parsed before: parsing thousands of YAML files takes seconds."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from tocsin import __version__
from tocsin.errors import RuleError
from tocsin.rules.attack import Attack
from tocsin.rules.filters import Filter
from tocsin.rules.kept import keep, read_kept
from tocsin.rules.license import PackLicenses
from tocsin.rules.pack import Pack
from tocsin.rules.preparation import Preparation
from tocsin.rules.rule import Rule

_KIND = b"tocsin rules 3\n"


class _Parsed(msgspec.Struct):
    rules: list[Rule]
    filters: list[Filter]
    errors: list[tuple[str, str]]  # place, reason


def load_pack_kept(
    paths: Sequence[Path], attack: Attack, is_baseline: bool, preparation: Preparation, cache: Path | None
) -> Pack:
    """Load as `load_pack` does, from `cache` where the same files were parsed by the same versions before."""
    if cache is None:
        return _load(paths, attack, is_baseline, preparation)
    path = cache / f"rules-{_key(paths, attack, is_baseline, preparation)}.bin"
    content = read_kept(path, _KIND)
    if content is not None:
        try:
            parsed = msgspec.msgpack.decode(content, type=_Parsed)
            return Pack(parsed.rules, parsed.filters, [RuleError(*error) for error in parsed.errors])
        except msgspec.DecodeError:
            pass  # of another version that calls itself the same: parsed anew
    pack = _load(paths, attack, is_baseline, preparation)
    errors = [(error.place, error.reason) for error in pack.errors]
    keep(path, _KIND, msgspec.msgpack.encode(_Parsed(pack.rules, pack.filters, errors)))
    return pack


def _load(paths: Sequence[Path], attack: Attack, is_baseline: bool, preparation: Preparation) -> Pack:
    from tocsin.rules.load import load_pack  # pySigma takes half a second to import

    return load_pack(paths, attack, is_baseline, preparation)


def _key(paths: Sequence[Path], attack: Attack, is_baseline: bool, preparation: Preparation) -> str:
    """Name what the rules depend on: every file's name, bytes and pack, and the versions of all that reads them."""
    versions = [__version__, version("pysigma"), attack.version, str(is_baseline), preparation.digest]
    digest = hashlib.sha256("\0".join(versions).encode())
    licenses = PackLicenses()
    for path in paths:
        digest.update(f"\0{path}\0{path.exists()}".encode("utf-8", "surrogateescape"))
        for file in _yaml_files(path) if path.is_dir() else [str(path)]:
            content = _content(file)
            described = f"\0{file}\0{licenses.of(Path(file).parent)}\0{len(content)}\0"
            digest.update(described.encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()[:32]


def _yaml_files(folder: Path) -> Iterator[str]:
    """Yield the files that rules may be in; thousands of paths are quicker as text."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (os.path.join(parent, name) for name in sorted(names) if name.endswith((".yml", ".yaml")))  # noqa: PTH118


def _content(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:  # noqa: PTH123
            return stream.read()
    except OSError as error:  # the loader reports it
        return str(error).encode()
