"""One round: fresh topics, files and data; faults while records flow; drain; the ledger's verdict."""

import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.kafka.broker import Cluster
from tests.soak.disk import Disk, FileSizeLimit, SmallDisk, may_mount
from tests.soak.failure import SoakFailedError
from tests.soak.faults import MEMBERS, Faults, Pauses, Recovery
from tests.soak.judge import Verdict, drain, judge
from tests.soak.plan import KINDS, STAGES, Fault
from tests.soak.progress import Progress
from tests.soak.records import Feeder
from tests.soak.stages import Keeper

_START_SECONDS = 90.0
_NAME = "soak"  # under which a second `produce` goes on where the first was left


@dataclass(frozen=True)
class Terms:
    """What is the same in all rounds."""

    seed: int
    per_second: int
    pauses: Pauses


@dataclass
class Round:
    """Has done what `done` says, so far."""

    number: int
    folder: Path
    cluster: Cluster
    terms: Terms
    say: Callable[[str], None]
    done: list[tuple[Fault, list[Recovery]]] = field(default_factory=list)
    seconds: float = 0.0

    def run(self, faults: Sequence[Fault], is_over: Callable[[], bool]) -> Verdict:
        """Do these faults, or those before `is_over`; return what the ledger says. Raises SoakFailedError."""
        started = time.monotonic()
        self.cluster.empty()
        shutil.rmtree(self.folder, ignore_errors=True)
        feeder = Feeder(self.folder / "logs-in", self.terms.seed * 10_000 + self.number, self.terms.per_second)
        needs_disk = any(KINDS[fault.kind].in_own_round for fault in faults)
        keeper = Keeper(self.folder)
        data = self.folder / "data"
        with self._disk(data, keeper, needs_disk) as disk:
            try:
                self._start(keeper, feeder)
                self._do(faults, keeper, disk, feeder, is_over)
                feeder.stop()
                self.say(f"round {self.number}: {feeder.records:,} records fed; waiting until all are stored")
                drain(feeder, data)
                keeper.stop_all()
                keeper.check()
            except SoakFailedError as failure:
                self.say(f"FAILED: {failure}\n{keeper.last_words()}")
                raise
            finally:
                if feeder.is_alive():
                    feeder.stop()
                keeper.kill_all()
            verdict = judge(feeder, data)
        self.seconds = time.monotonic() - started
        return verdict

    def clean(self) -> None:
        """Remove what a good round has left."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, keeper: Keeper, feeder: Feeder) -> None:
        place = ("--bus", self.cluster.url, "--data", "data")
        following = ("produce", "--input", feeder.folder, "--follow", "--bus", self.cluster.url, "--name", _NAME)
        keeper.add("produce", *following, "--data", "data")
        for stage in ("classify", "store"):
            for member in (*MEMBERS[stage], f"{stage}-2"):
                keeper.add(member, stage, *place)
            keeper.hold(f"{stage}-2")
        keeper.add("produce-2", *following, "--data", "data-of-produce-2")
        keeper.hold("produce-2")
        feeder.start()
        keeper.start()

    def _do(
        self, faults: Sequence[Fault], keeper: Keeper, disk: Disk | None, feeder: Feeder, is_over: Callable[[], bool]
    ) -> None:
        progress = Progress(self.cluster.servers)
        progress.start()

        def successor() -> str:
            keeper.release("produce-2")
            return "produce-2"

        rng = random.Random(f"{self.terms.seed}/{self.number}")
        actions = Faults(self.cluster, keeper, progress, disk, self.folder, successor, self.terms.pauses, rng)
        try:
            self._wait_until_flowing(progress, keeper)
            actions.settle()
            for fault in faults:
                if is_over():
                    return
                recoveries = actions.do(fault)
                self.done.append((fault, recoveries))
                times = ", ".join(f"{each.label} {each.seconds:.1f} s" for each in recoveries)
                self.say(f"round {self.number}: {fault.id}: {times}")
        finally:
            progress.stop()

    def _wait_until_flowing(self, progress: Progress, keeper: Keeper) -> None:
        """Wait until every stage has committed in every partition."""
        wanted = {"produce": 1, "classify": 4, "store": 5}
        deadline = time.monotonic() + _START_SECONDS
        while any(len(progress.places(stage)) < wanted[stage] for stage in STAGES):
            keeper.check()
            if time.monotonic() > deadline:
                there = {stage: sorted(progress.places(stage)) for stage in STAGES}
                raise SoakFailedError(f"after {_START_SECONDS:.0f} s records do not flow: {there}; see {keeper.folder}")
            time.sleep(0.1)

    @contextmanager
    def _disk(self, data: Path, keeper: Keeper, is_needed: bool) -> Iterator[Disk | None]:
        if not is_needed:
            yield None
            return
        members = MEMBERS["store"]
        disk: Disk = (
            SmallDisk(data)
            if may_mount()
            else FileSizeLimit(lambda: [pid for member in members for pid in keeper.pids(member)])
        )
        self.say(f"round {self.number}: on {disk.how}")
        try:
            yield disk
        finally:
            disk.close()
