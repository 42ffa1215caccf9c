"""Write down what happens on a host as the events that its logs would hold of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from tocsin.sources.simulator.fleet import Account, Host
from tocsin.sources.simulator.kinds import (
    LOG_CLEARED_NUMBER,
    LOGOFF_NUMBER,
    LOGON_FAILURE_NUMBER,
    LOGON_NUMBER,
    PRIVILEGES_NUMBER,
    PROCESS_AUDIT_NUMBER,
    PROCESS_NUMBER,
    SCRIPT_NUMBER,
    SERVICE_INSTALLED_NUMBER,
    SUSPICIOUS_SCRIPT_NUMBER,
)
from tocsin.sources.simulator.programs import Program
from tocsin.sources.simulator.text import second_of


class Integrity(NamedTuple):
    """How much a process may do, as Sysmon, the label's SID and the token's type say it."""

    name: bytes
    label: bytes
    token: bytes


MEDIUM = Integrity(b"Medium", b"S-1-16-8192", b"%%1938")
HIGH = Integrity(b"High", b"S-1-16-12288", b"%%1937")
SYSTEM_INTEGRITY = Integrity(b"System", b"S-1-16-16384", b"%%1936")


class Session(msgspec.Struct, frozen=True, gc=False):
    """A logon session on one host."""

    account: Account
    logon_id: int
    logon_guid: bytes  # as Sysmon makes it, from machine, time and logon id
    terminal: int
    integrity: Integrity
    in_sysmon: tuple[Any, ...]  # User to IntegrityLevel, as Sysmon writes them
    in_security: tuple[Any, ...]  # the four Subject fields

    @classmethod
    def of(cls, account: Account, logon_id: int, logon_guid: bytes, terminal: int, integrity: Integrity) -> "Session":
        in_sysmon = (account.user, logon_guid, logon_id, terminal, integrity.name)
        return cls(account, logon_id, logon_guid, terminal, integrity, in_sysmon, (*account[:3], logon_id))

    def elevated(self) -> "Session":
        """The same logon, for a process that runs as administrator."""
        return Session.of(self.account, self.logon_id, self.logon_guid, self.terminal, HIGH)


class Process(msgspec.Struct, frozen=True, gc=False):
    guid: bytes
    pid: int
    program: Program
    command: bytes
    session: Session
    as_parent: tuple[Any, ...]  # ParentProcessGuid to ParentUser, as Sysmon writes them

    @classmethod
    def of(cls, guid: bytes, pid: int, program: Program, command: bytes, session: Session) -> "Process":
        as_parent = (guid, pid, program.image, command, session.account.user)
        return cls(guid, pid, program, command, session, as_parent)


class Resident(NamedTuple):
    """Processes that every host has had since it was started, and the session they run in."""

    system: Session
    services: Process
    winlogon: Process
    scheduler: Process  # svchost with the task scheduler
    launcher: Process  # svchost that starts COM servers


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an attack, for the label of the events that show it."""

    scenario: str
    run: str  # which instance of the scenario
    step: int  # from 1
    title: str
    tactic: str  # ATT&CK v19 id
    technique: str
    detectable: str  # "event": one event shows it; "correlation": only several together do


class Draft(msgspec.Struct, frozen=True, gc=False):
    """An event before it has its record number: `values` are those of its kind."""

    time_us: int
    kind: int
    host: Host
    pid: int  # of the process that wrote it
    values: tuple[Any, ...]
    step: Step | None


class LogonWay(NamedTuple):
    """How a logon was made: its type and who asked for it."""

    type: int
    process: bytes
    package: bytes
    lm_package: bytes = b"-"
    key_length: int = 0


