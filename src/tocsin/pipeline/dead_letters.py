"""Find dead letters on the bus, and put records back on the topic they came from."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from tocsin.bus.contract import Bus
from tocsin.config import Config
from tocsin.dead_letter import DeadLetter, read_dead_letter
from tocsin.errors import ConfigError
from tocsin.event import CLASSIFIED_EVENTS, DEAD_LETTERS, LAST_US, RAW_EVENTS, STAMP_HEADER, Record
from tocsin.flow import Batch
from tocsin.pipeline.topology import existing_bus, open_bus
from tocsin.timestamps import clock_us, iso_utc

REPLAYED_FROM_HEADER = "tocsin-replayed-from"  # on a record put back: the dead letter it was
_OWNER = "dead-letters-replay"
_AT_ONCE = 200  # records read; each may have megabytes
_COMMIT_RECORDS = 500
_COMMIT_BYTES = 8 << 20  # a transaction of more could take longer than it may
_TARGETS = (RAW_EVENTS, CLASSIFIED_EVENTS)
_DIGITS = 18


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

    @property
    def attempts(self) -> int:
        """How often its record had been put back before it became this dead letter."""
        return sum(name == REPLAYED_FROM_HEADER for name, _ in self.letter.headers)


@dataclass(frozen=True)
class Selection:
    """Which dead letters are meant. All given must hold."""

    places: Sequence[str] = ()  # partition/offset, or an offset where there is one partition
    reason: str = ""
    stage: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def has(self, found: Found) -> bool:
        letter = found.letter
        return (
            (not self.reason or letter.reason == self.reason)
            and (not self.stage or letter.stage == self.stage)
            and (self.since is None or found.time_us >= self.since.timestamp() * 1e6)
            and (self.until is None or found.time_us < self.until.timestamp() * 1e6)
        )


def dead_letters(config: Config, selection: Selection) -> Iterator[Found]:
    """Yield the dead letters that are meant, by partition and offset.

    Raises ConfigError, at the end also where one of the places holds none; DeliveryError.
    """
    with closing(existing_bus(config)) as bus:
        wanted = {_address(place, bus.partitions(DEAD_LETTERS)) for place in selection.places}
        missing = set(wanted)
        for found in _found(bus, wanted):
            missing.discard(found.address)
            if selection.has(found):
                yield found
        if missing:
            raise ConfigError(
                *(
                    f"there is no dead letter at `{address}`; `tocsin dead-letters list` shows those there are"
                    for address in sorted(missing)
                )
            )


def reasons(config: Config) -> Mapping[str, int]:
    """Return how many dead letters there are of each reason, most first."""
    return dict(Counter(found.letter.reason for found in dead_letters(config, Selection())).most_common())


def replay(config: Config, addresses: Collection[str], is_again: bool) -> int:
    """Put the records of these dead letters back on the topics they came from; return how many.

    What was put back is committed with the records themselves, so that a replay that was killed and is started again
    does not put the same ones twice. Those that cannot be put back, or were already, are left out.
    """
    replayed = 0
    with closing(open_bus(config, _OWNER, _TARGETS)) as bus, bus.own(_OWNER):
        committer = bus.committer(owner=_OWNER)
        # Asked only now, when nobody else can put any back any more.
        chosen = (found for found in _found(bus, addresses) if is_replayable(found, is_again))
        origin = bus.origin(DEAD_LETTERS)
        for part in _parts(chosen):
            now = iso_utc(clock_us()).encode()
            outputs = {topic: [_put_back(each) for each in part if each.target == topic] for topic in _TARGETS}
            committer.commit(outputs, Batch(positions={_position_name(origin, each.address): now for each in part}))
            replayed += len(part)
    return replayed


def is_replayable(found: Found, is_again: bool) -> bool:
    """Whether it can be put back, and was not yet."""
    return can_be_put_back(found) and (is_again or not found.replayed_at)


def can_be_put_back(found: Found) -> bool:
    """Whether all of it is there, and there is a topic for it."""
    return found.letter.is_whole and found.target in _TARGETS


def _address(place: str, partitions: int) -> str:
    """Return `partition/offset` for `17`, `0/17` or `dead-letters/0/17`. Raises ConfigError."""
    parts = place.removeprefix(f"{DEAD_LETTERS}/").split("/")
    is_number = [part.isascii() and part.isdecimal() and len(part) <= _DIGITS for part in parts]
    if len(parts) > 2 or not all(is_number):
        raise ConfigError(
            f"`{place}` is no place of a dead letter, such as 17 or 0/17; `tocsin dead-letters list` does"
        )
    if len(parts) == 1 and partitions > 1:
        raise ConfigError(f"`{place}`: `{DEAD_LETTERS}` has {partitions} partitions; say in which, such as 0/{place}")
    return "/".join(str(int(part)) for part in (["0"] * (2 - len(parts)) + parts))


def _found(bus: Bus, addresses: Collection[str]) -> Iterator[Found]:
    """Yield the dead letters at these addresses, all where none is given."""
    replayed = bus.positions(_OWNER)
    origin = bus.origin(DEAD_LETTERS)
    for partition, (first, end) in sorted(_ranges(bus.ends(DEAD_LETTERS), addresses).items()):
        for record in _records(bus, partition, first, end):
            address = f"{partition}/{record.offset}"
            if not addresses or address in addresses:
                at = replayed.get(_position_name(origin, address), b"").decode("ascii", "replace")
                time_us = min(max(0, record.timestamp_us), LAST_US)  # anybody may have written it
                yield Found(address, time_us, read_dead_letter(record), record, at)


def _position_name(origin: str, address: str) -> str:
    """Return under which name it is remembered that this one was put back: another topic of the name counts anew."""
    return f"{origin}/{address}"


def _ranges(ends: Mapping[int, tuple[int, int]], addresses: Collection[str]) -> Mapping[int, tuple[int, int]]:
    """Return the offsets to look at, from the first on to before the end, of each partition."""
    if not addresses:
        return ends
    offsets: dict[int, list[int]] = {}
    for address in addresses:
        partition, _, offset = address.partition("/")
        offsets.setdefault(int(partition), []).append(int(offset))
    return {
        partition: (max(first, min(offsets[partition])), min(end, max(offsets[partition]) + 1))
        for partition, (first, end) in ends.items()
        if partition in offsets
    }


def _records(bus: Bus, partition: int, offset: int, end: int) -> Iterator[Record]:
    while offset < end and (records := bus.read_from(DEAD_LETTERS, partition, offset, min(_AT_ONCE, end - offset))):
        yield from (record for record in records if record.offset < end)
        offset = records[-1].offset + 1


def _parts(chosen: Iterator[Found]) -> Iterator[list[Found]]:
    """Cut what is put back into transactions."""
    part: list[Found] = []
    size = 0
    for found in chosen:
        if part and (len(part) == _COMMIT_RECORDS or size + len(found.letter.raw) > _COMMIT_BYTES):
            yield part
            part, size = [], 0
        part.append(found)
        size += len(found.letter.raw)
    if part:
        yield part


def _put_back(found: Found) -> Record:
    """Return the record as it came, with a mark; with the id it had as a dead letter, if it carried none."""
    letter = found.letter
    headers = letter.headers
    stamp = found.record.header(STAMP_HEADER)
    if stamp is not None and not any(name == STAMP_HEADER for name, _ in headers):
        headers = ((STAMP_HEADER, stamp), *headers)
    mark = (REPLAYED_FROM_HEADER, f"{DEAD_LETTERS}/{found.address}".encode())
    return Record(letter.raw, letter.key, (*headers, mark), clock_us())
