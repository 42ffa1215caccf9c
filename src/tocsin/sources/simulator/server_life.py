"""What runs on servers: scheduled jobs, visits of administrators."""

from tocsin.sources.simulator.actors import BATCH, HIGH, REMOTE_INTERACTIVE
from tocsin.sources.simulator.chance import Chance
from tocsin.sources.simulator.fleet import Account, Fleet, Host
from tocsin.sources.simulator.habits import ADMINISTRATION
from tocsin.sources.simulator.programs import program
from tocsin.sources.simulator.recorder import Recorder
from tocsin.sources.simulator.residents import Residents
from tocsin.sources.simulator.scripts import JOBS
from tocsin.sources.simulator.text import escaped
from tocsin.sources.simulator.trees import Trees

# Times in a block of ten minutes, on average.
_JOBS = 0.5
_VISITS_OF_AN_ADMINISTRATOR = 0.04

_SECOND_US = 1_000_000
_POWERSHELL = program("powershell")


class ServerLife:
    """Writes one block of it."""

    def __init__(self, fleet: Fleet, residents: Residents, recorder: Recorder, chance: Chance, trees: Trees) -> None:
        self._fleet = fleet
        self._residents = residents
        self._recorder = recorder
        self._chance = chance
        self._trees = trees
        self._random = recorder.random

    def write(self, host: Host, *, is_day: bool) -> None:
        """Write that of one server."""
        for _ in range(self._chance.times(_JOBS)):
            self._job(host)
        if is_day:
            for _ in range(self._chance.times(_VISITS_OF_AN_ADMINISTRATOR)):
                self._administration(host)

    def _job(self, host: Host) -> None:
        """A scheduled task runs as a service account: logon, a script or a copy, logoff."""
        recorder, moment = self._recorder, self._chance.moment()
        account = self._chance.one(self._fleet.services)
        session = recorder.logged_on(moment, host, account, BATCH, integrity=HIGH)
        scheduler = self._residents.resident_of(host).scheduler
        if self._random() < 0.5:
            script, path = self._chance.one(JOBS)
            command = _POWERSHELL.command("{image} -NoProfile -File ") + path
            shell = recorder.process_started(moment + 300_000, host, scheduler, _POWERSHELL, command, session)
            recorder.script_ran(moment + 1_200_000, host, shell, self._chance.filled(script), path)
        else:
            copy = (
                b"robocopy  D:\\\\Data \\\\\\\\SRV-0001\\\\backup$\\\\%b /MIR /R:2 /W:5 /LOG+:D:\\\\Logs\\\\copy.log"
                % host.short_name
            )
            recorder.process_started(moment + 300_000, host, scheduler, program("robocopy"), copy, session)
        recorder.logged_off(moment + int((5 + self._random() * 60) * _SECOND_US), host, session, BATCH)

    def _administration(self, host: Host) -> None:
        """An administrator comes by remote desktop from a workstation, looks around, leaves."""
        recorder, moment = self._recorder, self._chance.moment()
        account: Account = self._chance.one(self._fleet.admins)
        desk = self._chance.one(self._fleet.hosts)
        way = REMOTE_INTERACTIVE
        session = recorder.logged_on(moment, host, account, way, address=desk.address, integrity=HIGH, terminal=2)
        resident = self._residents.resident_of(host)
        userinit = recorder.process_started(
            moment + 500_000,
            host,
            resident.winlogon,
            program("userinit"),
            escaped("C:\\Windows\\system32\\userinit.exe"),
            session,
        )
        explorer = recorder.process_started(
            moment + 900_000, host, userinit, program("explorer"), escaped("C:\\Windows\\Explorer.EXE")
        )
        self._trees.start(
            moment + 4 * _SECOND_US, host, explorer, self._chance.one(ADMINISTRATION), account.folder, None
        )
        recorder.logged_off(moment + int((30 + self._random() * 50) * _SECOND_US), host, session, way)
