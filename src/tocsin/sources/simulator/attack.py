"""What the scenarios of attacks share: who and where, the steps, the writing of labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tocsin.event import Record
from tocsin.sources.simulator import deeds
from tocsin.sources.simulator.actors import INTERACTIVE, Process, Session
from tocsin.sources.simulator.deeds import Endpoint
from tocsin.sources.simulator.draft import Step
from tocsin.sources.simulator.fleet import Fleet, Host
from tocsin.sources.simulator.programs import program
from tocsin.sources.simulator.recorder import Recorder
from tocsin.sources.simulator.residents import DAY_US, Residents
from tocsin.sources.simulator.text import escaped, number_of, second_of


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a scenario, as ATT&CK v19 names it."""

    title: str
    tactic: str
    technique: str
    detectable: str = "event"  # or "correlation": no single event shows it


@dataclass(frozen=True)
class Playing:
    """Where one instance of a scenario is played. Times are seconds of the scenario after its start."""

    fleet: Fleet
    residents: Residents
    recorder: Recorder
    scenario: str
    run: str  # name of the instance
    number: int  # of the instance, from 1
    start_us: int
    pace: float  # 1 for the scenario's own pauses, less where a large fleet makes many events meanwhile

    def at(self, seconds: float) -> int:
        """Return that time in microseconds since 1970."""
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

    def pick(self, hosts: Sequence[Host], what: str) -> Host:
        """Choose a host, one that records processes in both logs where there is one; which these are, the seed says."""
        observed = [host for host in hosts if host.has_sysmon and host.has_process_audit] or list(hosts)
        return observed[number_of(what, self.run) % len(observed)]

    def start(
        self,
        seconds: float,
        host: Host,
        parent: Process,
        name: str,
        command: str,
        session: Session | None = None,
    ) -> Process:
        """A program is started; {image} in its command line is its quoted path. Runs in its user's folder."""
        owner = session or parent.session
        facts = program(name, owner.account.folder)
        folder = f"C:\\Users\\{owner.account.folder}\\" if owner.account.folder else "C:\\Windows\\system32\\"
        return self.recorder.process_started(
            self.at(seconds), host, parent, facts, facts.command(command), session, escaped(folder)
        )

    def script(self, seconds: float, host: Host, shell: Process, text: str, *, is_suspicious: bool = False) -> None:
        """PowerShell runs a block of script."""
        self.recorder.script_ran(self.at(seconds), host, shell, escaped(text), is_suspicious=is_suspicious)

    def connect(self, seconds: float, host: Host, process: Process, address: str, port: int) -> None:
        deeds.connected(self.recorder, self.at(seconds), host, process, Endpoint(address.encode(), port))

    def look_up(self, seconds: float, host: Host, process: Process, name: str, address: str) -> None:
        deeds.looked_up(self.recorder, self.at(seconds), host, process, name.encode(), address.encode())

    def create_file(self, seconds: float, host: Host, process: Process, path: str) -> None:
        deeds.file_created(self.recorder, self.at(seconds), host, process, escaped(path))

    def set_value(self, seconds: float, host: Host, process: Process, value_path: str, details: str) -> None:
        """A registry value is set; HKCU stands for the hive of the process's user."""
        hive = f"HKU\\{process.session.account.sid.decode()}"
        path = value_path.replace("HKCU", hive, 1)
        deeds.value_set(self.recorder, self.at(seconds), host, process, escaped(path), escaped(details))

    def desktop_of(self, host: Host, until: float) -> Process:
        """The explorer of whoever works there until that time; one of a logon made for it where nobody does."""
        shift = self.residents.shift_of(host, self.start_us // DAY_US)
        if shift is not None and shift.arrival_us + 30_000_000 < self.start_us and self.at(until) < shift.departure_us:
            return shift.explorer
        session = self.recorder.logged_on(self.at(-30), host, host.owner, INTERACTIVE, terminal=1)
        return self.desktop(-28, host, session)

    def desktop(self, seconds: float, host: Host, session: Session) -> Process:
        """The explorer of a session that has just begun."""
        winlogon = self.residents.resident_of(host).winlogon
        userinit = self.start(seconds, host, winlogon, "userinit", "C:\\Windows\\system32\\userinit.exe", session)
        return self.start(seconds + 1, host, userinit, "explorer", "C:\\Windows\\Explorer.EXE")


def label_of(step: Step, origin: bytes, event_id: bytes, time_us: int, host: bytes, ingest_us: int) -> Record:
    """Make the label of one event of an attack, for the topic of labels; never part of the event.

    `origin`: of the simulation, for another one plays the same scenarios.
    """
    second, micros = divmod(time_us, 1_000_000)
    label = {
        "event_id": event_id.hex(),
        "time": f"{second_of(second).decode()}{micros:06d}Z",
        "host": host.decode(),
        "scenario": step.scenario,
        "run": f"{step.run}@{origin.hex()[:8]}",
        "step": step.step,
        "title": step.title,
        "tactic": step.tactic,
        "technique": step.technique,
        "detectable": step.detectable,
    }
    return Record(msgspec.json.encode(label), host, timestamp_us=ingest_us)
