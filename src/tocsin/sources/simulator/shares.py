"""Network shares and what is asked of them, as 5145 has them."""

from typing import NamedTuple

from tocsin.sources.simulator.text import escaped


class Share(NamedTuple):
    """A share: its name and the folder behind it."""

    name: bytes
    folder: bytes


PIPES = Share(b"\\\\\\\\*\\\\IPC$", b"")
ADMIN_SHARE = Share(b"\\\\\\\\*\\\\ADMIN$", b"\\\\??\\\\C:\\\\Windows")


def _rights(*tokens: str) -> bytes:
    return escaped("\r\n\t\t\t\t".join((*tokens, "")))


class Access(NamedTuple):
    """What was asked for: the mask, and its rights as tokens."""

    mask: bytes
    rights: bytes


READ = Access(b"0x120089", _rights("%%1538", "%%1541", "%%4416", "%%4419", "%%4423"))
WRITE = Access(
    b"0x12019f",
    _rights("%%1538", "%%1541", "%%4416", "%%4417", "%%4418", "%%4419", "%%4420", "%%4423", "%%4424"),
)
