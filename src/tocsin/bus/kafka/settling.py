"""Wait until the end of a transaction was carried out, commit or abort, that the broker has acknowledged.

A transaction's coordinator answers as soon as its decision is written, and only then has markers written, one to each
partition of the transaction. A partition that has no leader at that moment, as its last broker was taken for dead, it
takes for deleted: no marker is written there, and the transaction is over (`TransactionMarkerChannelManager`, Kafka
4.3). What lies there is then neither committed nor aborted, until a later marker of the same writer says of it what it
says of its own. In some partitions of a transaction the marker may be there, and in others not.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from confluent_kafka import TopicPartition

from tocsin.bus.kafka.client import Client, Place
from tocsin.bus.kafka.group_offsets import GroupOffsets
from tocsin.errors import DeliveryError, ReopenError

SETTLING_SECONDS = 2.0  # it takes some milliseconds

_PAUSE_SECONDS = 0.01
_AGAIN_SECONDS = 0.1


@dataclass(frozen=True)
class Acknowledged:
    """A commit or abort that the broker has acknowledged: what it has set or not, and where its writer writes.

    Of a client that was given up it may not have been: what was begun is aborted by then, what was asked for decided.
    """

    is_commit: bool | None  # None: asked for, and not answered
    places: Sequence[TopicPartition]
    ends: Callable[[], Mapping[Place, int]]  # of the places, as they were when it was acknowledged
    group: str = ""  # whose offsets are in it
    offsets: Sequence[TopicPartition] = ()


def decided(acknowledged: Acknowledged, group_offsets: GroupOffsets) -> Acknowledged:
    """Find out by its offsets whether what had no answer was committed; where they hang it is to be taken back.

    Raises DeliveryError where nobody answers.
    """
    if acknowledged.is_commit is not None:
        return acknowledged
    found = group_offsets.settled(acknowledged.group, list(acknowledged.offsets), SETTLING_SECONDS)
    return replace(acknowledged, is_commit=found is not None and not _is_before(found, acknowledged))


def wait_for_offsets(acknowledged: Acknowledged, group_offsets: GroupOffsets) -> bool:
    """Wait until no offsets are open in its places. False: some still are, of whomever.

    Raises DeliveryError where nobody answers, ReopenError where the group has gone back before them.
    """
    if not acknowledged.offsets:
        return True
    found = group_offsets.settled(acknowledged.group, list(acknowledged.offsets), SETTLING_SECONDS)
    if found is None:
        return False
    if acknowledged.is_commit and _is_before(found, acknowledged):
        raise ReopenError(f"group `{acknowledged.group}` is before where it was set by a commit")
    return True


def wait_for_outputs(acknowledged: Acknowledged, held: Mapping[Place, int], client: Client) -> Mapping[Place, int]:
    """Wait until nothing is open before the ends. Return the places where something still is, and from which offset.

    It may be of whomever. `held`: what is known to be of others. Raises DeliveryError where nobody answers.
    """
    deadline = time.monotonic() + SETTLING_SECONDS
    while True:
        is_late = time.monotonic() > deadline
        try:
            ends = acknowledged.ends()
            stable = client.stable_ends_once(acknowledged.places)
        except DeliveryError:  # it may be that a topic was just made, or a leader has moved
            if is_late:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            is_open = {at: stable[at] for at, end in ends.items() if stable[at] < end and stable[at] != held.get(at)}
            if not is_open or is_late:
                return is_open
        time.sleep(_PAUSE_SECONDS)


def _is_before(found: Mapping[Place, int], acknowledged: Acknowledged) -> bool:
    return any(found.get((each.topic, each.partition), -1) < each.offset for each in acknowledged.offsets)
