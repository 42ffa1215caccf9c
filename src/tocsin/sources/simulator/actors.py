"""Who acts on a host: sessions and processes, with the ids that Windows and Sysmon give them."""

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
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
    """How a logon is made: its type, who asks for it, and what is known of where it comes from."""

    type: int
    process: bytes
    package: bytes
    asker: Callable[[Resident], Process] | None  # None: it comes over the network
    is_at_host: bool  # the workstation that is named is the host itself
    address: bytes | None = None  # None: another one each time
    port: bytes | None = b"-"  # None: any
    lm_package: bytes = b"-"
    key_length: int = 0


_WINLOGON: Callable[[Resident], Process] = attrgetter("winlogon")
_SERVICES: Callable[[Resident], Process] = attrgetter("services")
_LAUNCHER: Callable[[Resident], Process] = attrgetter("launcher")

INTERACTIVE = LogonWay(2, b"User32 ", b"Negotiate", _WINLOGON, True, b"127.0.0.1", b"0")
UNLOCK = LogonWay(7, b"Negotiat", b"Negotiate", _WINLOGON, True, b"127.0.0.1", b"0")
KERBEROS = LogonWay(3, b"Kerberos", b"Kerberos", None, False, port=None)
NTLM = LogonWay(3, b"NtLmSsp ", b"NTLM", None, False, port=None, lm_package=b"NTLM V2", key_length=128)
BATCH = LogonWay(4, b"Advapi  ", b"Negotiate", _LAUNCHER, True)
SERVICE = LogonWay(5, b"Advapi  ", b"Negotiate", _SERVICES, False)
NEW_CREDENTIALS = LogonWay(9, b"seclogo", b"Negotiate", _LAUNCHER, True)
REMOTE_INTERACTIVE = LogonWay(10, b"User32 ", b"Negotiate", _WINLOGON, True, port=b"0")

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
