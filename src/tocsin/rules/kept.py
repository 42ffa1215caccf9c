"""Keep on disk what was made of rules; a file that is damaged or another user's is as good as none."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

_DIGEST_BYTES = 32
_FILES_KEPT = 8  # of a kind: those used last


def read_kept(path: Path, kind: bytes) -> bytes | None:
    """Return what was kept under that name; None where nothing was, or nothing that can be trusted.

    `kind` says what is in the file, in which version.
    """
    try:
        is_ours = not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()
        content = path.read_bytes() if is_ours else b""
    except OSError:
        return None
    start = len(kind) + _DIGEST_BYTES
    if content[:start] != kind + hashlib.sha256(content[start:]).digest():
        return None
    with suppress(OSError):
        os.utime(path)
    return content[start:]


def keep(path: Path, kind: bytes, content: bytes) -> None:
    """Keep some bytes, and of the files whose names begin alike (up to the first `-`) only those used last.

    Where that cannot be, such as on a full disk, the next start takes longer.
    """
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.write_bytes(kind + hashlib.sha256(content).digest() + content)
        partial.replace(path)
        alike = path.parent.glob(f"{path.name.partition('-')[0]}-*{path.suffix}")
        for old in sorted(alike, key=_modified)[:-_FILES_KEPT]:
            old.unlink()
    with suppress(OSError):
        partial.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
