"""Read a pack of rules out of an archive that may be hostile: into memory, within limits, and nothing is executed."""

import gzip
import re
import stat
import struct
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tocsin.errors import ConfigError
from tocsin.plain import plain
from tocsin.rules.license import is_license_file

_RULE_SUFFIXES = (".yml", ".yaml")
_READ_AT_ONCE = 65_536
_MAX_PART_BYTES = 255  # of a file name on Linux
_MAX_PATH_BYTES = 1024
_FORBIDDEN = re.compile(r"[\\\x00-\x1f\x7f]")  # in names; a backslash is a separator elsewhere


@dataclass(frozen=True)
class ArchiveLimits:
    """How much an archive may hold. All of SigmaHQ is some 5,000 files and 10 MB."""

    members: int = 200_000  # of any kind
    files: int = 20_000  # that are kept
    file_bytes: int = 1 << 20  # of one that is kept
    kept_bytes: int = 64 << 20  # of all that are kept
    unpacked_bytes: int = 512 << 20  # of a tar.gz, with what is not kept
    directory_bytes: int = 16 << 20  # of the list of contents at the end of a zip


@dataclass(frozen=True)
class UnpackedArchive:
    """What was kept of an archive: rules, licence and readme files."""

    files: Mapping[PurePosixPath, bytes]
    left_out: Mapping[str, int]  # "links", "devices", "other files"


@dataclass(frozen=True)
class _Member:
    name: str
    kind: str  # "file", "folder", or what is never unpacked: "links", "devices"
    read: Callable[[int], bytes]  # so many bytes at most


def read_pack(archive: Path, limits: ArchiveLimits | None = None) -> UnpackedArchive:
    """Read a zip or tar.gz. Files below one single folder, as in a source archive, are named without it.

    Raises ConfigError where it is neither, is damaged or beyond the limits, or where a name in it would lead out of
    the folder it is unpacked into. Links and devices are left out and counted.
    """
    limits = limits or ArchiveLimits()
    with archive.open("rb") as stream:
        try:
            files, left_out = _kept(_members(stream, limits), limits)
        except ConfigError:
            raise
        except Exception as error:  # the readers meet damage with all kinds of errors
            said = plain(f"{type(error).__name__}: {error}", 200)
            raise ConfigError(f"rules: the archive is damaged ({said}); get it anew") from error
    return UnpackedArchive(_without_root(files), left_out)


def _kept(members: Iterator[_Member], limits: ArchiveLimits) -> tuple[dict[PurePosixPath, bytes], Counter[str]]:
    files: dict[PurePosixPath, bytes] = {}
    folders: set[PurePosixPath] = set()
    left_out: Counter[str] = Counter()
    size = 0
    for number, member in enumerate(members, 1):
        if number > limits.members:
            raise ConfigError(f"rules: the archive has more than {limits.members:,} members, too many for a rule pack")
        path = _checked_path(member.name)
        if member.kind == "folder":
            continue
        if member.kind != "file" or not _is_kept(path):
            left_out["other files" if member.kind == "file" else member.kind] += 1
            continue
        shown = plain(str(path), 200)
        if path in files or path in folders or not files.keys().isdisjoint(path.parents):
            raise ConfigError(f"rules: `{shown}` stands twice in the archive")
        content = member.read(limits.file_bytes + 1)
        if len(content) > limits.file_bytes:
            raise ConfigError(f"rules: `{shown}` in the archive is larger than {limits.file_bytes:,} bytes: no rule is")
        size += len(content)
        if len(files) == limits.files or size > limits.kept_bytes:
            raise ConfigError(
                f"rules: the archive holds more than {limits.files:,} files or {limits.kept_bytes:,} bytes of rules"
            )
        files[path] = content
        folders.update(path.parents)
    return files, left_out


def _checked_path(name: str) -> PurePosixPath:
    """Read the name of a member. Raises ConfigError for one that no honest archive has."""
    path = PurePosixPath(name)
    try:
        encoded = [part.encode() for part in path.parts]
        is_long = sum(map(len, encoded)) > _MAX_PATH_BYTES or any(len(part) > _MAX_PART_BYTES for part in encoded)
        is_wrong = is_long or path.is_absolute() or ".." in path.parts or bool(_FORBIDDEN.search(name))
    except UnicodeEncodeError:
        is_wrong = True
    if is_wrong:
        raise ConfigError(
            f"rules: the archive holds a member `{plain(name, 200)}`, which could lead out of the folder"
            " or cannot be a file name: all of it is refused"
        )
    return path


