"""Load rules from the disk as they were parsed before: parsing thousands of YAML files takes seconds."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from tocsin import __version__
from tocsin.errors import RuleError
from tocsin.rules.attack import Attack
from tocsin.rules.kept import keep, read_kept
from tocsin.rules.license import PackLicenses
from tocsin.rules.rule import Rule

_KIND = b"tocsin rules 2\n"


class _Parsed(msgspec.Struct):
    rules: list[Rule]
    errors: list[tuple[str, str]]  # place, reason


def load_rules_kept(
    paths: Sequence[Path], attack: Attack, is_baseline: bool, cache: Path | None
) -> tuple[list[Rule], list[RuleError]]:
    """Load rules as `load_rules` does, from `cache` where the same files were parsed by the same versions before."""
    if cache is None:
        return _load(paths, attack, is_baseline)
    path = cache / f"rules-{_key(paths, attack, is_baseline)}.bin"
    content = read_kept(path, _KIND)
    if content is not None:
        try:
            parsed = msgspec.msgpack.decode(content, type=_Parsed)
            return parsed.rules, [RuleError(*error) for error in parsed.errors]
        except msgspec.DecodeError:
            pass  # of another version that calls itself the same: parsed anew
    rules, errors = _load(paths, attack, is_baseline)
    keep(path, _KIND, msgspec.msgpack.encode(_Parsed(rules, [(error.place, error.reason) for error in errors])))
    return rules, errors


def _load(paths: Sequence[Path], attack: Attack, is_baseline: bool) -> tuple[list[Rule], list[RuleError]]:
    from tocsin.rules.load import load_rules  # pySigma takes half a second to import

    return load_rules(paths, attack, is_baseline)


def _key(paths: Sequence[Path], attack: Attack, is_baseline: bool) -> str:
    """Name what the rules depend on: every file's name, bytes and pack, and the versions of all that reads them."""
    versions = [__version__, version("pysigma"), attack.version, str(is_baseline)]
    digest = hashlib.sha256("\0".join(versions).encode())
    licenses = PackLicenses()
    for path in paths:
        digest.update(f"\0{path}\0{path.exists()}".encode("utf-8", "surrogateescape"))
        for file in sorted(path.rglob("*.y*ml")) if path.is_dir() else [path]:
            if file.is_file():
                content = _content(file)
                license = licenses.of(file.parent)
                described = f"\0{file}\0{license}\0{len(content)}\0"
                digest.update(described.encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()[:32]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:  # the loader reports it
        return str(error).encode()
