"""Tell whether a folder lies on a network file system, where locks and fsync cannot be trusted."""

import os
import re
from pathlib import Path

# fmt: off
_NETWORK = frozenset((
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs",
    "prl_fs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf",
))
_NETWORK_FUSE = (  # their names go on: fuse.gvfsd-fuse, fuse.ceph-fuse
    "fuse.blobfuse", "fuse.ceph", "fuse.davfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.gvfsd",
    "fuse.juicefs", "fuse.mount-s3", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "fuse.vmhgfs",
)
# fmt: on
_MOUNTS = Path("/proc/self/mountinfo")


def network_file_system_of(folder: Path, mountinfo: str | None = None) -> str | None:
    """Return the type of the network file system that holds `folder`; None for a local one, or where none can be told.

    Reads /proc/self/mountinfo (proc(5)): mount point is field 5, the type follows the separator " - ".
    """
    if mountinfo is None:
        if not _MOUNTS.exists():
            return None
        mountinfo = _MOUNTS.read_text("utf-8", "surrogateescape")
    place = folder.resolve()
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        mount = Path(_unescaped(before.split()[4]))
        if place.is_relative_to(mount) and len(mount.parts) >= best:  # of two on one point, the later one shows
            best, kind = len(mount.parts), after.split()[0]
    return kind if kind in _NETWORK or kind.startswith(_NETWORK_FUSE) else None


def _unescaped(path: str) -> str:
    """Spaces, tabs, line ends and backslashes stand there as three octal digits."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), os.fsencode(path)))
