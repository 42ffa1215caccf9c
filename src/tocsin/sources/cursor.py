"""Where a file was read to, and by what it is recognised: the position kept for each file."""

import msgspec

from tocsin.errors import ConfigError
from tocsin.telemetry.ids import origin_of

TINY_BYTES = 1024  # a shorter head says too little: many logs begin alike

_VERSION = 1


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file's position. Offsets count decompressed bytes; hashes are hex."""

    path: str  # absolute
    head_bytes: int  # how much of the beginning was hashed; fixed at the first read
    head: str  # hash of it
    device: int
    inode: int
    v: int = 0
    nonce: str = ""
    generation: int = 0  # how many other files with this head were met before
    encoding: str = ""  # of the text; "" for EVTX
    offset: int = 0  # where to go on
    passed: int = 0  # lines, or EVTX records, before that
    within: int = 0  # records of the EVTX chunk at `offset` that were handed on
    tail: str = ""  # seeded hash of the 4 KB before `offset`
    chain: str = ""  # seeded hash of the whole blocks before `offset`
    is_done: bool = False
    length: int = 0  # of the content, once done
    whole: str = ""  # seeded hash of the content, once done
    size: int = 0  # on disk, once done
    copy_of: str = ""  # the file that this one repeats; it was not read
    run: int = 0  # the `again` run that read it

    @property
    def origin(self) -> bytes:
        """What event ids derive from: the fingerprint, and for a tiny file what else tells it apart."""
        parts = ["file", str(self.head_bytes), self.head]
        if self.head_bytes < TINY_BYTES:
            parts += [str(self.device), str(self.inode), self.nonce]
        if self.generation:
            parts.append(str(self.generation))
        return origin_of(*parts)

    @property
    def retired_name(self) -> str:
        """The input name under which the position is kept once another file has taken the path."""
        return f"read:{self.origin.hex()}"

    def encoded(self) -> bytes:
        return msgspec.json.encode(msgspec.structs.replace(self, v=_VERSION))

    @classmethod
    def decoded(cls, name: str, position: bytes) -> "Cursor":
        """Read a position back. Raises ConfigError when it is of a newer version, or not a position of a file."""
        try:
            cursor = msgspec.json.decode(position, type=cls)
        except msgspec.DecodeError as error:
            reason = f"the kept position of `{name}` cannot be read ({error}); use another data directory"
            raise ConfigError(reason) from None
        if cursor.v > _VERSION:
            raise ConfigError(
                f"the kept position of `{name}` has version {cursor.v}, this Tocsin reads up to {_VERSION}; "
                "use the newer Tocsin, or another data directory"
            )
        return cursor