INTERACTIVE = LogonWay(2, b"User32 ", b"Negotiate")
UNLOCK = LogonWay(7, b"Negotiat", b"Negotiate")
KERBEROS = LogonWay(3, b"Kerberos", b"Kerberos")
NTLM = LogonWay(3, b"NtLmSsp ", b"NTLM", b"NTLM V2", 128)
BATCH = LogonWay(4, b"Advapi  ", b"Negotiate")
SERVICE = LogonWay(5, b"Advapi  ", b"Negotiate")
REMOTE_INTERACTIVE = LogonWay(10, b"User32 ", b"Negotiate")

WRONG_PASSWORD = (0xC000006D, b"%%2313", 0xC000006A)
NO_SUCH_USER = (0xC000006D, b"%%2313", 0xC0000064)

NO_GUID = b"00000000-0000-0000-0000-000000000000"
_ADMIN_PRIVILEGES = (
    b"SeSecurityPrivilege\\r\\n\\t\\t\\tSeTakeOwnershipPrivilege\\r\\n\\t\\t\\tSeLoadDriverPrivilege\\r\\n\\t\\t\\t"
    b"SeBackupPrivilege\\r\\n\\t\\t\\tSeRestorePrivilege\\r\\n\\t\\t\\tSeDebugPrivilege\\r\\n\\t\\t\\t"
    b"SeSystemEnvironmentPrivilege\\r\\n\\t\\t\\tSeImpersonatePrivilege\\r\\n\\t\\t\\t"
    b"SeDelegateSessionUserImpersonatePrivilege"
)
_WINLOGON = b"C:\\\\Windows\\\\System32\\\\winlogon.exe"
_SVCHOST = b"C:\\\\Windows\\\\System32\\\\svchost.exe"
_SERVICES = b"C:\\\\Windows\\\\System32\\\\services.exe"
_SYSTEM_FOLDER = b"C:\\\\Windows\\\\system32\\\\"
_NOBODY = (b"S-1-0-0", b"-", b"-", 0)
_NO_TARGET = (b"-", b"-", 0)


