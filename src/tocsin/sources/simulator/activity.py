"""Ordinary life on one host for one block of time: people work, services run, hosts log on to each other."""

from functools import lru_cache
from typing import TypeVar

from tocsin.sources.simulator.fleet import Account, Fleet, Host, Role
from tocsin.sources.simulator.habits import (
    ADMINISTRATION,
    AT_LOGON,
    DEVELOPER,
    HOUSEKEEPING,
    PERSON,
    Start,
    by_weight,
    prepared,
)
from tocsin.sources.simulator.programs import program
from tocsin.sources.simulator.recorder import (
    BATCH,
    HIGH,
    INTERACTIVE,
    KERBEROS,
    MEDIUM,
    NO_SUCH_USER,
    NTLM,
    REMOTE_INTERACTIVE,
    SERVICE,
    SYSTEM_INTEGRITY,
    UNLOCK,
    WRONG_PASSWORD,
    Process,
    Recorder,
    Session,
)
from tocsin.sources.simulator.residents import BLOCK_US, DAY_US, HOUR_US, Residents, Shift
from tocsin.sources.simulator.scripts import INVENTORY, JOBS, TYPED, encoded_command
from tocsin.sources.simulator.text import escaped

# Times in a block of ten minutes, on average.
_ACTIONS_OF_A_PERSON = 9.3
_HOUSEKEEPING = 1.4
_NETWORK_LOGONS = {Role.WORKSTATION: 0.05, Role.SERVER: 5.0, Role.DOMAIN_CONTROLLER: 14.0}
_SERVICE_LOGONS = 0.5
_JOBS_OF_A_SERVER = 0.5
_MANAGEMENT_RUNS = 0.01
_UPDATES = 0.002
_VISITS_OF_AN_ADMINISTRATOR = 0.04

_SECOND_US = 1_000_000
_MARGIN_US = 90 * _SECOND_US  # whatever begins in a block is over by its end

_PERSON = by_weight(PERSON)
_DEVELOPER = by_weight(DEVELOPER)
_HOUSEKEEPING_HABITS = by_weight(HOUSEKEEPING)

_POWERSHELL = program("powershell")
_POWERSHELL_IMAGE = b'\\"' + _POWERSHELL.image + b'\\"'
_INVENTORY_COMMAND = b"%b -NoProfile -NonInteractive -ExecutionPolicy AllSigned -EncodedCommand %b" % (
    _POWERSHELL_IMAGE,
    encoded_command(INVENTORY).encode(),
)
_INVENTORY = escaped(INVENTORY)
_UPDATED_SERVICES = (
    ("Google Chrome Elevation Service", "C:\\Program Files\\Google\\Chrome\\Application\\{n}\\elevation_service.exe"),
    ("Microsoft Update Health Service", "C:\\Program Files\\Microsoft Update Health Tools\\uhssvc.exe"),
    ("MpKslDrv{n}", "C:\\ProgramData\\Microsoft\\Windows Defender\\Definition Updates\\{n}\\MpKslDrv.sys"),
    ("Northgate Backup Agent", '"C:\\Program Files\\Northgate Backup\\ngbackup.exe" --service'),
)

_Choice = TypeVar("_Choice")