def _is_kept(path: PurePosixPath) -> bool:
    if any(part.startswith(".") for part in path.parts):
        return False
    name = path.name.lower()
    is_readme = name.startswith("readme") and path.suffix.lower() in ("", ".md", ".txt", ".rst")
    return path.suffix.lower() in _RULE_SUFFIXES or is_readme or is_license_file(name)


def _without_root(files: Mapping[PurePosixPath, bytes]) -> Mapping[PurePosixPath, bytes]:
    """Drop the folder that holds all the others: its name is of one version, such as sigma-8eaafff1."""
    roots = {path.parts[0] for path in files}
    if len(roots) != 1 or roots.pop().startswith("rules") or any(len(path.parts) == 1 for path in files):
        return files
    return {PurePosixPath(*path.parts[1:]): content for path, content in files.items()}


def _members(stream: BinaryIO, limits: ArchiveLimits) -> Iterator[_Member]:
    magic = stream.read(4)
    stream.seek(0)
    if magic in (b"PK\x03\x04", b"PK\x05\x06"):
        return _members_of_zip(stream, limits)
    if magic[:2] == b"\x1f\x8b":
        return _members_of_tar(stream, limits)
    raise ConfigError("rules: this is no zip or tar.gz archive; give the archive itself, not the page it is offered on")


def _members_of_zip(stream: BinaryIO, limits: ArchiveLimits) -> Iterator[_Member]:
    _check_directory(stream, limits)
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():

            def read(size: int, info: zipfile.ZipInfo = info) -> bytes:
                # Others have dictionaries of any size.
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ConfigError("rules: the archive is compressed by an unusual method; deflate is known")
                with archive.open(info) as content:
                    return content.read(size)

            yield _Member(info.filename, _kind_in_zip(info), read)


def _kind_in_zip(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)  # Unix's; 0 where another system made the archive
    if kind == stat.S_IFLNK:
        return "links"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "devices"
    return "folder" if info.is_dir() else "file"


def _check_directory(stream: BinaryIO, limits: ArchiveLimits) -> None:
    """Refuse a zip whose list of contents is huge, for it is read as a whole (APPNOTE.TXT 4.3.16)."""
    stream.seek(0, 2)
    start = max(0, stream.tell() - 65_557)  # the record at the end and the longest comment
    stream.seek(start)
    end = stream.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        raise ConfigError("rules: the archive is damaged (a zip without its end); get it anew")
    (size,) = struct.unpack_from("<L", end, at + 12)
    if size > limits.directory_bytes or end[max(0, at - 20) : at].startswith(b"PK\x06\x07"):  # zip64
        raise ConfigError("rules: the archive lists more members than a rule pack has")
    stream.seek(0)


class _Forward:
    """A stream that is read once, from beginning to end, within limits: what tarfile needs, and no more."""

    def __init__(self, stream: BinaryIO, limits: ArchiveLimits) -> None:
        self._stream = stream
        self._limits = limits
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._limits.file_bytes + _READ_AT_ONCE:  # such as a header that says it has gigabytes
            raise ConfigError("rules: the archive has a header or file that is too large for a rule pack")
        content = self._stream.read(size)
        self._position += len(content)
        if self._position > self._limits.unpacked_bytes:
            raise ConfigError(
                f"rules: the archive unpacks to more than {self._limits.unpacked_bytes:,} bytes,"
                " too many for a rule pack"
            )
        return content

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._position:
            raise ValueError("members overlap")
        while self._position < position and self.read(min(_READ_AT_ONCE, position - self._position)):
            pass


def _members_of_tar(stream: BinaryIO, limits: ArchiveLimits) -> Iterator[_Member]:
    with gzip.open(stream) as unpacked:
        forward = _Forward(unpacked, limits)  # type: ignore[arg-type]  # it is a BinaryIO in all but its type
        with tarfile.open(fileobj=forward, mode="r:") as archive:  # type: ignore[call-overload]
            for info in archive:

                def read(size: int, info: tarfile.TarInfo = info) -> bytes:
                    content = archive.extractfile(info)
                    assert content is not None, "only files are read"
                    with content:
                        return bytes(content.read(size))

                yield _Member(info.name, _kind_in_tar(info), read)
        while rest := forward.read(_READ_AT_ONCE):  # to the checksum at the end
            if rest.strip(b"\0"):
                raise ValueError("a header that cannot be read")


def _kind_in_tar(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "folder"
    if info.isreg():
        return "file"
    return "links" if info.issym() or info.islnk() else "devices"
