"""Load rules from the disk as they were parsed before: parsing thousands of YAML files takes seconds."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache as cached
from importlib.metadata import version
from pathlib import Path

import msgspec

from tocsin import __version__
from tocsin.rules.attack import Attack
from tocsin.rules.kept import keep, read_kept
from tocsin.rules.license import PackLicenses
from tocsin.rules.pack import Pack, decoded, encoded
from tocsin.rules.preparation import Preparation
from tocsin.rules.progress import OnProgress, unseen
from tocsin.rules.rule_files import files_in, state_of

_KIND = b"tocsin rules 3\n"
_STATE_KIND = b"tocsin states 1\n"
_TICK_NS = 2_000_000_000


def load_pack_kept(
    paths: Sequence[Path],
    attack: Attack,
    is_baseline: bool,
    preparation: Preparation,
    cache: Path | None,
    on_progress: OnProgress = unseen,
) -> Pack:
    """Load as `load_pack` does, from `cache` where the same files were parsed by the same versions before."""
    if cache is None:
        return _load(paths, attack, is_baseline, preparation, on_progress)
    readers = (__version__, _digest_of_our_code(), version("pysigma"), attack.version)
    versions = "\0".join((*readers, str(is_baseline), preparation.digest))
    key = _key(versions, list(_files(paths)), cache)
    path = cache / f"rules-{key}.bin"
    content = read_kept(path, _KIND)
    if content is not None:
        with suppress(msgspec.DecodeError):  # of another version that calls itself the same: parsed anew
            return decoded(content)
    pack = _load(paths, attack, is_baseline, preparation, on_progress)
    if _content_key(versions, list(_files(paths))) == key:  # what was loaded is what the key was made of
        keep(path, _KIND, encoded(pack))
    return pack


@cached
def _digest_of_our_code() -> str:
    """Name the code that reads rules: while it is worked on, it keeps its version."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join([file.read_bytes() for file in files])).hexdigest()


def _load(
    paths: Sequence[Path], attack: Attack, is_baseline: bool, preparation: Preparation, on_progress: OnProgress
) -> Pack:
    from tocsin.rules.load import load_pack  # pySigma takes half a second to import

    return load_pack(paths, attack, is_baseline, preparation, on_progress)


def _key(versions: str, files: Sequence[tuple[str, str]], cache: Path) -> str:
    """Return the content key, from the files' states where it was kept: reading thousands takes a fifth of a second."""
    state, newest_ns = _state(versions, files)
    path = cache / f"states-{state}.bin"
    known = read_kept(path, _STATE_KIND)
    if known is not None:
        return known.decode()
    key = _content_key(versions, files)
    # A file changed a moment ago may change again within the same tick of the file system's clock.
    if time.time_ns() - newest_ns > _TICK_NS:
        keep(path, _STATE_KIND, key.encode())
    return key


def _content_key(versions: str, files: Sequence[tuple[str, str]]) -> str:
    """Name what the rules depend on: every file's name, bytes and pack, and the versions of all that reads them."""
    digest = hashlib.sha256(versions.encode())
    for file, license_name in files:
        content = _content(file)
        described = f"\0{file}\0{license_name}\0{len(content)}\0"
        digest.update(described.encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()[:32]


def _state(versions: str, files: Sequence[tuple[str, str]]) -> tuple[str, int]:
    """Return a name for names, places on disk, sizes and times of files, and the newest time (ns since 1970)."""
    digest = hashlib.sha256(versions.encode())
    newest = 0
    for file, license_name in files:
        state = state_of(file)
        newest = max(newest, *state[-2:], 0)
        digest.update(f"\0{file}\0{license_name}\0{state}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32], newest


def _files(paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Yield the files that rules may be in, each with the licence of its pack."""
    licenses = PackLicenses()
    for path in paths:
        parent, license_name = "", ""
        for file in files_in(path):
            if (folder := os.path.dirname(file)) != parent or not license_name:  # noqa: PTH120
                parent, license_name = folder, licenses.of(Path(folder))
            yield file, license_name


def _content(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:  # noqa: PTH123
            return stream.read()
    except OSError as error:  # the loader reports it
        return str(error).encode()
