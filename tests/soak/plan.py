"""Which faults there will be, in which order: all kinds mixed, the same order for the same counts."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.bus import embedded
from tocsin.sinks import writer

STAGES = ("produce", "classify", "store")
POINTS = (
    *((stage, point) for stage in STAGES for point in embedded.FAILPOINTS),
    *(("store", point) for point in writer.FAILPOINTS),
)
SLOW_SECONDS = 30  # one fault of that kind
REBALANCES = 4  # in one fault of that kind: a member joins and leaves each of two groups

_ROUND_SECONDS = 40.0  # a round takes about so long beside its faults


@dataclass(frozen=True)
class Kind:
    """One kind of fault: how many by default, of what, and about how long each takes."""

    count: int
    help: str
    targets: Sequence[str] = ("",)  # `count` of each
    seconds: float = 0.0
    is_spread: bool = False  # `count` in all, the targets taking turns
    unit: int = 1  # `count` is of these; so many are one fault
    in_own_round: bool = False


KINDS: Mapping[str, Kind] = {
    "kill": Kind(50, "kill -9 of each stage", STAGES, 3.5),
    "term": Kind(20, "SIGTERM of each stage", STAGES, 3.0),
    "failpoint": Kind(10, "deaths at each fail point", tuple(f"{s}:{p}" for s, p in POINTS), 5.5),
    "broker-kill": Kind(30, "kill -9 of a broker, which is started again", seconds=15.0),
    "broker-pause": Kind(10, "pauses of a broker (--broker-pause-seconds each)", seconds=37.0),
    "broker-fence": Kind(30, "pauses of a broker just long enough that it is taken for dead", seconds=9.0),
    "stage-pause": Kind(
        5, "pauses of a stage (--stage-pause-seconds each)", ("classify", "store", "produce"), 80.0, is_spread=True
    ),
    "rebalance": Kind(100, "rebalances", seconds=30.0, unit=REBALANCES),
    "full-disk": Kind(10, "full disks under the store", seconds=15.0, in_own_round=True),
    "slow-consumer": Kind(180, "seconds of a slow classify", seconds=SLOW_SECONDS + 5.0, unit=SLOW_SECONDS),
}


@dataclass(frozen=True)
class Fault:
    kind: str
    target: str
    number: int  # among those of its kind and target

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.target}/{self.number}"

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return KINDS[self.kind].seconds


def plan(counts: Mapping[str, int], seed: int) -> list[Fault]:
    """Return all faults: those that need a round of their own first, then each kind evenly over the whole time."""
    rng = random.Random(seed)
    placed: list[tuple[bool, float, Fault]] = []
    for name, count in counts.items():
        faults = _faults(name, count)
        order = list(range(len(faults)))
        rng.shuffle(order)
        for place, number in enumerate(order):
            at = (place + rng.random()) / len(faults)
            placed.append((not KINDS[name].in_own_round, at, faults[number]))
    return [fault for _, _, fault in sorted(placed, key=lambda each: each[:2])]


def _faults(name: str, count: int) -> list[Fault]:
    kind = KINDS[name]
    wanted = -(-count // kind.unit)
    if kind.is_spread:
        return [Fault(name, kind.targets[n % len(kind.targets)], n) for n in range(wanted)]
    return [Fault(name, target, n) for target in kind.targets for n in range(wanted)]


def share(counts: Mapping[str, int], seconds: float) -> dict[str, int]:
    """Return the counts that fit into so many seconds, about: the same part of each kind, and at least one."""
    part = 1.0
    while part > 0.001:
        smaller = {name: max(1, round(count * part)) for name, count in counts.items()}
        if estimate(plan(smaller, 0)) <= seconds:
            return smaller
        part *= 0.9
    return dict.fromkeys(counts, 1)


def estimate(faults: Iterable[Fault], round_seconds: float = 300.0) -> float:
    """Return about how many seconds faults take, with the rounds they are in."""
    alone = [0.0, 0.0]
    for fault in faults:
        alone[KINDS[fault.kind].in_own_round] += fault.seconds
    return sum(total + _ROUND_SECONDS * (1 + total // round_seconds) for total in alone if total)
