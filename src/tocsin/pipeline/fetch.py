"""Fetch a pack of rules: get the archive, check it, unpack it, load its rules once, put it in the old one's place."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import orjson

from tocsin.download import OnProgress, check_url, download, receive
from tocsin.errors import ConfigError, DeliveryError, RuleError
from tocsin.pipeline.replace import replace_folder
from tocsin.plain import plain
from tocsin.rules.archive import UnpackedArchive, read_pack
from tocsin.rules.attack import Attack
from tocsin.rules.license import PACK_FILE, is_license_file, license_in, license_of_source
from tocsin.timestamps import clock_us, iso_utc

MAX_ARCHIVE_BYTES = 128 << 20
_ARCHIVE_SUFFIXES = (".zip", ".tar.gz", ".tgz")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_NOT_IN_USE = ("deprecated", "unsupported")  # folders of SigmaHQ


@dataclass(frozen=True)
class FetchedRules:
    """A pack of rules as it lies in its folder now."""

    folder: Path
    rule_folders: Sequence[Path]  # those in it whose rules are meant to be used
    source: str
    sha256: str  # of the archive
    files: int
    rules: int  # that can be used
    errors: Sequence[RuleError]  # one for each that cannot
    license: str  # "" where it is not known
    license_file: str  # its name in the folder, "" without one
    left_out: Mapping[str, int]  # links, devices and other files of the archive


def fetch_rules(source: str, to: Path | None, sha256: str | None, on_progress: OnProgress) -> FetchedRules:
    """Fetch an archive of Sigma rules from an https address or a local file; it replaces what is in the folder.

    `to`: the folder; by default one named after the archive, below the user's data. `sha256`: of the archive, in hex;
    other bytes are refused. Raises ConfigError, DeliveryError or OSError; then what was in the folder is still there.
    """
    source = source if "://" in source else str(Path(source).absolute())
    folder = (to or user_rules() / _name_of(source)).resolve()
    _check_replaceable(folder)
    _check_source(source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent, ignore_cleanup_errors=True) as work:
        archive, new = Path(work, "archive"), Path(work, "rules")
        found = _get(source, archive, on_progress)
        if sha256 is not None and found != sha256.lower():
            raise ConfigError(
                f"rules: the archive has the SHA-256 {found}, not {sha256.lower()}: it is not the one that was"
                " pinned; nothing was changed"
            )
        pack = read_pack(archive)
        _write(pack, new)
        fetched = _loaded(pack, new, folder, source, found)
        (new / PACK_FILE).write_bytes(_note(fetched))
        os.sync()  # a file that a power cut left empty would be a rule that is silently missing
        replace_folder(new, folder)
    return fetched


def user_rules() -> Path:
    """Return the folder where this user's packs of rules are by default (XDG Base Directory)."""
    try:
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tocsin" / "rules"
    except RuntimeError as error:
        raise ConfigError("rules: this user has no home; say by --to where the rules shall be") from error


def _name_of(source: str) -> str:
    """Name a pack by its archive: sigma_core for .../r2026-08-01/sigma_core.zip."""
    name = unquote(urlsplit(source).path if "://" in source else source).rpartition("/")[2]
    for suffix in _ARCHIVE_SUFFIXES:
        name = name.removesuffix(suffix)
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"rules: `{plain(source, 200)}` gives no name for a folder; say by --to where to put the rules"
        )
    return name


def _check_replaceable(folder: Path) -> None:
    if folder.is_dir() and not ((folder / PACK_FILE).is_file() or not any(folder.iterdir())):
        raise ConfigError(
            f"rules: `{folder}` was not made by `tocsin rules fetch` (it has no {PACK_FILE}), and would be replaced"
            " as a whole: give another folder by --to"
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"rules: `{folder}` is there and no folder: give another one by --to")


def _check_source(source: str) -> None:
    if "://" in source:
        check_url(source)
    elif not Path(source).is_file():
        raise ConfigError(f"rules: there is no file `{plain(source, 200)}`; an https address begins with https://")


def _get(source: str, archive: Path, on_progress: OnProgress) -> str:
    """Copy the archive beside its folder, so that what is checked is what is unpacked; return its SHA-256."""
    if "://" in source:
        return download(source, archive, MAX_ARCHIVE_BYTES, on_progress)
    with Path(source).open("rb") as stream:
        return receive(stream, Path(source).stat().st_size, archive, MAX_ARCHIVE_BYTES, on_progress)


def _write(pack: UnpackedArchive, new: Path) -> None:
    try:
        new.mkdir()
        for path, content in pack.files.items():
            file = new / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    except OSError as error:
        raise DeliveryError(f"rules: `{new.parent.parent}` cannot be written: {error.strerror}") from error


def _loaded(pack: UnpackedArchive, new: Path, folder: Path, source: str, sha256: str) -> FetchedRules:
    """Load all rules once, where they lie for now; say of each problem where it will be."""
    from tocsin.rules.load import load_rules  # pySigma takes half a second to import

    rules, errors = load_rules([new], Attack.load())
    if not rules:
        raise ConfigError("rules: there is no Sigma rule in the archive that can be used", *map(str, errors[:3]))
    tops = {Path(rule.path).relative_to(new).parts[0] for rule in rules if Path(rule.path).parent != new}
    used = sorted(top for top in tops if top not in _NOT_IN_USE)
    is_flat = not used or any(Path(rule.path).parent == new for rule in rules)
    licenses = sorted(path.name for path in pack.files if len(path.parts) == 1 and is_license_file(path.name))
    said = license_in(new)
    return FetchedRules(
        folder=folder,
        rule_folders=[folder] if is_flat else [folder / top for top in used],
        source=source,
        sha256=sha256,
        files=len(pack.files),
        rules=len(rules),
        errors=[
            RuleError(*(text.replace(str(new), str(folder)) for text in (error.place, error.reason)))
            for error in errors
        ],
        license=license_of_source(source) if said is None else said,
        license_file=licenses[0] if licenses else "",
        left_out=pack.left_out,
    )


def _note(fetched: FetchedRules) -> bytes:
    """Write down what was fetched: for people, for pinning, and for the licence of each rule."""
    note = {
        "v": 1,
        "source": fetched.source,
        "sha256": fetched.sha256,
        "fetched": iso_utc(clock_us()),
        "files": fetched.files,
        "rules": fetched.rules,
        "left_out": len(fetched.errors),
        "license": fetched.license,
        "license_file": fetched.license_file,
    }
    return orjson.dumps(note, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
