"""Make archives of rules, good and hostile ones."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

Make = Callable[[Path, Mapping[str, bytes]], Path]


def zip_of(folder: Path, files: Mapping[str, bytes]) -> Path:
    file = folder / "pack.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file


def tar_of(folder: Path, files: Mapping[str, bytes]) -> Path:
    return tar_with(folder, *((tar_info(name), content) for name, content in files.items()))


def tar_with(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    file = folder / "pack.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def tar_info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_with_link(folder: Path, name: str, target: str) -> Path:
    file = folder / "pack.zip"
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o120777 << 16
        archive.writestr(info, target)
    return file
