"""Write down what happens on a host as the events that its logs would hold of it."""

from collections.abc import Callable
from typing import Any

from tocsin.sources.simulator import other_kinds, security_kinds, sysmon_kinds
from tocsin.sources.simulator.actors import (
    KERBEROS,
    MEDIUM,
    NO_GUID,
    Integrity,
    LogonWay,
    Process,
    Resident,
    Session,
    guid_of,
    logon_guid_of,
)
from tocsin.sources.simulator.draft import Draft, Step
from tocsin.sources.simulator.fleet import Account, Host
from tocsin.sources.simulator.kinds import kind_number
from tocsin.sources.simulator.programs import Program
from tocsin.sources.simulator.shares import Access, Share
from tocsin.sources.simulator.text import utc_of

_LOGON = kind_number(security_kinds.LOGON)
_LOGON_FAILURE = kind_number(security_kinds.LOGON_FAILURE)
_LOGOFF = kind_number(security_kinds.LOGOFF)
_PRIVILEGES = kind_number(security_kinds.PRIVILEGES)
_PROCESS_AUDIT = kind_number(security_kinds.PROCESS_AUDIT)
_LOG_CLEARED = kind_number(security_kinds.LOG_CLEARED)
_TASK_CREATED = kind_number(security_kinds.TASK_CREATED)
_SHARE_FILE_CHECKED = kind_number(security_kinds.SHARE_FILE_CHECKED)
_PROCESS = kind_number(sysmon_kinds.PROCESS)
_SCRIPT = kind_number(other_kinds.SCRIPT)
_SUSPICIOUS_SCRIPT = kind_number(other_kinds.SUSPICIOUS_SCRIPT)
_SERVICE_INSTALLED = kind_number(other_kinds.SERVICE_INSTALLED)

WRONG_PASSWORD = (0xC000006D, b"%%2313", 0xC000006A)
NO_SUCH_USER = (0xC000006D, b"%%2313", 0xC0000064)

_ADMIN_PRIVILEGES = (
    b"SeSecurityPrivilege\\r\\n\\t\\t\\tSeTakeOwnershipPrivilege\\r\\n\\t\\t\\tSeLoadDriverPrivilege\\r\\n\\t\\t\\t"
    b"SeBackupPrivilege\\r\\n\\t\\t\\tSeRestorePrivilege\\r\\n\\t\\t\\tSeDebugPrivilege\\r\\n\\t\\t\\t"
    b"SeSystemEnvironmentPrivilege\\r\\n\\t\\t\\tSeImpersonatePrivilege\\r\\n\\t\\t\\t"
    b"SeDelegateSessionUserImpersonatePrivilege"
)
_SYSTEM_FOLDER = b"C:\\\\Windows\\\\system32\\\\"
_NOBODY = (b"S-1-0-0", b"-", b"-", 0)
_NO_TARGET = (b"-", b"-", 0)
_FIRST_CLIENT_PORT = 49_152
_CLIENT_PORTS = 16_000


