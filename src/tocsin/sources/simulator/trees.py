"""Start trees of processes that leave footprints."""

from functools import lru_cache

from tocsin.sources.simulator.actors import Process, Session
from tocsin.sources.simulator.chance import Chance
from tocsin.sources.simulator.doing import footprints_of
from tocsin.sources.simulator.fleet import Fleet, Host
from tocsin.sources.simulator.habits import Start, prepared
from tocsin.sources.simulator.recorder import Recorder
from tocsin.sources.simulator.text import escaped

_LEAVING_FOOTPRINTS = 0.1  # of the processes; the others do nothing that is recorded
_MOST_FOOTPRINTS = 12


class Trees:
    """Writes down processes that start each other, and what they do."""

    def __init__(self, fleet: Fleet, recorder: Recorder, chance: Chance) -> None:
        self._fleet = fleet
        self._recorder = recorder
        self._random = recorder.random
        self._chance = chance

    def start(
        self, time_us: int, host: Host, root: Process, starts: tuple[Start, ...], user: str, session: Session | None
    ) -> None:
        """Start a tree of processes."""
        line = [root]
        directory = _home_of(user)
        for depth, facts, commands in prepared(starts, user):
            parent = line[min(depth, len(line) - 1)]
            owner = session if depth == 0 else None
            command = self._command(commands)
            process = self._recorder.process_started(time_us, host, parent, facts, command, owner, directory)
            self.leave_footprints(time_us, host, process)
            line[depth + 1 :] = [process]
            time_us += 20_000 + int(self._random() * 1_500_000)

    def leave_footprints(self, time_us: int, host: Host, process: Process) -> None:
        """Write down some of what the process does from then on; often nothing."""
        if not host.has_sysmon or self._random() >= _LEAVING_FOOTPRINTS:
            return
        footprints = footprints_of(process.program.name, process.session.account)
        for _ in range(1 + int(self._random() * _MOST_FOOTPRINTS) if footprints else 0):
            time_us += 60_000 + int(self._random() * 1_500_000)
            self._chance.one(footprints)(self._recorder, self._fleet, time_us, host, process)

    def _command(self, commands: tuple[tuple[bytes, ...], ...]) -> bytes:
        return self._chance.filled(commands[int(self._random() * len(commands))] if len(commands) > 1 else commands[0])


@lru_cache(maxsize=1 << 14)
def _home_of(user: str) -> bytes:
    """The folder that a person's programs start in; that of SYSTEM for ""."""
    return escaped(f"C:\\Users\\{user}\\" if user else "C:\\Windows\\system32\\")
