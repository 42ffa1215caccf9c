"""Do each kind of fault, and measure how long after its end the stages commit again."""

import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.kafka.broker import SESSION_SECONDS, Cluster
from tests.soak.disk import Disk
from tests.soak.failure import SoakFailedError
from tests.soak.plan import SLOW_SECONDS, STAGES, Fault
from tests.soak.progress import Progress
from tests.soak.stages import Keeper

MEMBERS: Mapping[str, tuple[str, ...]] = {
    "produce": ("produce",),
    "classify": ("classify-0", "classify-1"),
    "store": ("store-0", "store-1"),
}

_RECOVER_SECONDS = 120.0  # longer is a failure
_ALONE_EVERY = 5  # of the kills: the other member takes over, the killed one comes back only then
_FENCE_TRIES = 5
_DIE_SECONDS = 90.0  # until a stage has come to its fail point
_FULL_SECONDS = 5.0  # how long a disk stays full
_STOPPED_SECONDS, _RUNNING_SECONDS = 0.4, 0.1  # of a slow consumer, in turn


@dataclass(frozen=True)
class Pauses:
    """How long who is paused."""

    broker: float = 30.0
    stage: float = 70.0


@dataclass(frozen=True)
class Recovery:
    label: str  # a row of the report
    seconds: float


