"""What the scenarios of attacks share: who and where, the steps, the writing of labels."""

from dataclasses import dataclass

import msgspec

from tocsin.event import Record
from tocsin.sources.simulator.fleet import Fleet
from tocsin.sources.simulator.recorder import Recorder, Step
from tocsin.sources.simulator.residents import Residents
from tocsin.sources.simulator.text import second_of


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a scenario, as ATT&CK v19 names it."""

    title: str
    tactic: str
    technique: str
    detectable: str = "event"  # or "correlation": no single event shows it


@dataclass(frozen=True)
class Stage:
    """Where one instance of a scenario is played."""

    fleet: Fleet
    residents: Residents
    recorder: Recorder
    scenario: str
    run: str  # name of the instance
    number: int  # of the instance, from 1
    start_us: int
    pace: float  # 1 for the scenario's own pauses, less where a large fleet makes many events meanwhile

    def at(self, seconds: float) -> int:
        """Return the time so many seconds of the scenario after its start."""
        return self.start_us + int(seconds * self.pace * 1_000_000)

    def begin(self, moves: tuple[Move, ...], step: int) -> None:
        """What the recorder writes from here on is this step (from 1)."""
        move = moves[step - 1]
        self.recorder.step = Step(
            self.scenario, self.run, step, move.title, move.tactic, move.technique, move.detectable
        )

    def pause(self) -> None:
        """What the recorder writes from here on belongs to the attack's surroundings and gets no label."""
        self.recorder.step = None


def label_of(step: Step, event_id: bytes, time_us: int, host: bytes, ingest_us: int) -> Record:
    """Make the label of one event of an attack, for the topic of labels; never part of the event."""
    second, micros = divmod(time_us, 1_000_000)
    label = {
        "event_id": event_id.hex(),
        "time": f"{second_of(second).decode()}{micros:06d}Z",
        "host": host.decode(),
        "scenario": step.scenario,
        "run": step.run,
        "step": step.step,
        "title": step.title,
        "tactic": step.tactic,
        "technique": step.technique,
        "detectable": step.detectable,
    }
    return Record(msgspec.json.encode(label), host, timestamp_us=ingest_us)
