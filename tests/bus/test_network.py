"""Which folders lie on a network file system, by lines of /proc/self/mountinfo."""

from pathlib import Path

import pytest

from tocsin.bus.embedded import EmbeddedBus
from tocsin.bus.network import network_file_system_of
from tocsin.errors import ConfigError

_MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt/share rw shared:9 master:2 - nfs4 server:/export rw,vers=4.2
31 22 0:41 / /mnt/share/local rw - xfs /dev/vdb rw
32 22 0:42 / /mnt/with\\040space\\134x rw - cifs //server/share rw
33 22 0:43 / /mnt/d\u00e9p\u00f4t rw - fuse.sshfs me@server:/ rw
34 22 0:44 / /mnt/twice rw - autofs systemd-1 rw
35 34 0:45 / /mnt/twice rw - nfs server:/home rw
36 22 0:46 / /mnt/c rw - 9p drvfs rw
37 22 0:47 / /mnt/ceph rw - fuse.ceph-fuse ceph-fuse rw
38 22 0:48 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw
39 22 0:49 / /data rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", None),
        ("/var/lib/tocsin", None),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/deep/below", "nfs4"),
        ("/mnt/shared", None),
        ("/mnt/share/local/x", None),
        ("/mnt/with space\\x/bus", "cifs"),
        ("/mnt/d\u00e9p\u00f4t/bus", "fuse.sshfs"),
        ("/mnt/twice/me", "nfs"),
        ("/mnt/c/Users", "9p"),
        ("/mnt/ceph", "fuse.ceph-fuse"),
        ("/mnt/ntfs", None),
        ("/data/bus", None),
    ],
)
def test_the_innermost_mount_decides(folder: str, kind: str | None) -> None:
    assert network_file_system_of(Path(folder), _MOUNTS) == kind


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/mnt/share/bus")
    assert network_file_system_of(tmp_path / "link", _MOUNTS) == "nfs4"


def test_the_mounts_of_this_machine_can_be_read(tmp_path: Path) -> None:
    assert network_file_system_of(tmp_path) is None


def test_a_bus_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:1 / / rw - ext4 /dev/vda rw\n30 22 0:40 / {tmp_path}/share rw - nfs4 server:/ rw\n")
    monkeypatch.setattr("tocsin.bus.network._MOUNTS", mounts)
    with pytest.raises(ConfigError, match=r"share/bus` lies on a network file system \(nfs4\)"):
        EmbeddedBus(tmp_path / "share" / "bus")
    EmbeddedBus(tmp_path / "bus").close()