class Activity:
    """Writes one block of ordinary life to a recorder."""

    def __init__(self, fleet: Fleet, residents: Residents, recorder: Recorder, block_start_us: int) -> None:
        self._fleet = fleet
        self._residents = residents
        self._recorder = recorder
        self._random = recorder.random
        self._start_us = block_start_us
        self._day = block_start_us // DAY_US
        hour = block_start_us % DAY_US // HOUR_US
        self._load = 1.0 if self._day % 7 not in (2, 3) and 8 <= hour < 18 else 0.35
        self._is_lunch = hour == 12

    def write(self, host: Host) -> None:
        """Write the block of one host."""
        for _ in range(self._times(_HOUSEKEEPING)):
            self._housekeeping(host)
        for _ in range(self._times(_SERVICE_LOGONS)):
            self._service_logon(host)
        for _ in range(self._times(_NETWORK_LOGONS[host.role] * self._load)):
            self._network_logon(host)
        for _ in range(self._times(_MANAGEMENT_RUNS)):
            self._managed(host)
        for _ in range(self._times(_UPDATES)):
            self._updated(host)
        if host.role is Role.WORKSTATION:
            self._working_day(host)
        else:
            self._server(host)

    def _times(self, rate: float) -> int:
        return int(rate * (0.6 + 0.8 * self._random()) + self._random())

    def _moment(self) -> int:
        return self._start_us + 5 * _SECOND_US + int(self._random() * (BLOCK_US - _MARGIN_US))

    def _one(self, choices: tuple[_Choice, ...]) -> _Choice:
        return choices[int(self._random() * len(choices))]

    def _command(self, commands: tuple[tuple[bytes, ...], ...]) -> bytes:
        parts = commands[int(self._random() * len(commands))] if len(commands) > 1 else commands[0]
        return (b"%d" % int(self._random() * 10_000)).join(parts) if len(parts) > 1 else parts[0]

    def _tree(
        self, time_us: int, host: Host, root: Process, starts: tuple[Start, ...], user: str, session: Session | None
    ) -> Process:
        """Start a tree of processes; returns the last one of depth 0."""
        line = [root]
        directory = _home_of(user)
        for depth, facts, commands in prepared(starts, user):
            parent = line[min(depth, len(line) - 1)]
            owner = session if depth == 0 else None
            command = self._command(commands)
            process = self._recorder.process_started(time_us, host, parent, facts, command, owner, directory)
            line[depth + 1 :] = [process]
            time_us += 20_000 + int(self._random() * 1_500_000)
        return line[1]

    def _housekeeping(self, host: Host) -> None:
        habit = self._one(_HOUSEKEEPING_HABITS)
        resident = self._residents.resident_of(host)
        roots = {"services": resident.services, "scheduler": resident.scheduler, "launcher": resident.launcher}
        self._tree(self._moment(), host, roots[habit.root], habit.starts, "", None)

    def _service_logon(self, host: Host) -> None:
        """Services that start log SYSTEM on once more: same logon id, no end."""
        self._recorder.logged_on(
            self._moment(), host, _system(host), SERVICE, integrity=SYSTEM_INTEGRITY, logon_id=0x3E7
        )

    def _network_logon(self, host: Host) -> None:
        visitor = self._one(self._fleet.hosts)
        is_person = self._random() < 0.45
        account = visitor.owner if is_person else visitor.network
        way = NTLM if is_person and self._random() < 0.1 else KERBEROS
        workstation = visitor.short_name if way is NTLM else b"-"
        moment = self._moment()
        if self._random() < 0.012:
            reason = NO_SUCH_USER if self._random() < 0.2 else WRONG_PASSWORD
            name = escaped("svc_scan") if reason is NO_SUCH_USER else account.name
            self._recorder.logon_failed(
                moment, host, name, NTLM, address=visitor.address, workstation=visitor.short_name, reason=reason
            )
            return
        integrity = HIGH if account is visitor.network and visitor.role is not Role.WORKSTATION else MEDIUM
        session = self._recorder.logged_on(
            moment, host, account, way, address=visitor.address, workstation=workstation, integrity=integrity
        )
        self._recorder.logged_off(moment + int((0.1 + self._random() * 60) * _SECOND_US), host, session, way)

    def _managed(self, host: Host) -> None:
        """The management agent takes stock through encoded PowerShell: honest, and alike what attackers do."""
        moment = self._moment()
        services = self._residents.resident_of(host).services
        agent = self._recorder.process_started(
            moment,
            host,
            services,
            program("management-agent"),
            b'\\"%b\\" --inventory' % program("management-agent").image,
        )
        shell = self._recorder.process_started(moment + 400_000, host, agent, _POWERSHELL, _INVENTORY_COMMAND)
        self._recorder.script_ran(moment + 1_100_000, host, shell, _INVENTORY)

    def _updated(self, host: Host) -> None:
        name, path = self._one(_UPDATED_SERVICES)
        number = str(int(self._random() * 10_000))
        self._recorder.service_installed(
            self._moment(),
            host,
            host.account,
            escaped(name.replace("{n}", number)),
            escaped(path.replace("{n}", number)),
            start=b"auto start" if "Northgate" in name else b"demand start",
            type_=b"kernel mode driver" if path.endswith(".sys") else b"user mode service",
        )

    def _working_day(self, host: Host) -> None:
        shift = self._residents.shift_of(host, self._day)
        end_us = self._start_us + BLOCK_US
        if shift is None or shift.arrival_us >= end_us or shift.departure_us < self._start_us:
            return
        if shift.arrival_us >= self._start_us:
            self._arrival(host, shift)
            return
        if shift.departure_us < end_us:
            self._recorder.logged_off(shift.departure_us, host, shift.session, INTERACTIVE)
            return
        for _ in range(self._times(_ACTIONS_OF_A_PERSON * (0.5 if self._is_lunch else 1.0))):
            self._action(host, shift)

    def _arrival(self, host: Host, shift: Shift) -> None:
        recorder, session, moment = self._recorder, shift.session, shift.arrival_us
        if self._random() < 0.15:
            recorder.logon_failed(moment - 4 * _SECOND_US, host, host.owner.name, INTERACTIVE)
        recorder.logged_on(moment, host, host.owner, INTERACTIVE, terminal=1, logon_id=session.logon_id)
        winlogon = self._residents.resident_of(host).winlogon
        recorder.known_process_started(moment + 1_500_000, host, winlogon, shift.userinit)
        recorder.known_process_started(moment + 1_900_000, host, shift.userinit, shift.explorer)
        self._tree(moment + 6 * _SECOND_US, host, shift.explorer, AT_LOGON, host.owner.folder, None)

    def _action(self, host: Host, shift: Shift) -> None:
        chance = self._random()
        if chance < 0.03:
            self._unlock(host)
        elif chance < 0.06 and host.is_developer:
            self._typed_commands(host, shift)
        else:
            self._habit(host, shift)

    def _habit(self, host: Host, shift: Shift) -> None:
        habit = self._one(_DEVELOPER if host.is_developer else _PERSON)
        root, session = shift.explorer, None
        if habit.root == "broker":
            root, session = self._residents.resident_of(host).launcher, shift.session
        self._tree(self._moment(), host, root, habit.starts, host.owner.folder, session)

    def _unlock(self, host: Host) -> None:
        moment = self._moment()
        if self._random() < 0.2:
            self._recorder.logon_failed(moment - 3 * _SECOND_US, host, host.owner.name, UNLOCK)
            moment += 500_000
        session = self._recorder.logged_on(moment, host, host.owner, UNLOCK, terminal=1)
        self._recorder.logged_off(moment + 120_000, host, session, UNLOCK)

    def _typed_commands(self, host: Host, shift: Shift) -> None:
        moment = self._moment()
        shell = self._recorder.process_started(
            moment, host, shift.explorer, _POWERSHELL, _POWERSHELL_IMAGE + b" ", None, b"C:\\\\src\\\\orders\\\\"
        )
        for number in range(1 + int(self._random() * 4)):
            self._recorder.script_ran(moment + (2 + 9 * number) * _SECOND_US, host, shell, self._one(TYPED))

    def _server(self, host: Host) -> None:
        for _ in range(self._times(_JOBS_OF_A_SERVER)):
            self._job(host)
        if self._load == 1.0:
            for _ in range(self._times(_VISITS_OF_AN_ADMINISTRATOR)):
                self._administration(host)

    def _job(self, host: Host) -> None:
        """A scheduled task runs as a service account: logon, a script or a copy, logoff."""
        recorder, moment = self._recorder, self._moment()
        account = self._one(self._fleet.services)
        session = recorder.logged_on(moment, host, account, BATCH, integrity=HIGH)
        scheduler = self._residents.resident_of(host).scheduler
        if self._random() < 0.5:
            script, path = self._one(JOBS)
            command = b"%b -NoProfile -File %b" % (_POWERSHELL_IMAGE, path)
            shell = recorder.process_started(moment + 300_000, host, scheduler, _POWERSHELL, command, session)
            recorder.script_ran(moment + 1_200_000, host, shell, script, path)
        else:
            copy = (
                b"robocopy  D:\\\\Data \\\\\\\\SRV-0001\\\\backup$\\\\%b /MIR /R:2 /W:5 /LOG+:D:\\\\Logs\\\\copy.log"
                % host.short_name
            )
            recorder.process_started(moment + 300_000, host, scheduler, program("robocopy"), copy, session)
        recorder.logged_off(moment + int((5 + self._random() * 60) * _SECOND_US), host, session, BATCH)

    def _administration(self, host: Host) -> None:
        """An administrator comes by remote desktop from a workstation, looks around, leaves."""
        recorder, moment = self._recorder, self._moment()
        account: Account = self._one(self._fleet.admins)
        desk = self._one(self._fleet.hosts)
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
        self._tree(moment + 4 * _SECOND_US, host, explorer, self._one(ADMINISTRATION), account.folder, None)
        recorder.logged_off(moment + int((30 + self._random() * 50) * _SECOND_US), host, session, way)


@lru_cache(maxsize=1 << 14)
def _home_of(user: str) -> bytes:
    """The folder that a person's programs start in; that of SYSTEM for ""."""
    return escaped(f"C:\\Users\\{user}\\" if user else "C:\\Windows\\system32\\")


def _system(host: Host) -> Account:
    return Account(b"S-1-5-18", b"SYSTEM", b"NT AUTHORITY", host.account.user, "")