class Recorder:
    """Collects drafts. What it needs by chance comes from `random()` (from 0 to 1) alone, in the order of the calls."""

    def __init__(self, resident_of: Callable[[Host], Resident], random: Callable[[], float]) -> None:
        self.drafts: list[Draft] = []
        self.step: Step | None = None  # of the attack that is being written down
        self.random = random
        self._resident_of = resident_of

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
            second, micros = divmod(time_us, 1_000_000)
            utc = b"%b%03d" % (second_of(second, b" "), micros // 1000)
            values = (utc, process.guid, pid, command, directory, *program.facts, *owner.in_sysmon, *parent.as_parent)
            written_us = time_us + 900 + time_us % 5_003  # Sysmon is some milliseconds behind
            self.drafts.append(Draft(written_us, PROCESS_NUMBER, host, host.sysmon_pid, values, self.step))
        if host.has_process_audit:
            is_own = owner.logon_id == creator.logon_id
            integrity = owner.integrity
            image = (pid, program.image, parent.pid, command, parent.program.image, integrity.token, integrity.label)
            target = _NO_TARGET if is_own else (owner.account.name, owner.account.domain, owner.logon_id)
            values = (*creator.in_security, *image, *target)
            self.drafts.append(Draft(time_us + 350, PROCESS_AUDIT_NUMBER, host, 4, values, self.step))

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
    ) -> Session:
        """4624, and 4672 for a session with privileges; `logon_id` 0 takes a new one."""
        resident = self._resident_of(host)
        logon_id = logon_id or 0x100000 + int(self.random() * 0xEFFFFFF)
        # No process is started in a network logon here, so nothing asks for its LogonGuid.
        sysmon_guid = NO_GUID if way.type == 3 else logon_guid_of(host, time_us, logon_id)
        session = Session.of(account, logon_id, sysmon_guid, terminal, integrity)
        subject: tuple[Any, ...] = (*host.account[:3], 0x3E7)
        asked_by: tuple[int, bytes] = (resident.launcher.pid, _SVCHOST)
        port, logon_guid = b"0", NO_GUID
        if way.type == 3:
            subject, asked_by = _NOBODY, (0, b"-")
            port = b"%d" % (49152 + int(self.random() * 16000))
            if way is KERBEROS:
                logon_guid = guid_of(host, time_us, int(self.random() * 0xFFFFFFFFFFFF))
        elif way.type in (2, 7):
            asked_by, address, workstation = (resident.winlogon.pid, _WINLOGON), b"127.0.0.1", host.short_name
        elif way.type == 10:
            asked_by, workstation = (resident.winlogon.pid, _WINLOGON), host.short_name
        elif way.type == 5:
            asked_by, port = (resident.services.pid, _SERVICES), b"-"
        else:
            workstation, port = host.short_name, b"-"
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
            address,
            port,
            elevated,
        )
        self._security(time_us, LOGON_NUMBER, host, values)
        if integrity is not MEDIUM:
            self._security(time_us + 40, PRIVILEGES_NUMBER, host, (*account[:3], logon_id, _ADMIN_PRIVILEGES))
        return session

    def logged_off(self, time_us: int, host: Host, session: Session, way: LogonWay) -> None:
        """4634."""
        self._security(time_us, LOGOFF_NUMBER, host, (*session.account[:3], session.logon_id, way.type))

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
        subject: tuple[Any, ...] = _NOBODY
        asked_by: tuple[int, bytes] = (0, b"-")
        if way.type != 3:
            subject = (*host.account[:3], 0x3E7)
            asked_by = (self._resident_of(host).winlogon.pid, _WINLOGON)
            workstation = host.short_name
        port = b"0" if way.type != 3 else b"%d" % (49152 + int(self.random() * 16000))
        origin = (way.type, way.process, way.package, workstation, *asked_by, address, port)
        self._security(time_us, LOGON_FAILURE_NUMBER, host, (*subject, name, host.account.domain, *reason, *origin))

    def script_ran(
        self, time_us: int, host: Host, shell: Process, script: bytes, path: bytes = b"", *, is_suspicious: bool = False
    ) -> None:
        """4104, written by the PowerShell process `shell`."""
        activity = guid_of(host, time_us, int(self.random() * 0xFFFFFFFFFFFF))
        block = guid_of(host, int(self.random() * 2**50), int(self.random() * 0xFFFFFFFFFFFF)).lower()
        kind = SUSPICIOUS_SCRIPT_NUMBER if is_suspicious else SCRIPT_NUMBER
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
        pid = self._resident_of(host).services.pid
        self.drafts.append(Draft(time_us, SERVICE_INSTALLED_NUMBER, host, pid, values, self.step))

    def log_cleared(self, time_us: int, host: Host, session: Session) -> None:
        """1102."""
        self.drafts.append(Draft(time_us, LOG_CLEARED_NUMBER, host, host.event_log_pid, session.in_security, self.step))

    def _security(self, time_us: int, kind: int, host: Host, values: tuple[Any, ...]) -> None:
        self.drafts.append(Draft(time_us, kind, host, host.lsass_pid, values, self.step))


def guid_of(host: Host, time_us: int, number: int) -> bytes:
    """Make a GUID as Sysmon does for a process: machine, second, then what tells it from the others (48 bits)."""
    return b"%b%b%04X-%012X" % (host.machine, _guid_second(time_us // 1_000_000), (number >> 7) & 0xFFFF, number)


def logon_guid_of(host: Host, time_us: int, logon_id: int) -> bytes:
    """Make the LogonGuid of Sysmon: machine, second, and the logon id, lowest byte first."""
    low = logon_id.to_bytes(8, "little").hex().upper().encode()
    return b"%b%b%b-%b" % (host.machine, _guid_second(time_us // 1_000_000), low[:4], low[4:])


@lru_cache(maxsize=1 << 12)
def _guid_second(second: int) -> bytes:
    return b"%04X-%04X-" % (second & 0xFFFF, second >> 16)
