"""Run the soak, or go on with one that was interrupted: `python -m tests.soak`."""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from tests.kafka.broker import Cluster
from tests.soak.failure import SoakFailedError
from tests.soak.faults import Pauses
from tests.soak.leftovers import Leftovers, clear
from tests.soak.plan import KINDS, Fault, estimate, plan, share
from tests.soak.report import as_markdown, report_of, write_report
from tests.soak.round import Round, Terms
from tests.soak.state import State

_EXAMPLES = """\
examples:
  python -m tests.soak                                all of it; again after an interruption: the rest of it
  python -m tests.soak --fresh                        from the beginning
  python -m tests.soak --seconds 600 --fresh          ten minutes with a share of each kind
  python -m tests.soak --kinds kill,failpoint         these kinds alone
  python -m tests.soak --kinds rebalance --rebalance 20
  python -m tests.soak --nodes 3 --kinds broker-kill  three brokers, which die in turn

Ctrl-C finishes the fault in hand, lets the ledger judge, and keeps what was done. A second one ends at once: the
faults since the last verdict will be done again. Exit code 0: all done, nothing lost, nothing doubled; 1: something
failed, and the folder of that round is kept; 3: interrupted, to be gone on with.
"""
_INTERRUPTED = 3
_LATE = 1.25  # a bounded run that takes longer than was estimated, by so much, leaves out the rest


class Stop:
    """Set by the first Ctrl-C or SIGTERM; the second one interrupts."""

    def __init__(self) -> None:
        self.is_set = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.is_set:
            raise KeyboardInterrupt
        self.is_set = True
        say("stopping: this fault is finished, then the ledger judges; once more ends at once")


def say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--kinds", default=",".join(KINDS), help="kinds of faults, with commas between (default: all)")
    parser.add_argument("--seconds", type=float, help="a bounded run: about so long, with a share of each kind")
    parser.add_argument("--fresh", action="store_true", help="begin anew, whatever was done before")
    parser.add_argument("--results", type=Path, default=Path("soak-results"), help="folder (default: %(default)s)")
    parser.add_argument("--round", type=float, default=300.0, help="seconds of faults before a verdict (%(default)s)")
    parser.add_argument("--nodes", type=int, default=1, help="brokers (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=400, help="records a second (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of order and records (default: %(default)s)")
    parser.add_argument("--broker-pause-seconds", type=float, default=30.0, help="default: %(default)s")
    parser.add_argument("--stage-pause-seconds", type=float, default=70.0, help="default: %(default)s")
    for name, kind in KINDS.items():
        parser.add_argument(f"--{name}", type=int, default=kind.count, metavar="N", help=f"{kind.help} (%(default)s)")
    parsed = parser.parse_args(arguments)
    parsed.kinds = parsed.kinds.split(",")
    unknown = [name for name in parsed.kinds if name not in KINDS]
    if unknown:
        parser.error(f"unknown kind: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    return parsed


def main(arguments: Sequence[str]) -> int:
    parsed = parse(arguments)
    counts = {name: getattr(parsed, name.replace("-", "_")) for name in parsed.kinds}
    if parsed.seconds:
        counts = share(counts, parsed.seconds)
    faults = plan(counts, parsed.seed)
    terms = {
        "counts": counts, "seconds": parsed.seconds, "seed": parsed.seed, "nodes": parsed.nodes, "rate": parsed.rate,
        "broker_pause_seconds": parsed.broker_pause_seconds, "stage_pause_seconds": parsed.stage_pause_seconds,
    }  # fmt: skip
    results: Path = parsed.results
    results.mkdir(parents=True, exist_ok=True)
    state_file, processes = results / "state.json", results / "processes.json"
    clear(processes, results)
    state = None if parsed.fresh else State.read(state_file)
    if state and state.terms != terms:
        print(f"{state_file} is of a soak with other options: give the same, or --fresh", file=sys.stderr)
        return 2
    state = state or State(terms)
    state.failures = []
    Leftovers(processes).start()
    left = [fault for fault in faults if fault.id not in state.done]
    say(f"{len(left)} of {len(faults)} faults to do, about {estimate(left) / 60:.0f} minutes; results in {results}/")
    try:
        code = _run(parsed, state, left, state_file)
    except KeyboardInterrupt:
        say("ended at once; the faults since the last verdict will be done again")
        code = _INTERRUPTED
    report = report_of(state, faults)
    write_report(report, results)
    state.write(state_file)
    print(f"\n{as_markdown(report)}")
    if code == _INTERRUPTED:
        say("interrupted; the same command goes on")
    return code


def _run(parsed: Any, state: State, left: list[Fault], state_file: Path) -> int:
    stop = Stop()
    terms = Terms(parsed.seed, parsed.rate, Pauses(parsed.broker_pause_seconds, parsed.stage_pause_seconds))
    deadline = time.monotonic() + _LATE * parsed.seconds - state.seconds if parsed.seconds else float("inf")
    folder = parsed.results / "kafka"
    shutil.rmtree(folder, ignore_errors=True)
    with Cluster(folder.resolve(), nodes=parsed.nodes) as cluster:
        while left and not stop.is_set and time.monotonic() < deadline:
            number = len(state.rounds) + 1
            one = Round(number, (parsed.results / f"round-{number}").resolve(), cluster, terms, say)
            chosen = _round_of(left)
            ends = min(deadline, time.monotonic() + parsed.round)
            try:
                verdict = one.run(chosen, lambda ends=ends: stop.is_set or time.monotonic() > ends)  # type: ignore[misc]
            except SoakFailedError as failure:
                return _failed(state, f"round {number}: {failure}")
            if not verdict.is_good:
                faults = ", ".join(fault.id for fault, _ in one.done)
                state.rounds.append(verdict)
                return _failed(state, f"round {number} ({faults}): {'; '.join(verdict.problems)}; see {one.folder}")
            say(f"round {number}: {verdict.records:,} records, each once; {verdict.dead_letters:,} are dead letters")
            state.add_round(one.done, verdict, one.seconds)
            state.write(state_file)
            one.clean()
            left = [fault for fault in left if fault.id not in state.done]
    return _INTERRUPTED if stop.is_set and left else 0


def _round_of(left: list[Fault]) -> list[Fault]:
    """Return the faults that go together with the first one."""
    return [fault for fault in left if KINDS[fault.kind].in_own_round == KINDS[left[0].kind].in_own_round]


def _failed(state: State, failure: str) -> int:
    say(f"FAILED: {failure}")
    state.failures.append(failure)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
