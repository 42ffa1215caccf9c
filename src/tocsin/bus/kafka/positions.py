"""Where each source was left: the newest record by owner and input, on a compacted topic."""

from collections.abc import Iterable

from tocsin.event import Record

POSITIONS = "source-positions"

_BETWEEN = b"\0"  # no owner's name has one


def position_record(owner: str, name: str, position: bytes) -> Record:
    """Return the record that says where an owner's input was left."""
    return Record(position, owner.encode() + _BETWEEN + name.encode("utf-8", "surrogateescape"), topic=POSITIONS)


def positions_of(owner: str, records: Iterable[Record]) -> dict[str, bytes]:
    """Return the newest position of each input of an owner."""
    prefix = owner.encode() + _BETWEEN
    return {
        record.key.removeprefix(prefix).decode("utf-8", "surrogateescape"): record.value
        for record in records
        if record.key.startswith(prefix)
    }
