"""Honest work that looks like an attack: it is for the reader of alerts to tell the two apart. Never labelled."""

from tocsin.sources.simulator import deeds, directory
from tocsin.sources.simulator.actors import (
    HIGH,
    INTERACTIVE,
    KERBEROS,
    NTLM,
    Process,
    Session,
)
from tocsin.sources.simulator.chance import Chance
from tocsin.sources.simulator.deeds import Endpoint
from tocsin.sources.simulator.fleet import DOMAIN, Account, Fleet, Host, Role
from tocsin.sources.simulator.programs import program
from tocsin.sources.simulator.recorder import NO_SUCH_USER, WRONG_PASSWORD, Recorder
from tocsin.sources.simulator.residents import Residents
from tocsin.sources.simulator.scripts import INVENTORY, encoded_command
from tocsin.sources.simulator.shares import ADMIN_SHARE, PIPES, WRITE
from tocsin.sources.simulator.tasks import task_xml
from tocsin.sources.simulator.text import escaped

# Times in a block of ten minutes, on average, on one host.
_INVENTORIES = 0.01
_BACKUPS_OF_A_SERVER = 0.006
_PSEXEC_ON_A_SERVER = 0.004
_NEW_TASKS = 0.003
_NEW_STAFF = 0.01  # on a domain controller
_SCANS = 0.15  # while the scanner is at work
_SCANNING_HOUR = 13

_SCANNER_ADDRESS = b"10.20.0.200"
_SCANNER_NAME = b"SCAN-0001"
_SCANNED_ACCOUNTS = ((b"svc_scan", WRONG_PASSWORD), (b"administrator", WRONG_PASSWORD), (b"scanuser", NO_SUCH_USER))
_STAFF_GROUP = (b"Sales", 1_201)
_MAINTENANCE_SCRIPT = "C:\\Program Files\\Fleetdesk\\Agent\\scripts\\nightly.cmd"

_POWERSHELL = program("powershell")
_INVENTORY_COMMAND = _POWERSHELL.command(
    f"{{image}} -NoProfile -NonInteractive -ExecutionPolicy AllSigned -EncodedCommand {encoded_command(INVENTORY)}"
)
_SECOND_US = 1_000_000