class Recorder:
    """Collects drafts. What it needs by chance comes from `random()` (from 0 to 1) alone, in the order of the calls."""

    def __init__(self, resident_of: Callable[[Host], Resident], random: Callable[[], float]) -> None:
        self.drafts: list[Draft] = []
        self.step: Step | None = None  # of the attack that is being written down
        self.random = random
        self.resident_of = resident_of

    def process_started(
        self,
        time_us: int,
        host: Host,
        parent: Process,
        program: Program,
        command: bytes,
        session: Session | None = None,
        directory: bytes = _SYSTEM_FOLDER,
    ) -> Process:
        """A process starts, in its parent's session unless another is given: Sysmon 1, 4688, or what the host has."""
        number = int(self.random() * 0xFFFFFFFFFFFF)
        pid = 4 * (300 + (number >> 20) % 7000)
        process = Process.of(guid_of(host, time_us, number), pid, program, command, session or parent.session)
        self.known_process_started(time_us, host, parent, process, directory)
        return process

    def known_process_started(
        self, time_us: int, host: Host, parent: Process, process: Process, directory: bytes = _SYSTEM_FOLDER
    ) -> None:
        """The same for a process whose ids are given."""
        pid, program, command, owner, creator = (
            process.pid,
            process.program,
            process.command,
            process.session,
            parent.session,
        )
        if host.has_sysmon:
            values = (
                utc_of(time_us),
                *(process.guid, pid, command, directory),
                *program.facts,
                *owner.in_sysmon,
                *parent.as_parent,
            )
            written_us = time_us + 900 + time_us % 5_003  # Sysmon is some milliseconds behind
            self.drafts.append(Draft(written_us, _PROCESS, host, host.sysmon_pid, values, self.step))
        if host.has_process_audit:
            is_own = owner.logon_id == creator.logon_id
            integrity = owner.integrity
            image = (pid, program.image, parent.pid, command, parent.program.image, integrity.token, integrity.label)
            target = _NO_TARGET if is_own else (owner.account.name, owner.account.domain, owner.logon_id)
            values = (*creator.in_security, *image, *target)
            self.drafts.append(Draft(time_us + 350, _PROCESS_AUDIT, host, 4, values, self.step))

    def logged_on(
        self,
        time_us: int,
        host: Host,
        account: Account,
        way: LogonWay,
        *,
        address: bytes = b"-",
        workstation: bytes = b"-",
        integrity: Integrity = MEDIUM,
        terminal: int = 0,
        logon_id: int = 0,
        logon_guid: bytes = NO_GUID,
        by: Session | None = None,
    ) -> Session:
        """4624, and 4672 for a session with privileges; `logon_id` 0 takes a new one, `by` asked for it.

        `logon_guid` is the one of the Kerberos ticket, where a domain controller wrote that it gave one.
        """
        logon_id = logon_id or 0x100000 + int(self.random() * 0xEFFFFFF)
        # No process is started in a network logon here, so nothing asks for its LogonGuid.
        sysmon_guid = NO_GUID if way.asker is None else logon_guid_of(host, time_us, logon_id)
        session = Session.of(account, logon_id, sysmon_guid, terminal, integrity)
        subject, asked_by, workstation, *place = self._origin(host, way, address, workstation)
        if way is KERBEROS and logon_guid is NO_GUID:
            logon_guid = guid_of(host, time_us, int(self.random() * 0xFFFFFFFFFFFF))
        if by is not None:
            subject = by.in_security
        elevated = b"%%1843" if integrity is MEDIUM else b"%%1842"
        values = (
            *subject,
            *account[:3],
            logon_id,
            way.type,
            way.process,
            way.package,
            workstation,
            logon_guid,
            way.lm_package,
            way.key_length,
            *asked_by,
            *place,
            elevated,
        )
        self._security(time_us, _LOGON, host, values)
        if integrity is not MEDIUM:
            self._security(time_us + 40, _PRIVILEGES, host, (*account[:3], logon_id, _ADMIN_PRIVILEGES))
        return session

    def logged_off(self, time_us: int, host: Host, session: Session, way: LogonWay) -> None:
        """4634."""
        self._security(time_us, _LOGOFF, host, (*session.account[:3], session.logon_id, way.type))

    def logon_failed(
        self,
        time_us: int,
        host: Host,
        name: bytes,
        way: LogonWay,
        *,
        address: bytes = b"127.0.0.1",
        workstation: bytes = b"-",
        reason: tuple[int, bytes, int] = WRONG_PASSWORD,
    ) -> None:
        """4625."""
        subject, asked_by, workstation, *place = self._origin(host, way, address, workstation)
        origin = (way.type, way.process, way.package, workstation, *asked_by, *place)
        self._security(time_us, _LOGON_FAILURE, host, (*subject, name, host.account.domain, *reason, *origin))

    def script_ran(
        self, time_us: int, host: Host, shell: Process, script: bytes, path: bytes = b"", *, is_suspicious: bool = False
    ) -> None:
        """4104, written by the PowerShell process `shell`."""
        activity = guid_of(host, time_us, int(self.random() * 0xFFFFFFFFFFFF))
        block = guid_of(host, int(self.random() * 2**50), int(self.random() * 0xFFFFFFFFFFFF)).lower()
        kind = _SUSPICIOUS_SCRIPT if is_suspicious else _SCRIPT
        values = (shell.session.account.sid, activity, script, block, path)
        self.drafts.append(Draft(time_us, kind, host, shell.pid, values, self.step))

    def service_installed(
        self,
        time_us: int,
        host: Host,
        by: Account,
        name: bytes,
        path: bytes,
        start: bytes = b"demand start",
        type_: bytes = b"user mode service",
    ) -> None:
        """7045; the service runs as LocalSystem."""
        values = (by.sid, name, path, type_, start, b"LocalSystem")
        pid = self.resident_of(host).services.pid
        self.drafts.append(Draft(time_us, _SERVICE_INSTALLED, host, pid, values, self.step))

    def task_created(self, time_us: int, host: Host, session: Session, name: bytes, content: bytes) -> None:
        """4698; `content` is the task's XML."""
        activity = guid_of(host, time_us, int(self.random() * 0xFFFFFFFFFFFF))
        self._security(time_us, _TASK_CREATED, host, (activity, *session.in_security, name, content))

    def share_file_checked(
        self, time_us: int, host: Host, session: Session, address: bytes, share: Share, path: bytes, access: Access
    ) -> None:
        """5145."""
        port = b"%d" % self.client_port()
        self.write(time_us, _SHARE_FILE_CHECKED, host, 4, (*session.in_security, address, port, *share, path, *access))

    def log_cleared(self, time_us: int, host: Host, session: Session) -> None:
        """1102."""
        self.drafts.append(Draft(time_us, _LOG_CLEARED, host, host.event_log_pid, session.in_security, self.step))

    def client_port(self) -> int:
        """A port by chance, of those that a system gives to whoever opens a connection."""
        return _FIRST_CLIENT_PORT + int(self.random() * _CLIENT_PORTS)

    def write(self, time_us: int, kind: int, host: Host, pid: int, values: tuple[Any, ...]) -> None:
        """Add an event of any kind; `pid` is of the process that writes it."""
        self.drafts.append(Draft(time_us, kind, host, pid, values, self.step))

    def _origin(
        self, host: Host, way: LogonWay, address: bytes, workstation: bytes
    ) -> tuple[tuple[Any, ...], tuple[int, bytes], bytes, bytes, bytes]:
        """Subject, process with its image, workstation, address and port of a logon."""
        asker = way.asker and way.asker(self.resident_of(host))
        return (
            (*host.account[:3], 0x3E7) if asker else _NOBODY,
            (asker.pid, asker.program.image) if asker else (0, b"-"),
            host.short_name if way.is_at_host else workstation,
            way.address or address,
            way.port or b"%d" % self.client_port(),
        )

    def _security(self, time_us: int, kind: int, host: Host, values: tuple[Any, ...]) -> None:
        self.drafts.append(Draft(time_us, kind, host, host.lsass_pid, values, self.step))
