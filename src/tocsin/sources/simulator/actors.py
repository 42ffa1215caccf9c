"""Who acts on a host: sessions and processes, with the ids that Windows and Sysmon give them."""

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from tocsin.sources.simulator.fleet import Account, Host
from tocsin.sources.simulator.programs import Program


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
    lsass: Process


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


NO_GUID = b"00000000-0000-0000-0000-000000000000"


def guid_of(host: Host, time_us: int, number: int) -> bytes:
    """Make a GUID as Sysmon does for a process: machine, second, then what tells it from the others (48 bits)."""
    digits = f"{(number >> 7) & 0xFFFF:04X}-{number:012X}".encode()
    return host.machine + _guid_second(time_us // 1_000_000) + digits


def logon_guid_of(host: Host, time_us: int, logon_id: int) -> bytes:
    """Make the LogonGuid of Sysmon: machine, second, and the logon id, lowest byte first."""
    low = logon_id.to_bytes(8, "little").hex().upper().encode()
    return b"%b%b%b-%b" % (host.machine, _guid_second(time_us // 1_000_000), low[:4], low[4:])


@lru_cache(maxsize=1 << 12)
def _guid_second(second: int) -> bytes:
    return b"%04X-%04X-" % (second & 0xFFFF, second >> 16)