class LookAlikes:
    """Writes those of one block."""

    def __init__(self, fleet: Fleet, residents: Residents, recorder: Recorder, chance: Chance) -> None:
        self._fleet = fleet
        self._residents = residents
        self._recorder = recorder
        self._chance = chance

    def write(self, host: Host, hour: int) -> None:
        """Write those of one host; `hour` of the day, UTC."""
        for _ in range(self._chance.times(_INVENTORIES)):
            self._inventory(host)
        for _ in range(self._chance.times(_NEW_TASKS)):
            self._new_task(host)
        if hour == _SCANNING_HOUR:
            for _ in range(self._chance.times(_SCANS)):
                self._scanned(host)
        if host.role is Role.SERVER:
            for _ in range(self._chance.times(_BACKUPS_OF_A_SERVER)):
                self._backup(host)
            for _ in range(self._chance.times(_PSEXEC_ON_A_SERVER)):
                self._psexec(host)
        if host.role is Role.DOMAIN_CONTROLLER and 8 <= hour < 18:
            for _ in range(self._chance.times(_NEW_STAFF)):
                self._new_staff(host)

    def _inventory(self, host: Host) -> None:
        """The management agent takes stock through encoded PowerShell."""
        moment = self._chance.moment()
        services = self._residents.resident_of(host).services
        agent = self._started(moment, host, services, "management-agent", "{image} --inventory")
        shell = self._recorder.process_started(moment + 400_000, host, agent, _POWERSHELL, _INVENTORY_COMMAND)
        self._recorder.script_ran(moment + 1_100_000, host, shell, escaped(INVENTORY))

    def _new_task(self, host: Host) -> None:
        """The management agent has its script run at night."""
        moment = self._chance.moment()
        system = self._residents.resident_of(host).system
        name = f"\\Fleetdesk\\Nightly {int(self._chance.random() * 900) + 100}"
        content = task_xml(name, _MAINTENANCE_SCRIPT, "", "S-1-5-18")
        self._recorder.task_created(moment, host, system, escaped(name), escaped(content))

    def _scanned(self, host: Host) -> None:
        """The scanner for weak spots tries accounts that should not work."""
        moment = self._chance.moment()
        for number, (name, reason) in enumerate(_SCANNED_ACCOUNTS):
            self._recorder.logon_failed(
                moment + number * 2 * _SECOND_US,
                host,
                name,
                NTLM,
                address=_SCANNER_ADDRESS,
                workstation=_SCANNER_NAME,
                reason=reason,
            )

    def _backup(self, host: Host) -> None:
        """The backup makes room for a new shadow copy by deleting its oldest one."""
        moment = self._chance.moment()
        services = self._residents.resident_of(host).services
        agent = self._started(moment, host, services, "backup-agent", "{image} --job nightly")
        self._started(moment + 2 * _SECOND_US, host, agent, "vssadmin", "vssadmin.exe list shadows /for=D:")
        command = "vssadmin.exe delete shadows /for=D: /oldest /quiet"
        self._started(moment + 4 * _SECOND_US, host, agent, "vssadmin", command)

    def _psexec(self, host: Host) -> None:
        """An administrator looks after a server by PsExec, from a workstation."""
        moment = self._chance.moment()
        recorder, chance = self._recorder, self._chance
        admin, desk = chance.one(self._fleet.admins), chance.one(self._fleet.workstations or self._fleet.hosts)
        at_desk = self._shell_of(moment, desk, admin)
        command = f"{{image}} \\\\{host.name} -accepteula -s ipconfig /all"
        psexec = self._started(moment + 3 * _SECOND_US, desk, at_desk, "psexec", command)
        arrival = moment + 3_400_000
        deeds.connected(recorder, arrival, desk, psexec, Endpoint(host.address, 445))
        session = recorder.logged_on(arrival, host, admin, KERBEROS, address=desk.address, integrity=HIGH)
        recorder.share_file_checked(arrival, host, session, desk.address, ADMIN_SHARE, b"PSEXESVC.exe", WRITE)
        recorder.service_installed(arrival + 300_000, host, admin, b"PSEXESVC", b"%SystemRoot%\\\\PSEXESVC.exe")
        services = self._residents.resident_of(host).services
        service = self._started(arrival + 500_000, host, services, "psexesvc", "C:\\Windows\\PSEXESVC.exe")
        recorder.share_file_checked(arrival + 600_000, host, session, desk.address, PIPES, b"PSEXESVC", WRITE)
        self._started(arrival + 900_000, host, service, "ipconfig", '"ipconfig" /all')
        recorder.logged_off(arrival + 4 * _SECOND_US, host, session, KERBEROS)

    def _shell_of(self, time_us: int, desk: Host, admin: Account) -> Process:
        session = self._recorder.logged_on(time_us, desk, admin, INTERACTIVE, integrity=HIGH, terminal=2)
        winlogon = self._residents.resident_of(desk).winlogon
        userinit = self._started(
            time_us + 200_000, desk, winlogon, "userinit", "C:\\Windows\\system32\\userinit.exe", session
        )
        explorer = self._started(time_us + 400_000, desk, userinit, "explorer", "C:\\Windows\\Explorer.EXE")
        return self._started(time_us + _SECOND_US, desk, explorer, "cmd", '"C:\\Windows\\system32\\cmd.exe" ')

    def _new_staff(self, controller: Host) -> None:
        """Somebody new: an account, and the group of the department."""
        moment = self._chance.moment()
        admin = self._chance.one(self._fleet.admins)
        session = self._recorder.logged_on(
            moment, controller, admin, KERBEROS, address=self._chance.one(self._fleet.hosts).address, integrity=HIGH
        )
        number = 2_000 + int(self._chance.random() * 6_000)
        name = f"new.hire{number}"
        domain_sid = admin.sid.rpartition(b"-")[0]
        hired = Account(
            b"%b-%d" % (domain_sid, number), name.encode(), DOMAIN.encode(), escaped(f"{DOMAIN}\\{name}"), name
        )
        directory.account_created(self._recorder, moment + 9 * _SECOND_US, controller, session, hired)
        directory.global_member_added(
            self._recorder, moment + 20 * _SECOND_US, controller, session, hired, *_STAFF_GROUP
        )
        self._recorder.logged_off(moment + 40 * _SECOND_US, controller, session, KERBEROS)

    def _started(
        self, time_us: int, host: Host, parent: Process, name: str, command: str, session: Session | None = None
    ) -> Process:
        facts = program(name)
        return self._recorder.process_started(time_us, host, parent, facts, facts.command(command), session)
