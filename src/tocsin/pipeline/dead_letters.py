"""Find dead letters on the bus, and put records back on the topic they came from."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from tocsin.bus.contract import Bus
from tocsin.config import Config
from tocsin.dead_letter import DeadLetter, read_dead_letter
from tocsin.errors import ConfigError
from tocsin.event import CLASSIFIED_EVENTS, DEAD_LETTERS, RAW_EVENTS, STAMP_HEADER, Record
from tocsin.flow import Batch
from tocsin.pipeline.topology import existing_bus, open_bus
from tocsin.timestamps import clock_us, iso_utc

REPLAYED_FROM_HEADER = "tocsin-replayed-from"  # on a record put back: the dead letter it was
_OWNER = "dead-letters-replay"
_AT_ONCE = 500
_TARGETS = (RAW_EVENTS, CLASSIFIED_EVENTS)


@dataclass(frozen=True)
class Found:
    """A dead letter, and where it lies."""

    address: str  # partition/offset in `dead-letters`
    time_us: int  # when it became one
    letter: DeadLetter
    record: Record
    replayed_at: str  # when it was put back on its topic; "" if it was not

    @property
    def target(self) -> str:
        """The topic it belongs on: the one it was read from, or, of a file, the first one."""
        return self.letter.topic or RAW_EVENTS


@dataclass(frozen=True)
class Selection:
    """Which dead letters are meant. All given must hold."""

    addresses: Sequence[str] = ()  # partition/offset
    reason: str = ""
    stage: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def has(self, found: Found) -> bool:
        letter = found.letter
        return (
            (not self.addresses or found.address in self.addresses)
            and (not self.reason or letter.reason == self.reason)
            and (not self.stage or letter.stage == self.stage)
            and (self.since is None or found.time_us >= self.since.timestamp() * 1e6)
            and (self.until is None or found.time_us < self.until.timestamp() * 1e6)
        )


def address_of(text: str) -> str:
    """Return `partition/offset` for `17`, `0/17` or `dead-letters/0/17`. Raises ConfigError."""
    parts = text.removeprefix(f"{DEAD_LETTERS}/").split("/")
    if not 1 <= len(parts) <= 2 or not all(part.isascii() and part.isdecimal() for part in parts):
        raise ConfigError(f"`{text}` is no place of a dead letter, such as 17 or 0/17; `tocsin dead-letters list` does")
    return "/".join(str(int(part)) for part in (["0"] * (2 - len(parts)) + parts))


def dead_letters(config: Config, selection: Selection) -> Iterator[Found]:
    """Yield the dead letters that are meant, by partition and offset. Raises ConfigError, DeliveryError."""
    with closing(existing_bus(config)) as bus:
        yield from _found(bus, selection)


def replay(config: Config, selection: Selection, is_again: bool) -> int:
    """Put records back on the topics they came from; return how many.

    What was put back is committed with the records themselves, so that a replay that was killed and is started again
    does not put the same ones twice. Those that cannot be put back, or were already, are left out.
    """
    replayed = 0
    with closing(open_bus(config, _OWNER)) as bus:
        owner = bus.own(_OWNER)
        committer = bus.committer(owner=_OWNER)
        # Asked only now, when nobody else can put any back any more.
        chosen = (found for found in _found(bus, selection) if is_replayable(found, is_again))
        while part := list(islice(chosen, _AT_ONCE)):
            now_us = clock_us()
            outputs = {topic: [_put_back(each) for each in part if each.target == topic] for topic in _TARGETS}
            positions = {each.address: iso_utc(now_us).encode() for each in part}
            committer.commit(outputs, Batch(positions=positions))
            replayed += len(part)
        owner.release()
    return replayed


def is_replayable(found: Found, is_again: bool) -> bool:
    """Whether it can be put back, and was not yet."""
    return found.letter.is_whole and found.target in _TARGETS and (is_again or not found.replayed_at)


def _found(bus: Bus, selection: Selection) -> Iterator[Found]:
    replayed = bus.positions(_OWNER)
    for partition, (first, end) in sorted(bus.ends(DEAD_LETTERS).items()):
        offset = first
        while offset < end and (records := bus.read_from(DEAD_LETTERS, partition, offset, _AT_ONCE)):
            offset = records[-1].offset + 1
            for record in records:
                address = f"{partition}/{record.offset}"
                at = replayed.get(address, b"").decode("ascii", "replace")
                found = Found(address, record.timestamp_us, read_dead_letter(record), record, at)
                if selection.has(found):
                    yield found


def _put_back(found: Found) -> Record:
    """Return the record as it came, with a mark; with the id it had as a dead letter, if it carried none."""
    letter = found.letter
    headers = letter.headers
    stamp = found.record.header(STAMP_HEADER)
    if stamp is not None and not any(name == STAMP_HEADER for name, _ in headers):
        headers = ((STAMP_HEADER, stamp), *headers)
    mark = (REPLAYED_FROM_HEADER, f"{DEAD_LETTERS}/{found.address}".encode())
    return Record(letter.raw, letter.key, (*headers, mark), clock_us())