@dataclass
class Faults:
    """What can be done to a pipeline that runs."""

    cluster: Cluster
    keeper: Keeper
    progress: Progress
    disk: Disk | None
    folder: Path  # of this round
    successor: Callable[[], str]  # adds a second `produce` of the same name, elsewhere, and returns what it is called
    pauses: Pauses
    rng: random.Random
    _found: list[Recovery] = field(default_factory=list)

    def do(self, fault: Fault) -> list[Recovery]:
        """Return the recoveries. Raises SoakFailedError where something does not go on, or ends by itself."""
        self._found = []
        time.sleep(self.rng.uniform(0.0, 0.5))
        {
            "kill": self._kill,
            "term": self._term,
            "failpoint": self._failpoint,
            "broker-kill": self._broker_kill,
            "broker-pause": self._broker_pause,
            "broker-fence": self._broker_fence,
            "stage-pause": self._stage_pause,
            "rebalance": self._rebalance,
            "full-disk": self._full_disk,
            "slow-consumer": self._slow_consumer,
        }[fault.kind](fault)
        self.settle()
        return self._found

    def settle(self) -> None:
        """Wait until all stages commit in all their places."""
        now = time.monotonic()
        for stage in STAGES:
            self._seconds_until(stage, now)
        self.keeper.check()

    # Deaths of stages

    def _kill(self, fault: Fault) -> None:
        stage, member = fault.target, self._member(fault)
        pids, which = self.keeper.pids(member), ""
        writers = self.keeper.writers(member)
        if stage == "store":  # the writer below it, all of it as a container is killed, or only what supervises
            if not writers:
                raise SoakFailedError(f"{member} has no writer below it; see {self.folder / 'logs'}")
            pids, which = ((writers, " (writer)"), (pids, " (all)"), (pids[:1], " (supervisor)"))[fault.number % 3]
        is_alone = stage != "produce" and fault.number % _ALONE_EVERY == _ALONE_EVERY - 1
        if is_alone:
            self.keeper.hold(member)
            pids, which = self.keeper.pids(member), ", not restarted"
        killed = time.monotonic()
        self.keeper.signal(signal.SIGKILL, pids)
        if which == " (supervisor)":  # its writer goes on until it notices: what it still commits is no recovery
            psutil.wait_procs([psutil.Process(pid) for pid in writers if psutil.pid_exists(pid)], _RECOVER_SECONDS)
            killed = time.monotonic()
        self._measure(f"kill {stage}{which}", stage, killed)
        if is_alone:
            self.keeper.wait(member, 5.0)
            self.keeper.release(member)

    def _term(self, fault: Fault) -> None:
        member = self._member(fault)
        self.keeper.stop(member)
        ended = time.monotonic()
        self.keeper.release(member)
        self._measure(f"term {fault.target}", fault.target, ended)

    def _failpoint(self, fault: Fault) -> None:
        stage, _, point = fault.target.partition(":")
        member = self._member(fault)
        self.keeper.stop(member)
        if ".recover." in point:  # there is something to recover from only after a death
            self._die_at(member, "store.after_fsync", 1)
        self._die_at(member, point, 1 if ".recover." in point else self.rng.randint(1, 3))
        died = time.monotonic()
        self.keeper.release(member)
        self._measure(f"failpoint {stage}", stage, died)

    def _die_at(self, member: str, point: str, passings: int) -> None:
        writer = ("--worker", 0) if member.startswith("store") else ()  # the writer itself, or it is started again
        self.keeper.start_held(member, {"TOCSIN_FAILPOINT": f"{point}:{passings}"}, *writer)
        code = self.keeper.wait(member, _DIE_SECONDS)
        if code != -signal.SIGKILL:
            raise SoakFailedError(f"{member} ended with {code} rather than at {point}; see {self.folder / 'logs'}")

    def _member(self, fault: Fault) -> str:
        members = MEMBERS[fault.target.partition(":")[0]]
        return members[fault.number % len(members)]

    # Brokers

    def _broker_kill(self, fault: Fault) -> None:
        node = self.cluster.nodes[fault.number % len(self.cluster.nodes)]
        node.kill()
        time.sleep(self.rng.uniform(0.0, 2.0))
        node.start()
        self.cluster.wait_until_ready()
        self._measure_all("broker-kill", time.monotonic())

    def _broker_pause(self, fault: Fault) -> None:
        self._pause(fault, self.pauses.broker)

    def _broker_fence(self, fault: Fault) -> None:
        """As it goes on it is without its partitions for a moment, in the middle of commits."""
        before = self._fencings()
        for _ in range(_FENCE_TRIES):  # what it has to say for itself may be heard first
            self._pause(fault, SESSION_SECONDS + self.rng.uniform(0.1, 0.6))
            if self._fencings() > before:
                return
        raise SoakFailedError(f"a broker that pauses is not taken for dead; see {self.cluster.nodes[0].log}")

    def _fencings(self) -> int:
        return sum(node.log.read_text(errors="replace").count("Fencing broker") for node in self.cluster.nodes)

    def _pause(self, fault: Fault, seconds: float) -> None:
        node = self.cluster.nodes[fault.number % len(self.cluster.nodes)]
        node.send(signal.SIGSTOP)
        time.sleep(seconds)
        node.send(signal.SIGCONT)
        self.cluster.wait_until_ready()
        self._measure_all(fault.kind, time.monotonic())

    # Pauses of stages

    def _stage_pause(self, fault: Fault) -> None:
        member = self._member(fault)
        pids = self.keeper.pids(member)
        paused = time.monotonic()
        self.keeper.signal(signal.SIGSTOP, pids)
        try:
            if fault.target == "produce":  # somewhere else a process of its name takes its place
                successor = self.successor()
                self._measure("stage-pause produce, taken over", "produce", time.monotonic())
            else:
                self._measure(f"stage-pause {fault.target}, taken over", fault.target, paused)
            time.sleep(max(0.0, paused + self.pauses.stage - time.monotonic()))
        finally:
            self.keeper.signal(signal.SIGCONT, pids)
        came_back = time.monotonic()
        if fault.target == "produce":
            time.sleep(self.rng.uniform(0.0, 3.0))  # both are there now
            self.keeper.stop(successor)
        self._measure(f"stage-pause {fault.target}, come back", fault.target, came_back)

    def _slow_consumer(self, fault: Fault) -> None:
        deadline = time.monotonic() + SLOW_SECONDS
        while time.monotonic() < deadline:
            pids = [pid for member in MEMBERS["classify"] for pid in self.keeper.pids(member)]
            self.keeper.signal(signal.SIGSTOP, pids)
            time.sleep(_STOPPED_SECONDS)
            self.keeper.signal(signal.SIGCONT, pids)
            time.sleep(_RUNNING_SECONDS)
        self._measure("slow-consumer", "store", time.monotonic())

    # Members that come and go

    def _rebalance(self, fault: Fault) -> None:
        groups = ("classify", "store")
        joined = time.monotonic()
        for stage in groups:
            self.keeper.release(f"{stage}-2")
        for stage in groups:
            self._wait_for_members(stage, len(MEMBERS[stage]) + 1)
        shared = time.monotonic()
        for stage in groups:
            self._seconds_until(stage, shared)
            self._found.append(Recovery(f"rebalance {stage}, member joins", self.progress.longest_stall(stage, joined)))
        for stage in groups:
            self.keeper.stop(f"{stage}-2")
            self._measure(f"rebalance {stage}, member leaves", stage, time.monotonic())

    def _wait_for_members(self, stage: str, wanted: int) -> None:
        deadline = time.monotonic() + _RECOVER_SECONDS
        while self.progress.members(stage) < wanted:
            if time.monotonic() > deadline:
                raise SoakFailedError(
                    f"{_RECOVER_SECONDS:.0f} s after one more {stage} was started, there are not {wanted} that have"
                    f" partitions; see {self.folder / 'logs'}"
                )
            time.sleep(0.1)

    # Disks

    def _full_disk(self, fault: Fault) -> None:
        assert self.disk is not None
        self.disk.fill()
        deadline = time.monotonic() + _RECOVER_SECONDS
        while self.progress.stands_still("store") < _FULL_SECONDS:
            if time.monotonic() > deadline:
                raise SoakFailedError("the disk was filled, and the store goes on")
            time.sleep(0.1)
        self.disk.make_room()
        self._measure("full-disk", "store", time.monotonic())

    # Measuring

    def _measure(self, label: str, stage: str, since: float) -> None:
        self._found.append(Recovery(label, self._seconds_until(stage, since)))

    def _measure_all(self, label: str, since: float) -> None:
        self._found.append(Recovery(label, max(self._seconds_until(stage, since) for stage in STAGES)))

    def _seconds_until(self, stage: str, since: float) -> float:
        seconds = self.progress.wait(stage, since, _RECOVER_SECONDS)
        if seconds is None:
            raise SoakFailedError(
                f"{stage} has not gone on in all its partitions {_RECOVER_SECONDS:.0f} s after the fault:"
                f" {self.progress.describe(stage, since)}; see {self.folder / 'logs'}"
            )
        return seconds
