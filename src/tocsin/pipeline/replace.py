"""Put a new folder in the place of an old one, in one step."""

import ctypes
import errno
import os
from pathlib import Path

_CURRENT_FOLDER = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE of linux/fs.h


def replace_folder(new: Path, folder: Path) -> None:
    """Give `new` the name `folder`; what had that name is afterwards at `new`, or where `new` was with `.old` added.

    Raises OSError where it cannot be done; then all is as it was. Both must be on one file system.
    """
    if not folder.exists():
        new.rename(folder)
        return
    try:
        _exchange(new, folder)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise
        _rename_both(new, folder)  # on such a file system there is a moment without either


def _exchange(one: Path, other: Path) -> None:
    """Swap two names by Linux's renameat2. Raises OSError, also where system or file system do not have it."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(other))
    if rename(_CURRENT_FOLDER, os.fsencode(one), _CURRENT_FOLDER, os.fsencode(other), _EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(other))


def _rename_both(new: Path, folder: Path) -> None:
    aside = new.with_name(new.name + ".old")
    folder.rename(aside)
    try:
        new.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
